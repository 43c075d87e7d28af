"""What several customers' payloads say is stored in one transaction, as if each came alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.tables import AuditEntry, CoverageDay, Series, SyncAttempt
from dcarbon.providers.green_button import espi
from dcarbon.services import (
    collection_pieces,
    collection_records,
    collection_syncs,
    collection_totals,
    ingestion,
    readings_storing,
)
from dcarbon.services.collection_jobs import Asked, Job
from dcarbon.services.fetching import EVERY_METER
from dcarbon.services.ingestion import Arrival
from dcarbon.services.readings_storing import Origin, Stored, ToStore
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.custodian import feed_of

pytestmark = pytest.mark.database

FIRST = datetime(2026, 3, 10, 7, tzinfo=UTC)
"""Local midnight of the utility's customers, after the change to summer time."""
WINDOW = (FIRST, FIRST + timedelta(days=2))


def _said(world: World, authorization_id: UUID, wh: int, *, hours: int = 48) -> ToStore:
    """Land hourly readings of one value, and have them ready to be stored."""
    with world.runtime.sessions() as session:
        row = session.get_one(Authorization, authorization_id)
    zone = world.runtime.providers.profile(row.provider).time_zone
    origin = Origin(row.facility_id, row.id, row.provider, row.utility, zone)
    begin = int(FIRST.timestamp())
    feed = feed_of(authorization_id.hex, range(begin, begin + hours * 3600, 3600), wh).encode()
    arrival = Arrival(feed, "application/atom+xml", "https://sdge.invalid/feed", NOW)
    payload_id, _ = ingestion.land(world.runtime.sessions, world.runtime.landing, arrival, origin)
    return ToStore(espi.parse(feed), origin, payload_id)


def _store(world: World, asked: list[ToStore], *, at: datetime = NOW) -> list[Stored]:
    with world.runtime.sessions.begin() as session:
        return readings_storing.store(session, asked, now=at)


def test_each_is_told_what_its_own_payload_changed(world: World) -> None:
    customers = [world.authorization() for _ in range(3)]
    before = _store(world, [_said(world, customers[0], 500), _said(world, customers[1], 500)])

    after = _store(
        world,
        [
            _said(world, customers[0], 500, hours=24),
            _said(world, customers[1], 700, hours=30),
            _said(world, customers[2], 900),
        ],
        at=NOW + timedelta(hours=1),
    )

    assert [(one.new, one.restated, one.unchanged) for one in before] == [(48, 0, 0), (48, 0, 0)]
    assert [(one.new, one.restated, one.unchanged) for one in after] == [
        (0, 0, 24),
        (0, 30, 0),
        (48, 0, 0),
    ]
    assert len({meter for one in after for meter in one.meter_ids}) == 3


def test_of_one_facility_the_later_payload_is_the_later_statement(world: World) -> None:
    customer = world.authorization()

    stored = _store(world, [_said(world, customer, 500), _said(world, customer, 700, hours=10)])

    assert [(one.new, one.restated) for one in stored] == [(48, 0), (0, 10)]


def test_bytes_that_landed_before_are_the_record_of_before(world: World) -> None:
    customers = [world.authorization() for _ in range(2)]
    first = _said(world, customers[0], 500)

    again = [_said(world, customers[0], 500), _said(world, customers[1], 500)]

    assert again[0].payload_id == first.payload_id
    assert again[1].payload_id != first.payload_id


Pieces = tuple[tuple[datetime, datetime], ...]


def _job(world: World, authorization_id: UUID, pieces: Pieces) -> Job:
    window = (pieces[-1][0], pieces[0][1])
    job = collection_syncs.begin(
        world.runtime, authorization_id, window, run_id="a run", sync_key="daily:2026-03-18"
    )
    job.pieces, job.parts = pieces, (EVERY_METER,)
    job.asked = [Asked(EVERY_METER, piece, all_read=True, readings=1) for piece in pieces]
    return job


COUNTS = {"payloads": 1, "readings": 48, "new": 48, "restated": 0, "unreadable": 0, "meters": 1}


in_pieces = pytest.mark.parametrize(
    "pieces",
    [
        (WINDOW,),
        ((FIRST + timedelta(days=1), WINDOW[1]), (FIRST, FIRST + timedelta(days=1))),
    ],
    ids=["in one piece", "in two"],
)


