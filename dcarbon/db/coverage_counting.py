"""Counting a channel's readings per local day at the meter: expected, present, estimated, restated.

Counts are in intervals of the finest series heard from on that day; an hourly reading on a day that
also has quarter hours counts as four. A reading belongs to the day in which it starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dcarbon.db.interval_days_reading import Columns
from dcarbon.db.interval_rows import Bool, Int
from dcarbon.domain.calendar import LONGEST_DAY_S
from dcarbon.domain.flows import ESTIMATED_QUALITIES

_DAY_S = 86_400
_ALMOST_A_DAY_S = 23 * 3600


@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """One series of a channel: its readings around the days counted, and those once restated."""

    interval_s: int
    """0 for periods of no fixed grid."""
    last_end: float
    """Seconds since 1970 of the end of its last reading ever, ``-inf`` when it has none."""
    readings: Columns
    restated_starts: Int


@dataclass(frozen=True, slots=True)
class Counts:
    """Per local day, shape (days,)."""

    expected: Int
    present: Int
    estimated: Int
    restated: Int


def count(series: Sequence[SeriesColumns], bounds: Int) -> Counts:
    """Count the readings of one channel for the days between ``bounds`` (seconds since 1970).

    ``bounds`` has one more entry than there are days. A channel with a grid does not count periods
    longer than a day: a bill is no interval data. Without a grid each day a period covers counts
    as one, however long the period.
    """
    grid = [one for one in series if one.interval_s]
    periods = [one for one in series if not one.interval_s and len(one.readings.start)]
    counted = _count_grid(grid, bounds) if grid else _nothing(len(bounds) - 1)
    for one in periods:
        counted = _preferring(counted, _count_periods(one, bounds, only_days=bool(grid)))
    return counted


def _nothing(days: int) -> Counts:
    zero = np.zeros(days, np.int64)
    return Counts(zero, zero, zero, zero)


def _preferring(counted: Counts, other: Counts) -> Counts:
    taken = (counted.present == 0) & (other.present > 0)
    unknown = (counted.expected == 0) & (other.expected > 0)
    chosen = taken | unknown
    return Counts(
        np.where(chosen, other.expected, counted.expected),
        np.where(chosen, other.present, counted.present),
        np.where(chosen, other.estimated, counted.estimated),
        np.where(chosen, other.restated, counted.restated),
    )


def _count_grid(grid: Sequence[SeriesColumns], bounds: Int) -> Counts:
    days = len(bounds) - 1
    step = min(one.interval_s for one in grid)
    usual = max(grid, key=lambda one: (one.last_end, -one.interval_s)).interval_s
    base = int(bounds[0]) // _DAY_S * _DAY_S
    times = np.arange(base, int(bounds[-1]) + _DAY_S, step)
    present, estimated, restated = (np.zeros(len(times), np.bool_) for _ in range(3))
    finest = np.full(days, _DAY_S)
    for one in sorted(grid, key=lambda one: -one.interval_s):
        inside = (one.readings.start >= bounds[0]) & (one.readings.start < bounds[-1])
        start = one.readings.start[inside]
        if len(start) == 0:
            continue
        slots = ((start - base) // step)[:, None] + np.arange(one.interval_s // step)
        present[slots] = True
        estimated[slots] = _is_estimated(one.readings)[inside][:, None]
        restated[slots] = np.isin(start, one.restated_starts)[:, None]
        finest[_day_of(start, bounds)] = one.interval_s
    inside = (times >= bounds[0]) & (times < bounds[-1])
    day = _day_of(times[inside], bounds)
    heard = np.bincount(day, present[inside], days) > 0
    finest = np.where(heard, finest, usual)
    expected = np.maximum(1, np.diff(bounds) // finest)
    counts = [
        np.minimum(
            np.bincount(day, marked[inside], days).astype(np.int64) * step // finest, expected
        )
        for marked in (present, estimated, restated)
    ]
    return Counts(expected, *counts)


def _count_periods(one: SeriesColumns, bounds: Int, *, only_days: bool) -> Counts:
    durations = one.readings.duration_s
    if np.median(durations) < _ALMOST_A_DAY_S:
        return _count_short_periods(one, bounds)
    noon = bounds[:-1] + np.diff(bounds) // 2
    at = np.searchsorted(one.readings.start, noon, side="right") - 1
    safe = np.maximum(at, 0)
    covers = (at >= 0) & (noon < (one.readings.start + durations)[safe])
    if only_days:
        covers &= durations[safe] <= LONGEST_DAY_S
    estimated = covers & _is_estimated(one.readings)[safe]
    restated = covers & np.isin(one.readings.start[safe], one.restated_starts)
    expected = np.ones(len(noon), np.int64)
    return Counts(expected, *(marked.astype(np.int64) for marked in (covers, estimated, restated)))


def _count_short_periods(one: SeriesColumns, bounds: Int) -> Counts:
    """Count intervals off the grid, as half past each hour, and readings of an instant."""
    days, usual = len(bounds) - 1, int(np.median(one.readings.duration_s))
    expected = np.maximum(1, np.diff(bounds) // usual) if usual else np.ones(days, np.int64)
    inside = (one.readings.start >= bounds[0]) & (one.readings.start < bounds[-1])
    start = one.readings.start[inside]
    day = _day_of(start, bounds)
    marks = (
        np.ones(len(start)),
        _is_estimated(one.readings)[inside],
        np.isin(start, one.restated_starts),
    )
    counts = (np.bincount(day, marked, days).astype(np.int64) for marked in marks)
    return Counts(expected, *(np.minimum(each, expected) for each in counts))


def _day_of(start: Int, bounds: Int) -> Int:
    return np.asarray(np.searchsorted(bounds, start, side="right") - 1, np.int64)


def _is_estimated(readings: Columns) -> Bool:
    return np.isin(readings.quality, sorted(ESTIMATED_QUALITIES))
