"""Local days as integers are the local days of the calendar, on both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dcarbon.db.local_days import LocalDays, to_date, to_number

ZONES = ["America/Los_Angeles", "Europe/London", "America/St_Johns", "Australia/Lord_Howe", "UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_every_instant_lies_in_the_day_the_calendar_says(zone: str) -> None:
    first, here = datetime(2025, 12, 20, tzinfo=UTC), ZoneInfo(zone)
    moments = [first + timedelta(minutes=25 * n) for n in range(12 * 24 * 60 // 25 * 30)]
    days = LocalDays.around(zone, to_number(date(2025, 12, 20)), to_number(date(2026, 12, 31)))

    found = days.of(np.array([int(one.timestamp()) for one in moments], np.int64))

    expected = [to_number(one.astimezone(here).date()) for one in moments]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 8), 23), (date(2026, 3, 9), 24), (date(2026, 11, 1), 25)],
)
def test_days_are_as_long_as_they_are(day: date, hours: int) -> None:
    number = np.array([to_number(day)])
    days = LocalDays.around("America/Los_Angeles", int(number[0]), int(number[0]))

    assert (days.end(number) - days.begin(number)).tolist() == [hours * 3600]
    assert to_date(int(number[0])) == day


@pytest.mark.parametrize(
    ("zone", "expected"), [("America/Los_Angeles", True), ("America/St_Johns", False)]
)
def test_half_hour_zones_are_known(zone: str, *, expected: bool) -> None:
    day = to_number(date(2026, 6, 1))

    assert LocalDays.around(zone, day, day).on_the_hour is expected
