"""What a collection writes about itself: pieces, attempt, order, health and audit entry.

Each function is one transaction, written after a step of the collection and never around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import case, update
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.meters import Meter
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    ConsentRevoked,
    DCarbonError,
    InvalidTransition,
    ProviderUnavailable,
    ReauthorizationRequired,
)
from dcarbon.domain.pieces import Window
from dcarbon.domain.states import AuthStatus, SyncHealth
from dcarbon.services import (
    audit,
    authorization_records,
    collection_jobs,
    collection_totals,
    readings_storing,
    work,
)
from dcarbon.services.actors import SYSTEM
from dcarbon.services.collection_jobs import Job
from dcarbon.services.collection_totals import Totals
from dcarbon.services.fetching import EVERY_METER, Waiting
from dcarbon.services.runtime import Runtime

BLOCKED_RETRY = timedelta(hours=1)
"""How soon to look again when an administrator or developer has to act first."""

_NOT_THE_CUSTOMERS = (ProviderUnavailable, ClientCredentialsRejected)
"""What no customer can mend: an authorization that is still pending stays so."""
_DAY = timedelta(days=1)

Counts = Mapping[str, int]


def pieces_asked(runtime: Runtime, job: Job, counts: Counts) -> None:
    """Record pieces that were asked for to their end, so that nobody asks for them again.

    Without an order there is nobody to go on from them: they are recorded with the end.
    """
    if job.order_id is not None:
        with runtime.sessions.begin() as session:
            _record_pieces(session, job, counts, now=runtime.now())


def finished(runtime: Runtime, job: Job, counts: Counts) -> Totals:
    """Close everything: attempt, order, ``last_sync``, health, one audit entry with counts."""
    now = runtime.now()
    row = job.authorization
    with runtime.sessions.begin() as session:
        meters = _record_pieces(session, job, counts, now=now)
        totals = collection_totals.total(session, collection_totals.zones_of(meters), job.window)
        _close_attempt(session, job, counts, now=now)
        _synced(session, job, now=now)
        _close(session, job, "done", now)
        audit.record(
            session,
            AuditEvent.INTERVAL_DATA_IMPORTED,
            actor=SYSTEM,
            at=now,
            facility_id=row.facility_id,
            authorization_id=row.id,
            start=job.start.isoformat(),
            end=job.end.isoformat(),
            **{**counts, "meters": totals.meters},
        )
    return totals


def waiting(runtime: Runtime, job: Job, wait: Waiting, counts: Counts) -> Totals:
    """The provider is not ready: the order stays open and is taken up again.

    Where a notification brought the order forward meanwhile, it stays there.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        meters = _record_pieces(session, job, counts, now=now)
        totals = collection_totals.total(session, collection_totals.zones_of(meters), job.window)
        again_at = wait.again_at
        if wait.is_polled:
            again_at = max(again_at, now + work.look_again(job.order_attempts))
        _close_attempt(session, job, counts, now=now, next_try_at=again_at)
        if job.order_id is not None:
            order = session.get_one(WorkOrder, job.order_id, with_for_update=True)
            if order.attempts == job.order_attempts:
                order.not_before = again_at
            order.attempts += 1
    return totals


