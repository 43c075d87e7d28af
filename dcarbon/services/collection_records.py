"""What a collection writes about itself: attempt, order, coverage, health and audit entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dcarbon.db import coverage_days
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    DCarbonError,
    InvalidTransition,
    NotFound,
    ProviderUnavailable,
    ReauthorizationRequired,
)
from dcarbon.domain.flows import Measure, Unit
from dcarbon.domain.states import AuthStatus
from dcarbon.services import audit, authorization_records, work
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime

BLOCKED_RETRY = timedelta(hours=1)
"""How soon to look again when an administrator or developer has to act first."""

_NOT_THE_CUSTOMERS = (ProviderUnavailable, ClientCredentialsRejected)
"""What no customer can mend: an authorization that is still pending stays so."""

_TOTALS = text("""
    select i.direction, sum(i.value) from intervals i
    where i.series_id = any(:series)
      and i.utc_day between cast(:first as date) and cast(:last as date)
      and i.start_utc >= :start and i.start_utc < :end
    group by i.direction
""")


@dataclass(slots=True)
class Job:
    """One collection under way: for whom, ``[start, end)``, on which order."""

    authorization: Authorization
    start: datetime
    end: datetime
    attempt_id: UUID
    order_id: UUID | None
    order_attempts: int = 0
    """Of the order when the collection began: more of them since then mean it was woken."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What is stored for the window now; energy in kWh, coverage in channel days."""

    meters: int
    delivered_kwh: Decimal
    received_kwh: Decimal
    covered_days: int
    due_days: int


def begin(
    runtime: Runtime,
    authorization_id: UUID,
    *,
    start: datetime | None,
    end: datetime | None,
    order_id: UUID | None,
    run_id: str | None,
) -> Job:
    """Decide the window and write the attempt down. Raises :class:`NotFound`."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        authorization = session.get(Authorization, authorization_id)
        if authorization is None:
            raise NotFound("no such authorization")
        order = _order(session, authorization_id, order_id, windowed=start is not None, now=now)
        if order is not None:
            start, end = start or order.window_start, end or order.window_end
        attempt = work.start_attempt(
            session,
            authorization_id,
            order_id=order.id if order else None,
            run_id=run_id,
            now=now,
        )
        return Job(
            authorization,
            start or _default_start(session, runtime, authorization),
            end or now,
            attempt.id,
            order.id if order else None,
            order.attempts if order else 0,
        )


def finished(runtime: Runtime, job: Job, counts: dict[str, int]) -> None:
    """Close everything: attempt, order, ``last_sync``, health, one audit entry with counts."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        _close_attempt(session, job, counts, now=now)
        row = session.get_one(Authorization, job.authorization.id, with_for_update=True)
        row.last_sync = now
        work.set_health(row, "ok", code=None, now=now)
        session.get_one(Facility, row.facility_id).last_sync = now
        if job.order_id is not None:
            work.close_order(session, job.order_id, outcome="done", now=now)
        audit.record(
            session,
            AuditEvent.INTERVAL_DATA_IMPORTED,
            actor=SYSTEM,
            at=now,
            facility_id=row.facility_id,
            authorization_id=row.id,
            start=job.start.isoformat(),
            end=job.end.isoformat(),
            **counts,
        )


def waiting(runtime: Runtime, job: Job, again_at: datetime, counts: dict[str, int]) -> None:
    """The provider is not ready: the order stays open and is taken up again.

    Where a notification brought the order forward meanwhile, it stays there.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        attempt = _close_attempt(session, job, counts, now=now)
        attempt.next_try_at = again_at
        if job.order_id is not None:
            order = session.get_one(WorkOrder, job.order_id, with_for_update=True)
            if order.attempts == job.order_attempts:
                order.not_before = again_at
            order.attempts += 1


def stopped(runtime: Runtime, job: Job, error: DCarbonError, counts: dict[str, int]) -> None:
    """The provider, customer or an administrator stands in the way: write who and when next."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        attempt = _close_attempt(session, job, counts, now=now)
        attempt.error_code, attempt.error_detail = error.code, str(error)[:500]
        row = session.get_one(Authorization, job.authorization.id, with_for_update=True)
        if isinstance(error, ReauthorizationRequired):
            authorization_records.mark_expired(runtime, session, row, error, now=now)
            work.set_health(row, "blocked", code=error.code, now=now)
            _close(session, job, "given_up", now)
            return
        if isinstance(error, InvalidTransition):
            _close(session, job, "cancelled", now)
            return
        if row.status == AuthStatus.PENDING and not isinstance(error, _NOT_THE_CUSTOMERS):
            authorization_records.mark_failed(runtime, session, row, error, actor=SYSTEM, now=now)
            _close(session, job, "given_up", now)
            return
        health = "delayed" if isinstance(error, ProviderUnavailable) else "blocked"
        work.set_health(row, health, code=error.code, now=now)
        attempt.next_try_at = now + _wait(session, job, error)
        if job.order_id is not None:
            work.postpone(session, job.order_id, until=attempt.next_try_at, error=error)


