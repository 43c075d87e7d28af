"""Bytes that leave the landing zone: set aside at once, deleted for good an hour later.

Landing writes bytes first and their record after; bytes found there already are not written again.
So while payloads are erased, somebody may be about to record the very same bytes. Setting them
aside makes whoever comes later write them anew; whoever came before has recorded them within the
hour, and then they are brought back. The landing zone is left as the rows say, also after a crash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select

from dcarbon.db import snapshots
from dcarbon.db.deletions import LeavingPayload
from dcarbon.db.payloads import LandedPayload
from dcarbon.services.runtime import Runtime

SETTLED_AFTER = timedelta(hours=1)
"""Far longer than it takes from writing bytes to recording them."""
ARRIVED_WITHIN = timedelta(days=1)
"""Far longer than the largest file takes: what is still arriving then never will."""
_AT_ONCE = 500


@dataclass(slots=True)
class Settled:
    """What became of payloads that were leaving."""

    set_aside: int = 0
    deleted: int = 0
    brought_back: int = 0


def settle(runtime: Runtime) -> Settled:
    """Set aside what is to leave, delete what has been aside for an hour, and bring back what has
    landed again; delete what killed processes left half written. Safe to repeat and to stop at any
    point.
    """
    done = Settled()
    runtime.landing.sweep(runtime.now() - ARRIVED_WITHIN)
    after = b""
    while hashes := _some(runtime, after):
        for digest in hashes:
            _settle(runtime, digest, done)
        after = hashes[-1]
    return done


def _some(runtime: Runtime, after: bytes) -> list[bytes]:
    row = LeavingPayload
    chosen = select(row.sha256).where(row.sha256 > after).order_by(row.sha256).limit(_AT_ONCE)
    with runtime.sessions() as session:
        return list(session.scalars(chosen))


def _settle(runtime: Runtime, digest: bytes, done: Settled) -> None:
    """Take one payload a step further. The row is locked: two who settle do not meet."""
    now, landing = runtime.now(), runtime.landing
    with runtime.sessions.begin() as session:
        if not snapshots.may_remove_payloads(session):
            # A backup that is being made wants what was there when it began; later is soon enough.
            return
        row = session.scalar(
            select(LeavingPayload)
            .where(LeavingPayload.sha256 == digest)
            .with_for_update(skip_locked=True)
        )
        if row is None:
            return
        kept = select(LandedPayload.id).where(
            LandedPayload.sha256 == digest, LandedPayload.erased_at.is_(None)
        )
        if session.scalar(kept.limit(1)) is not None:
            landing.bring_back(digest)
            done.brought_back += 1
        elif landing.exists(digest):
            landing.set_aside(digest)
            row.left_at = now
            done.set_aside += 1
            return
        elif now - row.left_at < SETTLED_AFTER:
            return
        else:
            landing.delete_aside(digest)
            done.deleted += 1
        session.execute(delete(LeavingPayload).where(LeavingPayload.sha256 == digest))