def stopped(runtime: Runtime, job: Job, error: DCarbonError, counts: Counts) -> None:
    """The provider, customer or an administrator stands in the way: write who and when next."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        _record_pieces(session, job, counts, now=now)
        row = session.get_one(Authorization, job.authorization.id, with_for_update=True)
        # Access that has ended here is no matter of health: whoever ends it decides what is next.
        again_at = None if job.is_final else _stop(runtime, session, job, row, error, now=now)
        _close_attempt(session, job, counts, now=now, error=error, next_try_at=again_at)


def broken(runtime: Runtime, job: Job, error: DCarbonError, counts: Counts) -> None:
    """We are broken: the attempt says so, the order stays as it is for the next run."""
    with runtime.sessions.begin() as session:
        _close_attempt(session, job, counts, now=runtime.now(), error=error)


def _stop(
    runtime: Runtime,
    session: Session,
    job: Job,
    row: Authorization,
    error: DCarbonError,
    *,
    now: datetime,
) -> datetime | None:
    """Let authorization and order say what stands in the way; return when to try again."""
    if isinstance(error, ConsentRevoked):
        authorization_records.mark_revoked(runtime, session, row, error, now=now)
        _close(session, job, "cancelled", now)
        return None
    if isinstance(error, ReauthorizationRequired):
        authorization_records.mark_expired(runtime, session, row, error, now=now)
        work.set_health(row, "blocked", code=error.code, now=now)
        _close(session, job, "given_up", now)
        return None
    if isinstance(error, InvalidTransition):
        _close(session, job, "cancelled", now)
        return None
    if row.status == AuthStatus.PENDING and not isinstance(error, _NOT_THE_CUSTOMERS):
        authorization_records.mark_failed(runtime, session, row, error, actor=SYSTEM, now=now)
        _close(session, job, "given_up", now)
        return None
    health = "delayed" if isinstance(error, ProviderUnavailable) else "blocked"
    work.set_health(row, health, code=error.code, now=now)
    again_at = now + _wait(job, error)
    if job.order_id is not None:
        work.postpone(session, job.order_id, until=again_at, error=error)
    return again_at


def _record_pieces(session: Session, job: Job, counts: Counts, *, now: datetime) -> Sequence[Meter]:
    """Bring coverage up to date over the pieces that were asked for; return the meters.

    Takes the facility's lock: who stores readings meanwhile counts before or after this.
    """
    readings_storing.lock(session, {job.authorization.facility_id})
    meters = collection_totals.meters_of(session, job.authorization.id)
    for asked in job.asked:
        fresh = [
            meter
            for meter in meters
            if asked.part in {EVERY_METER, meter.external_id}
            and (meter.id, asked.piece) not in job.covered
        ]
        collection_totals.cover(session, fresh, asked.piece, all_read=asked.all_read, now=now)
        job.covered.update((meter.id, asked.piece) for meter in fresh)
    for asked in job.asked[job.recorded :]:
        job.done[asked.part] = job.done.get(asked.part, 0) + 1
        job.readings_recorded = asked.readings
    job.recorded = len(job.asked)
    if job.order_id is not None and job.done:
        days = collection_totals.days_with_readings(session, meters, job.window)
        order = session.get_one(WorkOrder, job.order_id)
        order.progress = {
            **order.progress,
            "meters_found": len(meters),
            "readings": job.readings_before + counts["readings"],
            "days_by_meter": {str(meter_id): number for meter_id, number in days.items()},
            **_reach(job),
            work.RESUME: collection_jobs.resumed_from(job),
        }
    return meters


def _reach(job: Job) -> dict[str, Any]:
    """Say how far back a collection has come, in pieces and in days."""
    complete = min((job.done.get(part, 0) for part in job.parts), default=0)
    return {
        "pieces_done": sum(job.done.values()),
        "pieces_total": len(job.pieces) * len(job.parts),
        "days_in": _days(job.pieces[:complete]),
        "days_wanted": _days(job.pieces),
    }


def _days(pieces: tuple[Window, ...]) -> int:
    return ceil((pieces[0][1] - pieces[-1][0]) / _DAY) if pieces else 0


def _synced(session: Session, job: Job, *, now: datetime) -> None:
    """Note the success; of an access that has ended here only the time."""
    row = job.authorization
    values: dict[str, Any] = {"last_sync": now}
    if not job.is_final:
        since = case(
            (Authorization.sync_health == SyncHealth.OK, Authorization.sync_health_since), else_=now
        )
        values |= {
            "sync_health": SyncHealth.OK,
            "sync_health_since": since,
            "sync_health_code": None,
        }
    plainly = {"synchronize_session": False}  # nothing of them is looked at after this
    synced = update(Authorization).where(Authorization.id == row.id).values(values)
    session.execute(synced, execution_options=plainly)
    shown = update(Facility).where(Facility.id == row.facility_id).values(last_sync=now)
    session.execute(shown, execution_options=plainly)


def _close_attempt(
    session: Session,
    job: Job,
    counts: Counts,
    *,
    now: datetime,
    error: DCarbonError | None = None,
    next_try_at: datetime | None = None,
) -> None:
    # Also one that somebody took for abandoned meanwhile: what really came of it stands.
    counted = {name: counts[name] for name in ("payloads", "readings", "restated", "unreadable")}
    session.execute(
        update(SyncAttempt)
        .where(SyncAttempt.id == job.attempt_id)
        .values(
            finished_at=now,
            error_code=error.code if error else None,
            error_detail=str(error)[:500] if error else None,
            next_try_at=next_try_at,
            **counted,
        )
        .execution_options(synchronize_session=False)
    )


def _close(session: Session, job: Job, outcome: str, now: datetime) -> None:
    if job.order_id is not None:
        work.close_order(session, job.order_id, outcome=outcome, now=now)


def _wait(job: Job, error: DCarbonError) -> timedelta:
    if isinstance(error, ProviderUnavailable):
        return work.back_off(job.order_attempts, error)
    return BLOCKED_RETRY if isinstance(error, ClientCredentialsRejected) else work.LONGEST_WAIT
