"""Collect: fetch, land, parse and store what one authorization has, and write down how it went.

A provider's failure is stored, never raised; what is raised is ours. Every step is safe to repeat.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.errors import DCarbonError, InvalidTransition
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.providers.profile import Quirk
from dcarbon.services import (
    authorization_records,
    authorizations,
    collection_records,
    fetching_green_button,
    fetching_utilityapi,
    ingestion,
    work,
)
from dcarbon.services.collection_records import Job
from dcarbon.services.fetching import LOOK_AGAIN, Fetched, Step, Waiting
from dcarbon.services.ingestion import Arrival, Ingested
from dcarbon.services.readings_storing import Origin
from dcarbon.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class CollectionOutcome:
    """How one collection went. ``error`` is the provider's or customer's side, never ours.

    Energy is of the window, electricity only, in kWh; coverage counts channel days of the window.
    """

    authorization_id: UUID
    facility_id: UUID
    provider: str
    utility: str
    window: tuple[datetime, datetime]
    error: DCarbonError | None = None
    waiting: bool = False
    meters: int = 0
    payloads: int = 0
    readings: int = 0
    new: int = 0
    restated: int = 0
    unreadable: int = 0
    delivered_kwh: Decimal = Decimal(0)
    received_kwh: Decimal = Decimal(0)
    covered_days: int = 0
    due_days: int = 0
    provider_seconds: float = 0.0


def collect(
    runtime: Runtime,
    authorization_id: UUID,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    order_id: UUID | None = None,
    run_id: str | None = None,
) -> CollectionOutcome:
    """Collect ``[start, end)`` for one authorization; by default what its due order asks for.

    Without an order and window, the newest data with the overlap of settings; the first time, the
    history of settings, at most what the utility keeps.
    """
    job = collection_records.begin(
        runtime, authorization_id, start=start, end=end, order_id=order_id, run_id=run_id
    )
    outcome = CollectionOutcome(
        job.authorization.id,
        job.authorization.facility_id,
        job.authorization.provider,
        job.authorization.utility,
        (job.start, job.end),
    )
    waiting: Waiting | None = None
    try:
        _require_authorized(runtime, job)
        # Counted after each step: an error does not undo what came before it.
        for outcome, waiting in _run(runtime, job, outcome):  # noqa: B007, B020 — read below
            continue
    except DCarbonError as error:
        if error.is_ours:
            collection_records.broken(runtime, job, error, _counts(outcome))
            raise
        collection_records.stopped(runtime, job, error, _counts(outcome))
        return replace(outcome, error=error)
    outcome = _with_totals(runtime, job, outcome)
    if waiting is not None:
        collection_records.waiting(runtime, job, waiting.again_at, _counts(outcome))
        return replace(outcome, waiting=True)
    collection_records.finished(runtime, job, _counts(outcome))
    return outcome


def collect_day(
    runtime: Runtime, *, day: date, shard: int, run_id: str | None = None
) -> list[CollectionOutcome]:
    """Bring every authorized authorization of one shard up to the end of a local day.

    The overlap of settings is asked for again, so that late and restated readings are caught.
    One slow or failing authorization holds up no other.
    """
    with runtime.sessions() as session:
        rows = session.execute(
            select(Authorization.id, Authorization.provider).where(
                Authorization.shard == shard, Authorization.status == AuthStatus.AUTHORIZED
            )
        ).all()
    if not rows:
        return []

    def one(identity: UUID, provider: str) -> CollectionOutcome:
        zone = ZoneInfo(runtime.providers.profile(provider).time_zone)
        start, end = day_bounds(day, zone)
        overlap = timedelta(days=runtime.settings.overlap_days)
        return collect(runtime, identity, start=start - overlap, end=end, run_id=run_id)

    with ThreadPoolExecutor(runtime.settings.provider_concurrency) as pool:
        return list(pool.map(lambda row: one(row[0], row[1]), rows))


def _require_authorized(runtime: Runtime, job: Job) -> None:
    """Resolve a referral that is still open; anything else than authorized is refused."""
    authorization = job.authorization
    if (
        authorization.status == AuthStatus.PENDING
        and authorization.method == AuthMethod.UTILITYAPI
        and (referral := _open_referral(runtime, authorization.id))
    ):
        client = authorizations.utilityapi_client(runtime)
        authorization_records.resolve_referral(runtime, authorization.id, referral, client)
        with runtime.sessions() as session:
            job.authorization = session.get_one(Authorization, authorization.id)
        return
    if authorization.status != AuthStatus.AUTHORIZED:
        raise _not_authorized(authorization.status)


def _require_in_force(runtime: Runtime, authorization_id: UUID) -> None:
    with runtime.sessions() as session:
        status = session.get_one(Authorization, authorization_id).status
    if status == AuthStatus.REVOKED:
        raise _not_authorized(status)


def _not_authorized(status: str) -> InvalidTransition:
    return InvalidTransition(
        f"authorization is {status}",
        code="not_authorized",
    )


def _open_referral(runtime: Runtime, authorization_id: UUID) -> str | None:
    with runtime.sessions() as session:
        return session.scalar(
            select(AuthorizationSession.referral)
            .where(
                AuthorizationSession.authorization_id == authorization_id,
                AuthorizationSession.referral.is_not(None),
            )
            .order_by(AuthorizationSession.id.desc())
            .limit(1)
        )


def _run(
    runtime: Runtime, job: Job, outcome: CollectionOutcome
) -> Iterator[tuple[CollectionOutcome, Waiting | None]]:
    """Yield how it stands after each step."""
    if job.authorization.status != AuthStatus.AUTHORIZED:
        again = runtime.now() + LOOK_AGAIN
        yield outcome, Waiting("the provider has not made the authorization yet", again)
        return
    origin = _origin(runtime, job.authorization)
    waiting: Waiting | None = None
    meters: set[UUID] = set()
    for step, seconds in _timed(_steps(runtime, job)):
        outcome = replace(outcome, provider_seconds=outcome.provider_seconds + seconds)
        if isinstance(step, Waiting):
            waiting = step
        else:
            # Access may end while a long collection runs: what arrives after that is not kept.
            _require_in_force(runtime, job.authorization.id)
            ingested = _ingest(runtime, origin, step)
            outcome = _counted(outcome, ingested)
            meters.update(ingested.stored.meter_ids if ingested.stored else ())
            work.note_progress(
                runtime.sessions,
                job.order_id,
                meters_found=len(meters),
                readings=outcome.readings,
            )
        yield outcome, waiting


def _steps(runtime: Runtime, job: Job) -> Iterator[Step]:
    if job.authorization.method == AuthMethod.GREEN_BUTTON:
        return fetching_green_button.fetch(runtime, job.authorization, job.start, job.end)
    return fetching_utilityapi.fetch(runtime, job.authorization, job.start, job.end)


def _timed(steps: Iterator[Step]) -> Iterator[tuple[Step, float]]:
    """Yield each step with the seconds the provider took for it."""
    while True:
        begun = time.monotonic()
        step = next(steps, None)
        if step is None:
            return
        yield step, time.monotonic() - begun


def _ingest(runtime: Runtime, origin: Origin, step: Fetched) -> Ingested:
    origin = replace(origin, describes_only=step.describes_only)
    arrival = Arrival(step.raw.content, step.raw.media_type, step.raw.url, step.raw.received_at)
    return ingestion.ingest(
        runtime.sessions,
        runtime.landing,
        arrival,
        origin,
        parser=step.parser,
        parse=step.parse,
        now=runtime.now(),
    )


def _origin(runtime: Runtime, authorization: Authorization) -> Origin:
    profile = runtime.providers.profile(authorization.provider)
    return Origin(
        facility_id=authorization.facility_id,
        authorization_id=authorization.id,
        provider=authorization.provider,
        utility=authorization.utility,
        time_zone=profile.time_zone,
        local_clock=profile.has(Quirk.LOCAL_CLOCK_AS_UTC),
    )


def _counted(outcome: CollectionOutcome, ingested: Ingested) -> CollectionOutcome:
    outcome = replace(outcome, payloads=outcome.payloads + 1)
    if ingested.stored is None:
        return replace(outcome, unreadable=outcome.unreadable + 1)
    return replace(
        outcome,
        readings=outcome.readings + ingested.stored.readings,
        new=outcome.new + ingested.stored.new,
        restated=outcome.restated + ingested.stored.restated,
    )


def _with_totals(runtime: Runtime, job: Job, outcome: CollectionOutcome) -> CollectionOutcome:
    totals = collection_records.cover_and_total(runtime, job, all_read=not outcome.unreadable)
    return replace(
        outcome,
        meters=totals.meters,
        delivered_kwh=totals.delivered_kwh,
        received_kwh=totals.received_kwh,
        covered_days=totals.covered_days,
        due_days=totals.due_days,
    )


def _counts(outcome: CollectionOutcome) -> dict[str, int]:
    return {
        "payloads": outcome.payloads,
        "readings": outcome.readings,
        "new": outcome.new,
        "restated": outcome.restated,
        "unreadable": outcome.unreadable,
        "meters": outcome.meters,
    }
