"""Meter days: local calendar days at the meter, 23, 24 or 25 hours long, as UTC instants."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
LONGEST_DAY_S = 25 * 3600
"""Of the day on which clocks go back. A reading over a longer time is a bill: it says nothing of
one day.
"""


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the UTC instants ``[start, end)`` of a local day."""
    return _midnight(day, zone), _midnight(day + DAY, zone)


def expected_count(day: date, *, zone: ZoneInfo, step: timedelta) -> int:
    """Return how many intervals of ``step`` a local day has: 92, 96 or 100 quarter hours.

    An interval longer than the day counts as one.
    """
    start, end = day_bounds(day, zone)
    return max(1, (end - start) // step)


def local_days(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Yield each local day that ``[start, end)`` touches, oldest first."""
    if end <= start:
        return
    day = start.astimezone(zone).date()
    while _midnight(day, zone) < end:
        yield day
        day += DAY


def month_end(day: date) -> date:
    """Return the last day of the month of a date."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
