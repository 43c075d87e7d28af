"""Meter days are local days: twice a year they are not 24 hours long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.calendar import (
    DAY,
    LONGEST_DAY_S,
    day_bounds,
    expected_count,
    local_days,
    month_end,
)

PACIFIC = ZoneInfo("America/Los_Angeles")
ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "America/Los_Angeles",
            "America/Phoenix",
            "America/Havana",  # changes at midnight
            "America/Santiago",  # has days without a midnight
            "America/St_Johns",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",  # changes by half an hour
            "UTC",
        )
    ]
)
DAYS = st.dates(date(2015, 1, 1), date(2035, 12, 31))
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 — the strategy adds the zone


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 8), 23), (date(2026, 3, 9), 24), (date(2026, 11, 1), 25)],
    ids=["spring_forward", "ordinary", "fall_back"],
)
def test_a_meter_day_has_as_many_intervals_as_local_hours(day: date, hours: int) -> None:
    assert expected_count(day, zone=PACIFIC, step=timedelta(hours=1)) == hours
    assert expected_count(day, zone=PACIFIC, step=timedelta(minutes=15)) == 4 * hours


def test_no_day_is_longer_than_the_longest() -> None:
    year = [date(2026, 1, 1) + n * DAY for n in range(365)]
    bounds = [day_bounds(day, PACIFIC) for day in year]

    assert max((end - start).total_seconds() for start, end in bounds) == LONGEST_DAY_S


def test_an_interval_longer_than_the_day_counts_as_one() -> None:
    assert expected_count(date(2026, 3, 8), zone=PACIFIC, step=timedelta(days=1)) == 1
    assert expected_count(date(2026, 3, 8), zone=PACIFIC, step=timedelta(days=30)) == 1


@given(DAYS, ZONES)
def test_days_follow_each_other_without_gap_or_overlap(day: date, zone: ZoneInfo) -> None:
    start, end = day_bounds(day, zone)

    assert start < end == day_bounds(day + DAY, zone)[0]
    assert timedelta(hours=23) <= end - start <= timedelta(hours=25)


@given(DAYS, ZONES)
def test_every_interval_of_a_day_starts_on_that_local_day(day: date, zone: ZoneInfo) -> None:
    step = timedelta(minutes=15)
    count = expected_count(day, zone=zone, step=step)
    start, end = day_bounds(day, zone)

    assert {(start + step * n).astimezone(zone).date() for n in range(count)} == {day}
    assert start + step * count == end


@given(INSTANTS, st.timedeltas(timedelta(), timedelta(days=40)), ZONES)
def test_the_local_days_of_a_range_are_those_it_touches(
    start: datetime, length: timedelta, zone: ZoneInfo
) -> None:
    end = start + length

    days = list(local_days(start, end, zone))

    around = [start.astimezone(zone).date() + DAY * n for n in range(-2, length.days + 4)]
    touched = [
        day for day in around if day_bounds(day, zone)[0] < end and start < day_bounds(day, zone)[1]
    ]
    assert days == (touched if length else [])


@pytest.mark.parametrize("back", [DAY, timedelta(hours=1), timedelta()])
def test_a_range_that_ends_before_it_starts_touches_no_day(back: timedelta) -> None:
    now = datetime(2026, 3, 8, 20, tzinfo=UTC)

    assert list(local_days(now, now - back, PACIFIC)) == []


@pytest.mark.parametrize("zone", [PACIFIC, ZoneInfo("UTC")], ids=str)
def test_a_day_is_touched_from_its_first_moment_on(zone: ZoneInfo) -> None:
    moment = timedelta(microseconds=1)
    first, second = date(2026, 3, 8), date(2026, 3, 9)
    start, end = day_bounds(first, zone)

    assert list(local_days(start, end, zone)) == [first]
    assert list(local_days(start, end + moment, zone)) == [first, second]


@pytest.mark.parametrize("day", [1, 15, 28])
@pytest.mark.parametrize(("month", "last"), [((2028, 2), 29), ((2027, 2), 28), ((2026, 12), 31)])
def test_a_month_ends_on_its_last_day(month: tuple[int, int], last: int, day: int) -> None:
    assert month_end(date(*month, day)) == date(*month, last)