@in_pieces
def test_totals_of_an_end_are_those_of_what_is_stored(world: World, pieces: Pieces) -> None:
    customers = [world.authorization() for _ in range(2)]
    _store(world, [_said(world, customers[0], 500), _said(world, customers[1], 800, hours=30)])
    jobs = [_job(world, one, pieces) for one in customers]
    endings = [collection_syncs._Ending(job, COUNTS) for job in jobs]

    totals = collection_syncs._finish(world.runtime, endings)

    assert [one.delivered_kwh for one in totals] == [Decimal(24), Decimal(24)]
    assert [(one.meters, one.covered_days) for one in totals] == [(1, 2), (1, 1)]
    with world.runtime.sessions() as session:
        for job, told in zip(jobs, totals, strict=True):
            meters = collection_totals.meters_of(session, job.authorization.id)
            summed = collection_totals.total(session, collection_totals.zones_of(meters), WINDOW)
            assert (told.delivered_kwh, told.received_kwh) == (
                summed.delivered_kwh,
                summed.received_kwh,
            )
        states = session.scalars(select(CoverageDay.state).order_by(CoverageDay.channel_id)).all()
        assert sorted(states) == ["complete", "complete", "complete", "partial"]
        finished = session.scalars(select(SyncAttempt.finished_at)).all()
        assert len(finished) == 2
        assert all(finished)
        imported = select(func.count()).where(AuditEntry.event == "interval_data_imported")
        assert session.scalar(imported) == 2


@in_pieces
def test_no_time_counts_twice_where_a_channel_has_readings_of_two_lengths(
    world: World, pieces: Pieces
) -> None:
    customer = world.authorization()
    _store(world, [_said(world, customer, 500)])
    with world.runtime.sessions() as session:
        hourly = session.scalars(select(Series.id)).one()
    quarterly = world.series_beside(hourly, interval_s=900)
    world.read(quarterly, FIRST, [125] * 96, interval_s=900)
    job = _job(world, customer, pieces)

    (told,) = collection_syncs._finish(world.runtime, [collection_syncs._Ending(job, COUNTS)])

    assert told.delivered_kwh == Decimal(24)


def _finish_sync(world: World, job: Job) -> None:
    collection_syncs.finished(world.runtime, job, COUNTS)


def _finish_order(world: World, job: Job) -> None:
    collection_records.finished(world.runtime, job, COUNTS)


def _cut_short(world: World, job: Job) -> None:
    collection_pieces._count(world.runtime, job, 0)


@pytest.mark.parametrize("end", [_finish_sync, _finish_order, _cut_short])
def test_days_are_counted_with_what_is_stored_at_the_same_time(
    world: World, end: Callable[[World, Job], None]
) -> None:
    customer = world.authorization()
    _store(world, [_said(world, customer, 500, hours=30)])
    job, later = _job(world, customer, (WINDOW,)), _said(world, customer, 500)

    with world.runtime.sessions() as storing, ThreadPoolExecutor(1) as pool:
        readings_storing.store(storing, [later], now=NOW)
        ending = pool.submit(end, world, job)
        _wait_for_one_that_waits(world)
        storing.commit()
        ending.result(timeout=60)

    with world.runtime.sessions() as session:
        assert session.scalars(select(CoverageDay.state)).all() == ["complete", "complete"]


def _wait_for_one_that_waits(world: World) -> None:
    waiting = text(
        "select count(*) from pg_stat_activity "
        "where datname = current_database() and wait_event_type = 'Lock'"
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with world.runtime.sessions() as session:
            if session.scalar(waiting):
                return
        time.sleep(0.02)
    pytest.fail("nobody waits")


def test_an_authorization_nobody_knows_begins_for_nobody_else(world: World) -> None:
    known, unknown = world.authorization(), new_id()
    begun = [
        collection_syncs._Beginning(one, new_id(), "a run", "daily:2026-03-18")
        for one in (known, unknown)
    ]

    found = collection_syncs._begin(world.runtime, begun)

    assert [row.id if row else None for row in found] == [known, None]
    with world.runtime.sessions() as session:
        assert session.scalars(select(SyncAttempt.authorization_id)).all() == [known]
