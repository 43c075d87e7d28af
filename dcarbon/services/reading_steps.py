"""A meter's readings in steps people look at: each reading, local hours, local days.

Sums are exact: 64-bit integers at a power of ten. Units are panels of their own and directions
lines of their own; nothing is added across them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from dcarbon.db.interval_rows import Bool, Int
from dcarbon.domain.calendar import LONGEST_DAY_S, day_bounds, local_days
from dcarbon.domain.errors import ContractViolation
from dcarbon.domain.flows import Measure
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Step
from dcarbon.services.shown_readings import Channel, Readings, starts

HOUR_S = 3600
_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Line:
    """One channel over the steps of its panel, each column of shape (steps,).

    ``value`` means nothing where not ``is_present``; ``is_partial`` marks a step of which readings
    are missing: its value is the sum of those that are there.
    """

    channel: Channel
    exponent: int
    value: Int
    is_present: Bool
    is_partial: Bool
    is_estimated: Bool


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines of one unit over the same steps. Step n ends where step n + 1 starts, the last at
    ``end`` (seconds since 1970 UTC). Where no line has a reading, a gap is one step.
    """

    step: Step
    start: Int
    end: int
    lines: tuple[Line, ...]
    is_bills: bool = False
    """Its readings are longer than a day."""
    is_thinned: bool = False
    """Only some of the steps are left, peaks among them."""

    @property
    def first(self) -> Channel:
        """The channel that stands for all: they share unit, commodity and measure."""
        return self.lines[0].channel


def panels(
    readings: Sequence[Readings], span: TimeRange, *, step: Step, zone: ZoneInfo
) -> list[Panel]:
    """Return the readings in steps, a panel for each unit; bills in panels of their own.

    A panel whose readings are longer than ``step``, or of several lengths, has the next longer
    step that suits all of them.
    """
    found: list[Panel] = []
    for group in groups(readings):
        fitting = _fitting(group, step)
        if fitting is not Step.READINGS:
            found.append(_summed(group, step_edges(span, fitting, zone), fitting))
        elif _share_a_grid(group):
            found.append(_as_read(group, span))
        else:
            found += [_as_read([one], span) for one in group]
    bills = (one.where(one.duration_s > LONGEST_DAY_S) for one in readings)
    found += [_as_read([one], span, is_bills=True) for one in bills if len(one.start)]
    return found


def groups(readings: Sequence[Readings]) -> list[list[Readings]]:
    """Return the readings of no more than a day by what may stand in one panel."""
    found: dict[tuple[str, str, str], list[Readings]] = defaultdict(list)
    for one in readings:
        intervals = one.where(one.duration_s <= LONGEST_DAY_S)
        if len(intervals.start):
            channel = one.channel
            found[channel.commodity, channel.unit, channel.measure].append(intervals)
    return [found[key] for key in sorted(found)]


def step_edges(span: TimeRange, step: Step, zone: ZoneInfo) -> Int:
    """Return where the local hours or days of a range begin, and its end; the range cuts them."""
    start, end = int(span.start.timestamp()), int(span.end.timestamp())
    bounds = [day_bounds(day, zone) for day in local_days(span.start, span.end, zone)]
    days = [(int(first.timestamp()), int(last.timestamp())) for first, last in bounds]
    if step is Step.DAY:
        edges = np.array([first for first, _ in days], np.int64)
    else:
        edges = np.concatenate([np.arange(*day, HOUR_S) for day in days])
    inside = edges[(edges > start) & (edges < end)]
    return np.concatenate(([start], inside, [end]))


def sums(readings: Readings, edges: Int) -> Line:
    """Return the exact sum of the readings that start in each step between ``edges``."""
    at = np.searchsorted(starts(readings), edges)
    count = np.diff(at)
    value = _running(readings.value, at, most=int(count.max(initial=0)))
    covered = _running(readings.duration_s, at, most=0)
    is_present = count > 0
    return Line(
        channel=readings.channel,
        exponent=readings.exponent,
        value=value,
        is_present=is_present,
        is_partial=is_present & (covered < np.diff(edges)),
        is_estimated=_running(readings.is_estimated.astype(np.int64), at, most=0) > 0,
    )


