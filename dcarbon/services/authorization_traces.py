"""What one authorization has many of: sync attempts, landed payloads, audit entries; newest first.

Each comes in pages by key and whole for the files. The caller has checked who may see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain import audit_words, texts
from dcarbon.domain.text import Text
from dcarbon.services import role_names
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_timeline import SYSTEM_NAME, UNKNOWN_NAME

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Item]):
    """Part of a list. ``next_after`` is the key of the next part, ``None`` at the end."""

    items: tuple[Item, ...]
    total: int
    next_after: str | None


@dataclass(frozen=True, slots=True)
class SyncAttemptView:
    """One try to collect. Times are UTC; counts are of this try."""

    id: UUID
    started_at: datetime
    finished_at: datetime | None
    error_code: str | None
    error: Text | None
    """The words for the code."""
    error_detail: str | None
    next_try_at: datetime | None
    payloads: int
    readings: int
    restated: int
    unreadable: int
    run_id: str | None
    """Of the Dagster run."""
    asked_by: str
    """What it was part of: the key of a scheduled sync, or the reason of its work order."""
    kind: str


@dataclass(frozen=True, slots=True)
class LandedView:
    """The record of one answer of the provider; its bytes are got by ``payload_looks``."""

    id: UUID
    sha256: str
    byte_count: int
    media_type: str
    source: str
    received_at: datetime
    state: str
    parser: str | None
    readings: int
    warnings: int
    error_code: str | None
    error: Text | None
    erased_at: datetime | None
    """Since when its bytes are not kept any more; the rest stays."""


@dataclass(frozen=True, slots=True)
class EntryView:
    """One audit entry about the authorization."""

    seq: int
    at: datetime
    event: str
    title: str
    sentence: str
    who: str
    ip: str | None
    details: dict[str, Any]
    hash: str


def attempts(
    session: Session, row: Authorization, *, after: UUID | None = None, limit: int | None = None
) -> Listed[SyncAttemptView]:
    """Return the tries to collect."""
    mine = SyncAttempt.authorization_id == row.id
    chosen = (
        select(SyncAttempt, WorkOrder)
        .outerjoin(WorkOrder, WorkOrder.id == SyncAttempt.work_order_id)
        .where(mine)
        .order_by(SyncAttempt.id.desc())
    )
    if after is not None:
        chosen = chosen.where(SyncAttempt.id < after)
    rows = session.execute(chosen.limit(limit + 1 if limit else None)).all()
    total = session.scalar(select(func.count()).where(mine).select_from(SyncAttempt)) or 0
    return _listed([_attempt(one, order) for one, order in rows], total, limit)


def payloads(
    session: Session, row: Authorization, *, after: UUID | None = None, limit: int | None = None
) -> Listed[LandedView]:
    """Return the records of what the provider answered."""
    mine = LandedPayload.authorization_id == row.id
    chosen = select(LandedPayload).where(mine).order_by(LandedPayload.id.desc())
    if after is not None:
        chosen = chosen.where(LandedPayload.id < after)
    rows = session.scalars(chosen.limit(limit + 1 if limit else None)).all()
    total = session.scalar(select(func.count()).where(mine).select_from(LandedPayload)) or 0
    return _listed([view_of(one) for one in rows], total, limit)


def entries(
    session: Session,
    row: Authorization,
    *,
    actor: Actor,
    after: int | None = None,
    limit: int | None = None,
    but: Sequence[str] = (),
) -> Listed[EntryView]:
    """Return the audit entries about it, except those of the events in ``but``."""
    mine = (AuditEntry.authorization_id == row.id) & AuditEntry.event.not_in(but)
    chosen = select(AuditEntry).where(mine).order_by(AuditEntry.seq.desc())
    if after is not None:
        chosen = chosen.where(AuditEntry.seq < after)
    rows = session.scalars(chosen.limit(limit + 1 if limit else None)).all()
    total = session.scalar(select(func.count()).where(mine).select_from(AuditEntry)) or 0
    names = role_names.of(
        session, {one.actor_id for one in rows}, facility_id=row.facility_id, actor=actor
    )
    return _listed([_entry(one, names) for one in rows], total, limit)


def view_of(one: LandedPayload) -> LandedView:
    return LandedView(
        id=one.id,
        sha256=one.sha256.hex(),
        byte_count=one.byte_count,
        media_type=one.media_type,
        source=one.source,
        received_at=one.received_at,
        state=one.state,
        parser=one.parser,
        readings=one.readings,
        warnings=one.warnings,
        error_code=one.error_code,
        error=texts.of(one.error_code) if one.error_code else None,
        erased_at=one.erased_at,
    )


def _listed(items: Sequence[Item], total: int, limit: int | None) -> Listed[Item]:
    shown = tuple(items[:limit])
    is_more = len(items) > len(shown)
    last: Any = shown[-1] if shown else None
    key = str(last.seq if isinstance(last, EntryView) else last.id) if is_more else None
    return Listed(shown, total, key)


def _attempt(one: SyncAttempt, order: WorkOrder | None) -> SyncAttemptView:
    return SyncAttemptView(
        id=one.id,
        started_at=one.started_at,
        finished_at=one.finished_at,
        error_code=one.error_code,
        error=texts.of(one.error_code) if one.error_code else None,
        error_detail=one.error_detail,
        next_try_at=one.next_try_at,
        payloads=one.payloads,
        readings=one.readings,
        restated=one.restated,
        unreadable=one.unreadable,
        run_id=one.run_id,
        asked_by=one.sync_key or (order.reason if order else ""),
        kind=order.kind if order else "sync",
    )


def _entry(one: AuditEntry, names: dict[UUID, str]) -> EntryView:
    told = audit_words.of(one.event)
    who = names.get(one.actor_id, UNKNOWN_NAME) if one.actor_id else SYSTEM_NAME
    return EntryView(
        seq=one.seq,
        at=one.at,
        event=one.event,
        title=told.title,
        sentence=told.sentence,
        who=who,
        ip=str(one.ip) if one.ip is not None else None,
        details=one.details,
        hash=one.hash.hex(),
    )
