"""Ranges of readings people look at: on the meter's clock, by presets, one before and one after.

Presets end with the last day there are readings of: a utility is days late, and a chart of today
would be empty.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from dcarbon.domain import ranges
from dcarbon.domain.calendar import DAY, day_bounds
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.ranges import TimeRange

LONGEST = timedelta(days=1100)
"""Three years at a time: more is an export."""
_READINGS_UP_TO = timedelta(days=8)
_HOURS_UP_TO = timedelta(days=100)
_CLOCK_OFF = timedelta(minutes=1)
"""Utilities state days that end some seconds after midnight."""
_DATE = len("2026-01-31")


class Step(StrEnum):
    """What one point of a chart stands for."""

    READINGS = "readings"
    """One reading as the utility gave it."""
    HOUR = "hour"
    DAY = "day"


class Preset(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    DAYS_90 = "90days"
    YEAR = "year"


_DAYS: Mapping[Preset, int] = {Preset.DAY: 1, Preset.WEEK: 7, Preset.DAYS_90: 90}
_MONTHS: Mapping[Preset, int] = {Preset.MONTH: 1, Preset.YEAR: 12}


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked for, as text. Without both ends the preset decides."""

    start: str = ""
    end: str = ""
    preset: Preset | None = None


def of(asked: Asked, *, last_end: datetime | None, now: datetime, zone: ZoneInfo) -> TimeRange:
    """Return the range asked for. ``last_end`` is where the meter's readings end, if it has any.

    Ends are local days or times on the meter's clock, or instants with an offset. A local time
    that is there twice or not at all (clock changes) is taken so that the range is the longer one.
    Raises :class:`InvalidInput`: ``range_half``, ``time_unreadable``, ``range_reversed``,
    ``range_absurd``, ``range_too_long``.
    """
    if not asked.start and not asked.end:
        return latest(asked.preset or Preset.WEEK, last_end=last_end, now=now, zone=zone)
    if not (asked.start and asked.end):
        raise InvalidInput("one end of a range is missing", code="range_half")
    start = min(_instants(asked.start, zone, "The start"))
    end = max(_instants(asked.end, zone, "The end"))
    return ranges.require_range(start, end, now=now, longest=LONGEST)


def latest(
    preset: Preset, *, last_end: datetime | None, now: datetime, zone: ZoneInfo
) -> TimeRange:
    """Return the preset's range that ends with the last local day that has readings."""
    last = (last_end or now) - _CLOCK_OFF
    after = last.astimezone(zone).date() + DAY
    return _of_days(_moved(after, preset, -1), after, zone)


def before(span: TimeRange, preset: Preset | None, zone: ZoneInfo) -> TimeRange:
    """Return the range of the same kind that ends where this one starts."""
    days = whole_days(span, zone)
    if days is None:
        return TimeRange(span.start - (span.end - span.start), span.start)
    first, after = days
    earlier = _moved(first, preset, -1) if preset else first - (after - first)
    return _of_days(earlier, first, zone)


def following(span: TimeRange, preset: Preset | None, zone: ZoneInfo) -> TimeRange:
    """Return the range of the same kind that starts where this one ends."""
    days = whole_days(span, zone)
    if days is None:
        return TimeRange(span.end, span.end + (span.end - span.start))
    first, after = days
    later = _moved(after, preset, 1) if preset else after + (after - first)
    return _of_days(after, later, zone)


def step_for(span: TimeRange) -> Step:
    """Return the step that shows most of a range without crowding it."""
    length = span.end - span.start
    if length <= _READINGS_UP_TO:
        return Step.READINGS
    return Step.HOUR if length <= _HOURS_UP_TO else Step.DAY


def whole_days(span: TimeRange, zone: ZoneInfo) -> tuple[date, date] | None:
    """Return first day and day after the last, ``None`` where the range cuts a local day."""
    first, after = (instant.astimezone(zone).date() for instant in (span.start, span.end))
    is_whole = day_bounds(first, zone)[0] == span.start and day_bounds(after, zone)[0] == span.end
    return (first, after) if is_whole else None


def _instants(text: str, zone: ZoneInfo, name: str) -> tuple[datetime, ...]:
    """Return what a text may mean: two instants where the clock shows a time twice or never."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return (ranges.parse_instant(text, zone=zone, name=name),)
    if local.tzinfo is not None or len(text) == _DATE:
        return (ranges.parse_instant(text, zone=zone, name=name),)
    try:
        return tuple(local.replace(tzinfo=zone, fold=n).astimezone(UTC) for n in (0, 1))
    except OverflowError as error:
        raise InvalidInput("range outside reason", code="range_absurd") from error


def _moved(day: date, preset: Preset, sign: int) -> date:
    if preset in _DAYS:
        return day + sign * _DAYS[preset] * DAY
    month = day.year * 12 + day.month - 1 + sign * _MONTHS[preset]
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _of_days(first: date, after: date, zone: ZoneInfo) -> TimeRange:
    start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (first, after))
    return TimeRange(start, end)