def _running(values: Int, at: Int, *, most: int) -> Int:
    """Return the sums of ``values`` between the places ``at``; ``most`` of them are in one sum."""
    if most and int(np.abs(values).max(initial=0)) > _INT64 // most:
        raise ContractViolation("a sum does not fit 64 bits", code="value_too_large")
    # The running total may wrap around, as integers do; its differences are right all the same.
    running = np.concatenate((np.zeros(1, np.int64), np.cumsum(values, dtype=np.int64)))
    return np.asarray(running[at[1:]] - running[at[:-1]], np.int64)


def _summed(group: Sequence[Readings], edges: Int, step: Step) -> Panel:
    lines = tuple(sums(one, edges) for one in group)
    return _with_gaps_as_one(Panel(step, edges[:-1], int(edges[-1]), lines))


def _as_read(group: Sequence[Readings], span: TimeRange, *, is_bills: bool = False) -> Panel:
    """Return each reading as a step, and each gap as one."""
    first, last = int(span.start.timestamp()), int(span.end.timestamp())
    marks = [np.array([first], np.int64)]
    for one in group:
        marks += [one.start, one.start + one.duration_s]
    # A stable sort of columns that are sorted already is a merge; np.unique would hash them all.
    merged = np.sort(np.concatenate(marks), kind="stable")
    is_first = np.concatenate(([True], merged[1:] != merged[:-1]))
    start = merged[is_first & (merged < last)]
    lines = tuple(_looked_up(one, start) for one in group)
    longest = max(int((one.start + one.duration_s).max()) for one in group)
    panel = Panel(Step.READINGS, start, max(last, longest), lines, is_bills)
    return _with_gaps_as_one(panel)


def _with_gaps_as_one(panel: Panel) -> Panel:
    """Return the panel with one step for each gap of all its lines, however long."""
    is_empty = ~np.any([line.is_present for line in panel.lines], axis=0)
    goes_on = np.concatenate(([False], is_empty[1:] & is_empty[:-1]))
    return taken(panel, ~goes_on)


def taken(panel: Panel, chosen: Bool, *, is_thinned: bool = False) -> Panel:
    """Return the panel with the chosen steps only."""
    lines = tuple(
        Line(
            line.channel,
            line.exponent,
            line.value[chosen],
            line.is_present[chosen],
            line.is_partial[chosen],
            line.is_estimated[chosen],
        )
        for line in panel.lines
    )
    return Panel(panel.step, panel.start[chosen], panel.end, lines, panel.is_bills, is_thinned)


def _looked_up(one: Readings, times: Int) -> Line:
    at = np.searchsorted(one.start, times, side="right") - 1
    safe = np.maximum(at, 0)
    # A reading of an instant has no length; it still has its place.
    is_present = (at >= 0) & (times < (one.start + np.maximum(one.duration_s, 1))[safe])
    return Line(
        channel=one.channel,
        exponent=one.exponent,
        value=np.where(is_present, one.value[safe], 0),
        is_present=is_present,
        is_partial=np.zeros(len(times), np.bool_),
        is_estimated=is_present & one.is_estimated[safe],
    )


def _fitting(group: Sequence[Readings], step: Step) -> Step:
    if group[0].channel.measure != Measure.USAGE:
        return Step.READINGS  # registers and demand are never summed
    shortest = min(int(one.duration_s.min()) for one in group)
    longest = max(int(one.duration_s.max()) for one in group)
    if longest > HOUR_S:
        return Step.DAY
    if step is Step.READINGS and shortest != longest:
        return Step.HOUR
    return step


def _share_a_grid(group: Sequence[Readings]) -> bool:
    step, first = int(group[0].duration_s[0]), int(group[0].start[0])
    return step > 0 and all(
        (one.duration_s == step).all() and not ((one.start - first) % step).any() for one in group
    )


def lengths_of(panel: Panel) -> Int:
    """Return how many seconds each step of a panel lasts."""
    return np.diff(np.append(panel.start, panel.end))


def pairs(edges: Int) -> list[tuple[int, int]]:
    """Return start and end of each step between edges."""
    return list(pairwise(edges.tolist()))
