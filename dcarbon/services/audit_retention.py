"""The end of old audit entries: removed from the beginning, and the chain says so.

An entry that says what was removed is appended in the same transaction, with the hash the oldest
remaining entry is chained to. It is proven like any other; the database lets nothing else go.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db import audit_chain
from dcarbon.db.audit import AuditEntry
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services import audit
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime

AT_ONCE = 50_000
"""Entries that one transaction removes: appends wait for it."""
_LONGEST_YEAR = timedelta(days=366)


def remove_old(runtime: Runtime, *, at_once: int = AT_ONCE) -> int:
    """Remove the entries older than the setting ``audit_retention_years``; return how many.

    Only from the beginning, and only up to the first that is younger; the newest entry stays
    whatever its age. Safe to repeat.
    """
    removed = 0
    while count := _remove_some(runtime, at_once):
        removed += count
    return removed


def _remove_some(runtime: Runtime, at_once: int) -> int:
    now = runtime.now()
    years = runtime.settings.audit_retention_years
    with runtime.sessions.begin() as session:
        last = _last_old(session, now - years * _LONGEST_YEAR, at_once)
        if last is None:
            return 0
        gone = audit_chain.remove_through(session, last)
        audit.record(
            session,
            AuditEvent.AUDIT_ENTRIES_REMOVED,
            actor=SYSTEM,
            at=now,
            last_seq=gone.last_seq,
            last_hash=gone.last_hash.hex(),
            newest_at=gone.newest_at,
            entries=gone.entries,
            retention_years=years,
        )
        return gone.entries


def _last_old(session: Session, before: datetime, at_once: int) -> int | None:
    """Return the last entry of those to go now, ``None`` when none are."""
    oldest, newest = session.execute(
        select(func.min(AuditEntry.seq), func.max(AuditEntry.seq))
    ).one()
    if oldest is None:
        return None
    first_kept = session.scalar(
        select(AuditEntry.seq).where(AuditEntry.at >= before).order_by(AuditEntry.seq).limit(1)
    )
    last: int = min(first_kept or newest, newest, oldest + at_once) - 1
    return last if last >= oldest else None
