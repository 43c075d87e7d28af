"""Local clock time written as if it were UTC becomes true instants, on both odd days too."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.calendar import day_bounds
from dcarbon.services.wall_clock import true_instants

PACIFIC = ZoneInfo("America/Los_Angeles")
QUARTER = timedelta(minutes=15)
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)


def instants_of(day: date, step: timedelta = QUARTER) -> list[datetime]:
    start, end = day_bounds(day, PACIFIC)
    return [start + n * step for n in range((end - start) // step)]


def as_written(instants: list[datetime]) -> np.ndarray:
    """Write instants as a utility does that takes its wall clock for UTC."""
    local = [each.astimezone(PACIFIC).replace(tzinfo=UTC) for each in instants]
    return np.array([int(each.timestamp()) for each in local], np.int64)


def read(written: np.ndarray, channels: np.ndarray | None = None) -> list[datetime]:
    of = np.zeros(written.size, np.int32) if channels is None else channels
    return [datetime.fromtimestamp(int(s), UTC) for s in true_instants(written, of, PACIFIC)]


@pytest.mark.parametrize("step", [QUARTER, timedelta(hours=1)], ids=["quarter hours", "hours"])
@pytest.mark.parametrize("day", [SPRING, date(2026, 7, 1), AUTUMN], ids=["23 h", "24 h", "25 h"])
def test_a_day_comes_back_as_its_true_instants(day: date, step: timedelta) -> None:
    instants = instants_of(day, step)

    assert read(as_written(instants)) == instants


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)))
def test_any_three_days_in_order_come_back(day: date) -> None:
    instants = [instant for n in range(3) for instant in instants_of(day + timedelta(days=n))]

    assert read(as_written(instants)) == instants


def test_channels_are_told_apart_in_the_hour_that_comes_twice() -> None:
    instants = instants_of(AUTUMN)
    written = np.concatenate([as_written(instants)] * 2)
    channels = np.repeat(np.array([0, 1], np.int32), len(instants))

    assert read(written, channels) == instants * 2


def test_readings_stated_twice_on_an_ordinary_day_stay_where_they_are() -> None:
    """Overlapping blocks state a reading again: that is a repeat, not a second hour."""
    instants = instants_of(date(2026, 7, 1))

    assert read(as_written(instants + instants[:8])) == instants + instants[:8]


def test_nothing_comes_of_nothing() -> None:
    assert read(np.array([], np.int64)) == []
