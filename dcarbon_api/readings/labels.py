"""Local days, hours and amounts of readings as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

from dcarbon.domain import reading_ranges
from dcarbon.domain.calendar import DAY
from dcarbon.domain.clock_spans import ClockSpan
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Step
from dcarbon_api import words

_DAY_S = 86_400
_HOUR_S = 3600


def instant(seconds: int, zone: ZoneInfo) -> str:
    """Return seconds since 1970 on the meter's clock, with the zone's short name."""
    return datetime.fromtimestamp(seconds, zone).strftime("%a %b %-d, %Y, %-I:%M %p %Z")


def clock(seconds: int, zone: ZoneInfo) -> str:
    """Return the time of day alone."""
    return datetime.fromtimestamp(seconds, zone).strftime("%-I:%M %p %Z")


def local_day(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return a local day, and its hours where it has not 24 of them."""
    name = start.astimezone(zone).strftime("%a %b %-d, %Y")
    seconds = int((end - start).total_seconds())
    return name if seconds == _DAY_S else f"{name} ({_hours(seconds)})"


def local_month(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return a local month, and which of its days where it is not whole."""
    first = start.astimezone(zone)
    name = first.strftime("%B %Y")
    days = reading_ranges.whole_days(TimeRange(start, end), zone)
    if days is not None and days[0].day == days[1].day == 1:
        return name
    last = (end - timedelta(seconds=1)).astimezone(zone)
    return f"{name}, {first.strftime('%b %-d')} to {last.strftime('%b %-d')}"


def span(shown: TimeRange, zone: ZoneInfo) -> str:
    """Return a range as days where it is of whole days, else with its times."""
    days = reading_ranges.whole_days(shown, zone)
    if days is None:
        return f"{instant(_seconds(shown.start), zone)} to {instant(_seconds(shown.end), zone)}"
    first, last = words.plain_date(days[0]), words.plain_date(days[1] - DAY)
    return first if first == last else f"{first} to {last}"


def field(edge: datetime, zone: ZoneInfo) -> str:
    """Return what a ``datetime-local`` input takes."""
    return edge.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def step_length(step: Step, seconds: int) -> str:
    """Return what one point stands for: ``each 15 minutes``; 0 where readings differ in length."""
    if step is Step.READINGS:
        return f"each {words.interval_length(seconds)}" if seconds else "each reading"
    return "each local hour" if step is Step.HOUR else "each local day"


def amount(value: Decimal) -> str:
    """Return an exact quantity with thousands apart."""
    return f"{value:,f}"


def clock_words(zone_name: str, spans: tuple[ClockSpan, ...], zone: ZoneInfo) -> str:
    """Return which clock the times are on, and where it changes within the range."""
    name = f"{zone_name} ({spans[0].name})" if spans else zone_name
    changes = [_change(before, after, zone) for before, after in pairwise(spans)]
    return ". ".join([f"Times are the meter's local time, {name}", *changes]) + "."


def _change(before: ClockSpan, after: ClockSpan, zone: ZoneInfo) -> str:
    day = words.plain_date(after.start.astimezone(zone).date())
    seconds = _DAY_S - int((after.offset - before.offset).total_seconds())
    if seconds == _DAY_S:
        return f"From {day} it is called {after.name}"
    return f"On {day} the clock changes to {after.name}: that day has {_hours(seconds)}"


def _hours(seconds: int) -> str:
    count = f"{seconds / _HOUR_S:g}"
    return f"{count} hour{'' if count == '1' else 's'}"


def _seconds(edge: datetime) -> int:
    return int(edge.astimezone(UTC).timestamp())