def broken(runtime: Runtime, job: Job, error: DCarbonError, counts: dict[str, int]) -> None:
    """We are broken: the attempt says so, the order stays as it is for the next run."""
    with runtime.sessions.begin() as session:
        attempt = _close_attempt(session, job, counts, now=runtime.now())
        attempt.error_code, attempt.error_detail = error.code, str(error)[:500]


def cover_and_total(runtime: Runtime, job: Job, *, all_read: bool) -> Totals:
    """Bring coverage up to date over the window and sum what is stored in it.

    Unless ``all_read``, an empty day is not *asked and empty*: its readings may have been in what
    could not be read.
    """
    now = runtime.now()
    identity = job.authorization.id
    with runtime.sessions.begin() as session:
        meters = session.scalars(select(Meter).where(Meter.authorization_id == identity)).all()
        for meter in meters:
            coverage_days.update_coverage(
                session,
                meter_id=meter.id,
                zone=ZoneInfo(meter.time_zone),
                start=job.start,
                end=job.end,
                asked_at=now if all_read else None,
                now=now,
            )
        energy = _energy(session, job)
        days = coverage_days.summary(
            session,
            first_day=job.start.date(),
            last_day=job.end.date(),
            meter_ids=[meter.id for meter in meters],
        )
    return Totals(
        meters=len(meters),
        delivered_kwh=energy.get("delivered", Decimal(0)),
        received_kwh=energy.get("received", Decimal(0)),
        covered_days=days.covered,
        due_days=days.due,
    )


def _energy(session: Session, job: Job) -> dict[str, Decimal]:
    series = session.scalars(
        select(Series.id)
        .join(MeterChannel, MeterChannel.id == Series.channel_id)
        .join(Meter, Meter.id == MeterChannel.meter_id)
        .where(
            Meter.authorization_id == job.authorization.id,
            MeterChannel.unit == Unit.WH,
            MeterChannel.measure == Measure.USAGE,
        )
    ).all()
    rows = session.execute(
        _TOTALS,
        {
            "series": series,
            "first": job.start.date(),
            "last": job.end.date(),
            "start": job.start,
            "end": job.end,
        },
    )
    return {row[0]: Decimal(row[1]) / 1000 for row in rows}


def _order(
    session: Session,
    authorization_id: UUID,
    order_id: UUID | None,
    *,
    windowed: bool,
    now: datetime,
) -> WorkOrder | None:
    if order_id is not None:
        order = session.get(WorkOrder, order_id)
        if order is None or order.authorization_id != authorization_id or order.done_at is not None:
            return None
        return order
    if windowed:
        return None
    return session.scalar(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id == authorization_id,
            WorkOrder.done_at.is_(None),
            WorkOrder.not_before <= now,
            WorkOrder.kind.in_(("collect", "repull")),
        )
        .order_by(WorkOrder.id)
        .limit(1)
    )


def _default_start(session: Session, runtime: Runtime, authorization: Authorization) -> datetime:
    """The newest reading less the overlap; the first time, the history of settings."""
    now, settings = runtime.now(), runtime.settings
    limit = runtime.providers.profile(authorization.provider).history_limit_days
    oldest = now - timedelta(days=min(settings.history_days, limit or settings.history_days))
    newest = session.scalar(
        select(func.min(Series.last_end))
        .join(MeterChannel, MeterChannel.id == Series.channel_id)
        .join(Meter, Meter.id == MeterChannel.meter_id)
        .where(Meter.authorization_id == authorization.id, Series.last_end.is_not(None))
    )
    if newest is None or authorization.last_sync is None:
        return oldest
    return max(oldest, newest - timedelta(days=settings.overlap_days))


def _close_attempt(
    session: Session, job: Job, counts: dict[str, int], *, now: datetime
) -> SyncAttempt:
    attempt = session.get_one(SyncAttempt, job.attempt_id)
    attempt.finished_at = now
    for name in ("payloads", "readings", "restated", "unreadable"):
        setattr(attempt, name, counts.get(name, 0))
    return attempt


def _close(session: Session, job: Job, outcome: str, now: datetime) -> None:
    if job.order_id is not None:
        work.close_order(session, job.order_id, outcome=outcome, now=now)


def _wait(session: Session, job: Job, error: DCarbonError) -> timedelta:
    if not isinstance(error, ProviderUnavailable):
        return BLOCKED_RETRY if isinstance(error, ClientCredentialsRejected) else work.LONGEST_WAIT
    order = session.get(WorkOrder, job.order_id) if job.order_id else None
    return work.back_off(order.attempts if order else 0, error)
