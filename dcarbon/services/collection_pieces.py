"""Fetch, land, parse and store what is left of a collection, piece by piece, the newest first."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from dcarbon.db import binary_copy as bc
from dcarbon.db.authorizations import Authorization
from dcarbon.db.engine import Sessions
from dcarbon.domain.errors import DCarbonError, InvalidTransition
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.providers.profile import Quirk
from dcarbon.services import (
    collection_records,
    collection_totals,
    fetching_green_button,
    fetching_utilityapi,
    ingestion,
    readings_storing,
    work,
)
from dcarbon.services.collection_jobs import Asked, Job
from dcarbon.services.fetching import Fetched, Source, Step, Waiting
from dcarbon.services.ingestion import Arrival, Ingested
from dcarbon.services.readings_storing import Origin, Window
from dcarbon.services.runtime import Runtime

_STATUS = "select id, status from authorizations where id = any(%s)"


@dataclass(slots=True)
class Tally:
    """What one attempt brought, counted after each step: an error undoes nothing of it."""

    payloads: int = 0
    readings: int = 0
    new: int = 0
    restated: int = 0
    unreadable: int = 0
    provider_seconds: float = 0.0
    meters: set[UUID] = field(default_factory=set)

    def add(self, ingested: Ingested) -> None:
        self.payloads += 1
        if ingested.stored is None:
            self.unreadable += 1
            return
        self.readings += ingested.stored.readings
        self.new += ingested.stored.new
        self.restated += ingested.stored.restated
        self.meters.update(ingested.stored.meter_ids)

    def counts(self) -> dict[str, int]:
        names = ("payloads", "readings", "new", "restated", "unreadable")
        return {name: getattr(self, name) for name in names} | {"meters": len(self.meters)}


def run(runtime: Runtime, job: Job, tally: Tally) -> Waiting | None:
    """Collect what is left of a job, and return the word to wait where the provider is not ready.

    Raises what the provider's clients raise, and :class:`InvalidTransition` when access ends
    meanwhile. What came before is counted in ``tally`` and stored.
    """
    source = _source(runtime, job)
    waiting = _take(runtime, job, source.look(), tally)
    job.parts = tuple(source.parts)
    for part, place in _left(job):
        unreadable = tally.unreadable
        awaited = _read(runtime, job, source, tally, part=part, place=place)
        if awaited is not None:
            return awaited
        all_read = tally.unreadable == unreadable
        job.asked.append(Asked(part, job.pieces[place], all_read, tally.readings))
        if (part, place) != (job.parts[-1], len(job.pieces) - 1):
            collection_records.pieces_asked(runtime, job, tally.counts())
    source.conclude(is_silent=bool(job.parts) and not tally.readings and not tally.unreadable)
    return waiting


def _read(
    runtime: Runtime, job: Job, source: Source, tally: Tally, *, part: str, place: int
) -> Waiting | None:
    """Take the readings of one piece, and once what describes them. Days are counted when a piece
    is recorded; one that is cut short is recorded by nobody, so what came of it is counted here.
    """
    piece = job.pieces[place]
    try:
        waiting = _take(runtime, job, source.readings(part, *piece), tally, Window(*piece))
        if waiting is None and not job.is_described:
            _take(runtime, job, source.describe(), tally)
            job.is_described = True
    except DCarbonError:
        _count(runtime, job, place)
        raise
    if waiting is not None:
        _count(runtime, job, place)
    return waiting


def _count(runtime: Runtime, job: Job, place: int) -> None:
    with runtime.sessions.begin() as session:
        readings_storing.lock(session, {job.authorization.facility_id})
        meters = collection_totals.meters_of(session, job.authorization.id)
        piece, now = job.pieces[place], runtime.now()
        collection_totals.cover(session, meters, piece, all_read=False, now=now)


def _left(job: Job) -> list[tuple[str, int]]:
    """Return what is left to ask for: the newest piece of every part, then the one before."""
    return [
        (part, place)
        for place in range(len(job.pieces))
        for part in job.parts
        if place >= job.done.get(part, 0)
    ]


def _source(runtime: Runtime, job: Job) -> Source:
    if job.authorization.method == AuthMethod.GREEN_BUTTON:
        return fetching_green_button.Subscription(runtime, job.authorization, job.is_final)
    return fetching_utilityapi.Meters(runtime, job.authorization, job.start, job.is_final)


def _take(
    runtime: Runtime, job: Job, steps: Iterator[Step], tally: Tally, piece: Window | None = None
) -> Waiting | None:
    """Ingest each step as it comes; return the last word to wait, if any."""
    waiting: Waiting | None = None
    origin = _origin(runtime, job.authorization)
    for step, seconds in _timed(steps):
        tally.provider_seconds += seconds
        if isinstance(step, Waiting):
            waiting = step
            continue
        # Access may end while a long collection runs: what arrives after that is not kept.
        if not job.is_final:
            require_in_force(runtime, job.authorization.id)
        tally.add(_ingest(runtime, origin, step, piece))
        work.note_progress(
            runtime.sessions,
            job.order_id,
            meters_found=len(tally.meters),
            readings=job.readings_before + tally.readings,
        )
    return waiting


def require_in_force(runtime: Runtime, authorization_id: UUID) -> None:
    """Raise :class:`InvalidTransition` when the access has ended here."""
    status = runtime.together.do(_statuses, runtime.sessions, authorization_id)
    if status == AuthStatus.REVOKED:
        raise not_authorized(status)


def _statuses(sessions: Sessions, authorization_ids: Sequence[UUID]) -> list[str | None]:
    with sessions.begin() as session:
        found = bc.connection_of(session).execute(_STATUS, [list(authorization_ids)]).fetchall()
    return [dict(found).get(authorization_id) for authorization_id in authorization_ids]


def not_authorized(status: str) -> InvalidTransition:
    return InvalidTransition(f"authorization is {status}", code="not_authorized")


def _timed(steps: Iterator[Step]) -> Iterator[tuple[Step, float]]:
    """Yield each step with the seconds the provider took for it."""
    while True:
        begun = time.monotonic()
        step = next(steps, None)
        if step is None:
            return
        yield step, time.monotonic() - begun


def _ingest(runtime: Runtime, origin: Origin, step: Fetched, piece: Window | None) -> Ingested:
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
        counted_later=piece,
        together=runtime.together,
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
