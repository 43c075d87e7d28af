"""Checks look at local days of what is stored, and know which of them are nobody's fault."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pytest

from dcarbon.db.tables import Authorization, Facility
from dcarbon.services import landed
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import checks
from tests.integration.pipelines.conftest import NOW, World

pytestmark = pytest.mark.database

PACIFIC_MIDNIGHT = datetime(2026, 3, 6, 8, tzinfo=UTC)
WINDOW = (datetime(2026, 3, 1, tzinfo=UTC), NOW)


def test_meter_days_have_as_many_readings_as_local_hours(runtime: Runtime, world: World) -> None:
    """The clocks went forward on 8 March 2026: that day has 23 hours."""
    authorization = world.authorization()
    world.read(world.series(world.meter(authorization)), PACIFIC_MIDNIGHT, [500] * (24 * 3 - 1))

    with runtime.sessions() as session:
        days = landed.meter_days(session, [authorization], *WINDOW)

    assert [(day.meter_day.day, day.readings, day.expected) for day in days] == [
        (6, 24, 24),
        (7, 24, 24),
        (8, 23, 23),
    ]


def test_a_day_without_any_reading_is_seen_but_not_the_newest_unfinished_one(
    runtime: Runtime, world: World
) -> None:
    authorization = world.authorization()
    series = world.series(world.meter(authorization))
    world.read(series, PACIFIC_MIDNIGHT, [500] * 24)
    world.read(series, PACIFIC_MIDNIGHT + timedelta(days=5), [500] * 30)

    with runtime.sessions() as session:
        days = landed.meter_days(session, [authorization], *WINDOW)

    assert [(day.meter_day.day, day.readings, day.expected) for day in days] == [
        (6, 24, 24),
        (7, 0, 24),
        (8, 0, 23),
        (9, 0, 24),
        (10, 0, 24),
        (11, 23, 24),
    ]


def test_days_cut_by_the_window_are_left_out(runtime: Runtime, world: World) -> None:
    authorization = world.authorization()
    world.read(world.series(world.meter(authorization)), PACIFIC_MIDNIGHT, [500] * 71)
    cut = (PACIFIC_MIDNIGHT + timedelta(hours=1), PACIFIC_MIDNIGHT + timedelta(hours=70))

    with runtime.sessions() as session:
        days = landed.meter_days(session, [authorization], *cut)

    assert [day.meter_day for day in days] == [date(2026, 3, 7)]


def test_negative_overlapping_and_unknown_readings_are_counted(
    runtime: Runtime, world: World
) -> None:
    authorization = world.authorization()
    meter = world.meter(authorization)
    delivered = world.series(meter)
    net = world.series(meter, "net")
    world.read(delivered, PACIFIC_MIDNIGHT, [500, -1, -2] + [500] * 21, quality=3)
    world.read(net, PACIFIC_MIDNIGHT, [-500] * 24)

    with runtime.sessions() as session:
        by_direction = {
            day.direction: day for day in landed.meter_days(session, [authorization], *WINDOW)
        }

    assert by_direction["delivered"].negative == 2
    assert by_direction["delivered"].unknown_quality == 24
    assert (by_direction["net"].negative, by_direction["net"].unknown_quality) == (0, 0)
    assert by_direction["delivered"].overlapping == 0


def test_export_beyond_what_the_system_can_make_is_counted(runtime: Runtime, world: World) -> None:
    """4 kW make 4.8 kWh an hour with the margin; what is taken from the grid has no such bound."""
    authorization = world.authorization()
    meter = world.meter(authorization)
    world.read(world.series(meter, "received"), PACIFIC_MIDNIGHT, [4_800] * 22 + [4_801] * 2)
    world.read(world.series(meter, "delivered"), PACIFIC_MIDNIGHT, [9_000] * 24)
    with runtime.sessions.begin() as session:
        facility = session.get_one(Authorization, authorization).facility_id
        session.get_one(Facility, facility).system_size_kw = Decimal(4)

    with runtime.sessions() as session:
        days = landed.meter_days(session, [authorization], *WINDOW)

    found = {day.direction: (day.is_size_known, day.too_large) for day in days}
    assert found == {"received": (True, 2), "delivered": (False, 0)}


def test_readings_of_two_lengths_over_the_same_time_overlap(runtime: Runtime, world: World) -> None:
    authorization = world.authorization()
    hourly = world.series(world.meter(authorization))
    quarterly = world.series_beside(hourly, interval_s=900)
    world.read(hourly, PACIFIC_MIDNIGHT, [500] * 24)
    world.read(quarterly, PACIFIC_MIDNIGHT, [125] * 96, interval_s=900)

    with runtime.sessions() as session:
        days = landed.meter_days(session, [authorization], *WINDOW)

    assert [(day.readings, day.overlapping) for day in days] == [(24 + 96, 96)]


def test_nobody_elses_readings_are_looked_at(runtime: Runtime, world: World) -> None:
    mine, other = world.authorization(), world.authorization()
    world.read(world.series(world.meter(other)), PACIFIC_MIDNIGHT, [500] * 24)

    with runtime.sessions() as session:
        assert landed.meter_days(session, [mine], *WINDOW) == []


@pytest.mark.parametrize(
    ("quiet_for", "is_silent"),
    [(timedelta(days=3), False), (timedelta(days=5), True), (timedelta(days=200), False)],
    ids=["only_late", "silent", "ended_long_ago"],
)
def test_a_channel_is_silent_between_late_and_ended(
    quiet_for: timedelta, *, is_silent: bool, runtime: Runtime, world: World
) -> None:
    authorization = world.authorization()
    last_hour = (NOW - quiet_for - timedelta(hours=1)).replace(minute=0)
    world.read(world.series(world.meter(authorization)), last_hour, [500])

    with runtime.sessions() as session:
        silent = landed.silent_channels(session, [authorization], at=NOW)

    assert len(silent) == is_silent


def test_a_meter_that_never_spoke_is_silent(runtime: Runtime, world: World) -> None:
    authorization = world.authorization()
    meter = world.meter(authorization)

    with runtime.sessions() as session:
        silent = landed.silent_channels(session, [authorization], at=NOW)

    assert [(s.meter_id, s.last_end) for s in silent] == [(meter, None)]


@pytest.mark.dagster
def test_checks_can_run_alone_and_say_which_meter_and_day(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    """Nothing is fetched: the readings of two customers are there, one with a hole in a day."""
    sound, holed = world.authorization(), world.authorization()
    day = PACIFIC_MIDNIGHT + timedelta(days=10)
    world.read(world.series(world.meter(sound)), day - timedelta(hours=1), [500] * 72)
    series = world.series(world.meter(holed))
    world.read(series, day - timedelta(hours=1), [500] * 20)
    world.read(series, day + timedelta(hours=21), [500] * 50)
    check = dg.AssetSelection.checks(
        dg.AssetCheckKey(dg.AssetKey("authorization_intervals"), checks.SOUND)
    )
    job = dg.define_asset_job("only_checks", selection=check)
    resolved = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))

    result = resolved.resolve_job_def("only_checks").execute_in_process(instance=instance)

    (found,) = result.get_asset_check_evaluations()
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    listing = str(found.metadata["meter_days_with_problems"].value)
    assert "2026-03-16" in listing
    assert "readings where the day has 24" in listing
    assert result.get_asset_materialization_events() == []
