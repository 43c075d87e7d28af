"""How a scheduled sync begins and ends a collection: written for all that do so at the same time.

The same as ``collection_jobs`` and ``collection_records`` write for one, for collections without
an order. A night has ten thousand of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ARRAY, Uuid, any_, literal, select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import coverage_days
from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.coverage_days import Counted, ToCount
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import NotFound
from dcarbon.domain.pieces import Window
from dcarbon.services import audit, collection_jobs, collection_totals, readings_storing, work
from dcarbon.services.actors import SYSTEM
from dcarbon.services.collection_jobs import Job
from dcarbon.services.collection_totals import Totals
from dcarbon.services.fetching import EVERY_METER
from dcarbon.services.runtime import Runtime

# Columns as arrays: one statement of one shape, however many, that the server has planned.
_ABANDONED = """
update sync_attempts set finished_at = %s, error_code = 'run_ended'
where authorization_id = any(%s) and finished_at is null and started_at < %s
"""
_BEGIN = """
insert into sync_attempts (id, authorization_id, started_at, run_id, sync_key, payloads, readings,
                           restated, unreadable)
select w.id, w.authorization_id, %s, w.run_id, w.sync_key, 0, 0, 0, 0
from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[])
     as w(id, authorization_id, run_id, sync_key)
"""
_METERS = """
select authorization_id, id, external_id, time_zone from meters
where authorization_id = any(%s) order by id
"""
_CLOSE = """
update sync_attempts t
set finished_at = %s, error_code = null, error_detail = null, next_try_at = null,
    payloads = w.payloads, readings = w.readings, restated = w.restated, unreadable = w.unreadable
from unnest(%s::uuid[], %s::int4[], %s::int4[], %s::int4[], %s::int4[])
     as w(id, payloads, readings, restated, unreadable)
where t.id = w.id
"""
_SYNCED = """
update authorizations
set last_sync = %(now)s, sync_health = 'ok', sync_health_code = null,
    sync_health_since = case when sync_health = 'ok' then sync_health_since else %(now)s end
where id = any(%(authorizations)s)
"""
_SHOWN = "update facilities set last_sync = %s where id = any(%s)"
_COUNTS = ("payloads", "readings", "restated", "unreadable")


@dataclass(frozen=True, slots=True)
class _Beginning:
    authorization_id: UUID
    attempt_id: UUID
    run_id: str | None
    sync_key: str


def begin(
    runtime: Runtime,
    authorization_id: UUID,
    window: Window,
    *,
    run_id: str | None,
    sync_key: str,
) -> Job:
    """Write down that a sync begins to collect ``window``. Raises :class:`NotFound`."""
    beginning = _Beginning(authorization_id, new_id(), run_id, sync_key)
    authorization = runtime.together.do(_begin, runtime, beginning)
    if authorization is None:
        raise NotFound("no such authorization")
    job = Job(authorization, *window, beginning.attempt_id, None, sync_key=sync_key)
    collection_jobs.lay_out(runtime, job, now=runtime.now())
    return job


def _begin(runtime: Runtime, several: Sequence[_Beginning]) -> list[Authorization | None]:
    now = runtime.now()
    ids = [one.authorization_id for one in several]
    with runtime.sessions.begin() as session:
        chosen = select(Authorization).where(Authorization.id == any_(literal(ids, ARRAY(Uuid))))
        found = {row.id: row for row in session.scalars(chosen)}
        known = [one for one in several if one.authorization_id in found]
        connection = bc.connection_of(session)
        connection.execute(_ABANDONED, [now, ids, now - work.LONGEST_RUN])
        columns = ("attempt_id", "authorization_id", "run_id", "sync_key")
        connection.execute(
            _BEGIN, [now, *([getattr(one, name) for one in known] for name in columns)]
        )
    return [found.get(one) for one in ids]


@dataclass(frozen=True, slots=True)
class _Ending:
    job: Job
    counts: Mapping[str, int]


class _Meter(NamedTuple):
    id: UUID
    external_id: str
    time_zone: str


def finished(runtime: Runtime, job: Job, counts: Mapping[str, int]) -> Totals:
    """Close a sync's collection: coverage, attempt, ``last_sync``, health, one audit entry."""
    return runtime.together.do(_finish, runtime, _Ending(job, counts))


