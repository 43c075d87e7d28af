"""Readings for tests of steps, totals and charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from dcarbon.domain.calendar import DAY, day_bounds
from dcarbon.domain.ranges import TimeRange
from dcarbon.services.shown_readings import Channel, Readings

PACIFIC = ZoneInfo("America/Los_Angeles")
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)
"""The days of 23 and 25 hours."""


def channel(direction: str = "delivered", *, unit: str = "kWh", measure: str = "usage") -> Channel:
    commodity = "gas" if unit == "therm" else "electricity"
    identity = UUID(int=sum(map(ord, direction + unit + measure)))
    return Channel(identity, direction, unit, commodity, measure, "")


def days(first: date, count: int = 1, zone: ZoneInfo = PACIFIC) -> TimeRange:
    return TimeRange(day_bounds(first, zone)[0], day_bounds(first + count * DAY, zone)[0])


def readings(
    span: TimeRange,
    values: Sequence[int | None] | None = None,
    *,
    step_s: int = 900,
    of: Channel | None = None,
    exponent: int = -3,
    estimated: Sequence[int] = (),
) -> Readings:
    """Return readings from the start of ``span``; ``None`` is a missing one; else 1, 2, 3, …"""
    start = int(span.start.timestamp())
    count = (int(span.end.timestamp()) - start) // step_s
    given = list(range(1, count + 1)) if values is None else list(values)
    kept = np.array([value is not None for value in given], np.bool_)
    return Readings(
        of or channel(),
        start + np.arange(len(given), dtype=np.int64)[kept] * step_s,
        np.full(int(kept.sum()), step_s, np.int64),
        np.array([value for value in given if value is not None], np.int64),
        exponent,
        np.isin(np.arange(len(given))[kept], list(estimated)),
    )
