"""How long payloads and readings are kept after access has ended, and their end.

Counted per facility and provider: a later consent at the same utility goes on with the same
meters, so nothing is due while one stands, or while the last of them ended too recently. Files that
people imported came by no consent and are not touched; nor is what a final report rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.states import AuthStatus
from dcarbon.services import audit, erasure, readings_storing
from dcarbon.services.actors import SYSTEM
from dcarbon.services.erasure import Erased, Scope
from dcarbon.services.runtime import Runtime
from dcarbon.settings import Settings

_STANDS = frozenset({AuthStatus.AUTHORIZED, AuthStatus.EXPIRED})
"""A consent that is in force, or may be given anew any day."""


@dataclass(frozen=True, slots=True)
class Due:
    """What one facility has of one provider and is not to be kept any longer.

    ``ended_at`` is when the last consent ended (UTC). ``payloads`` and ``readings`` say which.
    """

    facility_id: UUID
    provider: str
    utility: str
    authorization_ids: tuple[UUID, ...]
    ended_at: datetime
    payloads: bool
    readings: bool

    @property
    def latest(self) -> UUID:
        """The authorization that audit entries name."""
        return self.authorization_ids[-1]

    @property
    def scope(self) -> Scope:
        return Scope(self.facility_id, self.authorization_ids)


@dataclass(frozen=True, slots=True)
class Enforced:
    """One :class:`Due` and what was erased of it, or would be."""

    due: Due
    erased: Erased


def due(session: Session, settings: Settings, *, at: datetime) -> list[Due]:
    """Return what is to be erased at an instant, what ended longest ago first."""
    limits = _limits(settings, at)
    candidates = [limit for limit in (limits.payloads, limits.readings) if limit is not None]
    if not candidates:
        return []
    row = Authorization
    pairs = select(row.facility_id, row.provider).where(
        row.status == AuthStatus.REVOKED,
        row.readings_erased_at.is_(None),
        row.status_at < max(candidates),
        *_something_left(settings),
    )
    rows = session.scalars(
        select(row)
        .where(tuple_(row.facility_id, row.provider).in_(pairs))
        .order_by(row.facility_id, row.provider, row.status_at, row.id)
    ).all()
    groups = groupby(rows, key=lambda one: (one.facility_id, one.provider))
    found = (_due(list(group), limits) for _, group in groups)
    return sorted((one for one in found if one), key=lambda one: (one.ended_at, one.latest))


def preview(runtime: Runtime, *, at: datetime | None = None) -> list[Enforced]:
    """Return what would be erased now, or at a later instant, as things stand. Changes nothing."""
    moment = at or runtime.now()
    found: list[Enforced] = []
    with runtime.sessions() as session:
        for one in due(session, runtime.settings, at=moment):
            looked = erasure.look(session, one.scope, payloads=one.payloads, readings=one.readings)
            found.append(Enforced(one, looked))
    return found


def enforce(runtime: Runtime, asked: Due) -> Enforced | None:
    """Erase what is due of one facility and provider, in a transaction of its own.

    ``None`` when it is not due any more: somebody gave consent again, or it is done already.
    ``leaving_payloads.settle`` removes the bytes afterwards.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        erasure.hold(session)
        # Before the rows, as those do that write what they collected.
        readings_storing.lock(session, [asked.facility_id])
        rows = session.scalars(
            select(Authorization)
            .where(
                Authorization.facility_id == asked.facility_id,
                Authorization.provider == asked.provider,
            )
            .order_by(Authorization.status_at, Authorization.id)
            .with_for_update()
        ).all()
        one = _due(rows, _limits(runtime.settings, now))
        if one is None:
            return None
        erased = erasure.erase(
            session, one.scope, payloads=one.payloads, readings=one.readings, now=now
        )
        # An attempt that failed may still be tried again: it is not at its end.
        for row in (row for row in rows if row.status == AuthStatus.REVOKED):
            if one.payloads:
                row.payloads_erased_at = row.payloads_erased_at or now
            if one.readings:
                row.readings_erased_at = row.readings_erased_at or now
        if not erased.is_nothing:
            _record(session, runtime.settings, one, erased, at=now)
    return Enforced(one, erased)


@dataclass(frozen=True, slots=True)
class _Limits:
    """What ended before these is not kept; ``None``: all is."""

    payloads: datetime | None
    readings: datetime | None


def _limits(settings: Settings, at: datetime) -> _Limits:
    def before(days: int | None) -> datetime | None:
        return None if days is None else at - timedelta(days=days)

    return _Limits(before(settings.payload_retention_days), before(settings.reading_retention_days))


def _something_left(settings: Settings) -> Iterable[ColumnElement[bool]]:
    """Where readings are kept for ever, payloads that are gone leave nothing to do."""
    if settings.reading_retention_days is None:
        yield Authorization.payloads_erased_at.is_(None)


def _due(rows: Sequence[Authorization], limits: _Limits) -> Due | None:
    """Return what is due of one facility and provider; ``rows`` are all its authorizations."""
    ended = [row for row in rows if row.status == AuthStatus.REVOKED]
    if not ended or any(_stands(row) for row in rows):
        return None
    ended_at = max(row.status_at for row in ended)
    payloads = _is_over(ended_at, limits.payloads) and any(
        row.payloads_erased_at is None for row in ended
    )
    readings = _is_over(ended_at, limits.readings) and any(
        row.readings_erased_at is None for row in ended
    )
    if not (payloads or readings):
        return None
    latest = max(ended, key=lambda row: (row.status_at, row.id))
    return Due(
        facility_id=latest.facility_id,
        provider=latest.provider,
        utility=latest.utility,
        authorization_ids=(*(row.id for row in rows if row is not latest), latest.id),
        ended_at=ended_at,
        payloads=payloads,
        readings=readings,
    )


def _stands(row: Authorization) -> bool:
    """Say whether a consent is in force or was and may come back; an attempt that never came to
    anything stands for nothing.
    """
    if row.status in _STANDS:
        return True
    return row.status != AuthStatus.REVOKED and row.authorized_at is not None


def _is_over(ended_at: datetime, limit: datetime | None) -> bool:
    return limit is not None and ended_at < limit


def _record(
    session: Session, settings: Settings, one: Due, erased: Erased, *, at: datetime
) -> None:
    audit.record(
        session,
        AuditEvent.DATA_ERASED,
        actor=SYSTEM,
        at=at,
        facility_id=one.facility_id,
        authorization_id=one.latest,
        provider=one.provider,
        ended_on=one.ended_at.date(),
        is_payloads=one.payloads,
        is_readings=one.readings,
        payload_retention_days=settings.payload_retention_days,
        reading_retention_days=settings.reading_retention_days,
        counts=dict(erased.counts),
        reports=[str(report.report_id) for report in erased.held.reports],
    )


def next_end(session: Session, settings: Settings, *, at: datetime) -> date | None:
    """Return the next day (UTC) on which something becomes due, as things stand; ``None``: none."""
    days = [
        kept
        for kept in (settings.payload_retention_days, settings.reading_retention_days)
        if kept is not None
    ]
    row = Authorization
    moments = []
    for kept in days:
        waiting = select(row.status_at).where(
            row.status == AuthStatus.REVOKED,
            row.readings_erased_at.is_(None),
            row.status_at >= at - timedelta(days=kept),
        )
        first = session.scalar(waiting.order_by(row.status_at).limit(1))
        if first is not None:
            moments.append(first + timedelta(days=kept))
    return min(moments).date() if moments else None