def _finish(runtime: Runtime, endings: Sequence[_Ending]) -> list[Totals]:
    now = runtime.now()
    # In one order everywhere, so that two processes do not wait for each other's rows.
    ids = sorted(one.job.authorization.id for one in endings)
    facilities = sorted(one.job.authorization.facility_id for one in endings)
    with runtime.sessions.begin() as session:
        # Whoever changes the readings meanwhile counts the days before or after this, never beside.
        readings_storing.lock(session, set(facilities))
        meters = _meters(session, ids)
        totals = _counted(session, endings, meters, now=now)
        connection = bc.connection_of(session)
        numbers = ([one.counts[name] for one in endings] for name in _COUNTS)
        connection.execute(_CLOSE, [now, [one.job.attempt_id for one in endings], *numbers])
        connection.execute(_SYNCED, {"now": now, "authorizations": ids})
        connection.execute(_SHOWN, [now, facilities])
        audit.append(
            session,
            [_entry(one, each, now=now) for one, each in zip(endings, totals, strict=True)],
        )
    return totals


def _meters(session: Session, authorization_ids: Sequence[UUID]) -> Mapping[UUID, list[_Meter]]:
    found: dict[UUID, list[_Meter]] = defaultdict(list)
    for row in bc.connection_of(session).execute(_METERS, [list(authorization_ids)]):
        found[row[0]].append(_Meter(*row[1:]))
    return found


def _counted(
    session: Session,
    endings: Sequence[_Ending],
    meters: Mapping[UUID, list[_Meter]],
    *,
    now: datetime,
) -> list[Totals]:
    """Count the days that were asked for; return what is stored in each window."""
    counted: dict[UUID, list[Counted]] = defaultdict(list)
    for several in _of_different_meters(endings, meters, now=now):
        asked = [one for _, one in several]
        results = coverage_days.update_several(session, asked, now=now)
        for (attempt_id, _), result in zip(several, results, strict=True):
            counted[attempt_id].append(result)
    return [
        _total(session, one.job, meters[one.job.authorization.id], counted[one.job.attempt_id])
        for one in endings
    ]


def _of_different_meters(
    endings: Sequence[_Ending], meters: Mapping[UUID, list[_Meter]], *, now: datetime
) -> list[list[tuple[UUID, ToCount]]]:
    """Return what is to be counted, by attempt: each meter once in a list."""
    rounds: list[list[tuple[UUID, ToCount]]] = []
    place: dict[UUID, int] = defaultdict(int)
    for one in endings:
        for asked in _asked(one.job, meters[one.job.authorization.id], now=now):
            if place[asked.meter_id] == len(rounds):
                rounds.append([])
            rounds[place[asked.meter_id]].append((one.job.attempt_id, asked))
            place[asked.meter_id] += 1
    return rounds


def _asked(job: Job, meters: Sequence[_Meter], *, now: datetime) -> Iterator[ToCount]:
    for asked in job.asked:
        for meter in meters:
            if asked.part in {EVERY_METER, meter.external_id}:
                zone = ZoneInfo(meter.time_zone)
                yield ToCount(meter.id, zone, *asked.piece, now if asked.all_read else None)


def _total(
    session: Session, job: Job, meters: Sequence[_Meter], counted: Sequence[Counted]
) -> Totals:
    """Sum what was read for counting; of a window in pieces only some of it was."""
    if job.pieces != (job.window,) or len(counted) != len(meters):
        zones = {meter.id: ZoneInfo(meter.time_zone) for meter in meters}
        return collection_totals.total(session, zones, job.window)
    channels = (channel for each in counted for channel in each.channels)
    energy = collection_totals.energy_kwh(channels, job.window)
    return Totals(
        meters=len(meters),
        delivered_kwh=energy["delivered"],
        received_kwh=energy["received"],
        covered_days=sum(each.summary.covered for each in counted),
        due_days=sum(each.summary.due for each in counted),
    )


def _entry(one: _Ending, totals: Totals, *, now: datetime) -> Any:
    row = one.job.authorization
    return audit.entry(
        AuditEvent.INTERVAL_DATA_IMPORTED,
        actor=SYSTEM,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        start=one.job.start.isoformat(),
        end=one.job.end.isoformat(),
        **{**one.counts, "meters": totals.meters},
    )
