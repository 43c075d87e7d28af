"""Energy of days, hours and months the slow and obvious way: one reading after the other.

Knows nothing of how readings are stored: fractions, plain datetimes, dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
BILL = timedelta(hours=25)
ESTIMATES = (8, 9, 12)


class Reading(NamedTuple):
    """What one reading says: quantity in Wh, from when, for how long, and whether estimated."""

    start: datetime
    length: timedelta
    wh: Fraction
    is_estimated: bool


class Day(NamedTuple):
    wh: Fraction
    estimated_wh: Fraction
    readings: int
    expected: int
    estimated: int


class Export(NamedTuple):
    hours: list[Fraction | None]
    register_wh: Fraction
    missing: int
    estimated: int


@dataclass(slots=True)
class Channel:
    """The readings of one channel as last stated, by series and start."""

    series: dict[int, dict[datetime, Reading]] = field(default_factory=dict)

    def hear(self, series: int, readings: Sequence[Reading]) -> None:
        self.series.setdefault(series, {}).update({one.start: one for one in readings})

    def copy(self) -> Channel:
        return Channel({key: dict(of) for key, of in self.series.items()})

    def line(self) -> list[Reading]:
        """Each time told once: shorter readings where they fill a longer one, else the longer."""
        told = [list(of.values()) for of in self.series.values()]
        usable = [[one for one in of if one.length <= BILL] for of in told]
        line: list[Reading] = []
        for longer in sorted(
            (of for of in usable if of), key=lambda of: min(one.length for one in of)
        ):
            inside = {
                long: [one for one in line if long.start <= one.start < long.start + long.length]
                for long in longer
            }
            filled = {
                long
                for long, of in inside.items()
                if sum((one.length for one in of), timedelta()) >= long.length
            }
            dropped = {one for long, of in inside.items() if long not in filled for one in of}
            line = [one for one in line if one not in dropped]
            line += [long for long in longer if long not in filled]
        return sorted(line)

    def days(self, zone: ZoneInfo) -> dict[date, Day]:
        by_day: dict[date, list[Reading]] = {}
        for one in self.line():
            by_day.setdefault(one.start.astimezone(zone).date(), []).append(one)
        return {day: _day(day, readings, zone) for day, readings in by_day.items()}


def export(received: Channel, delivered: Channel | None, zone: ZoneInfo) -> dict[date, Export]:
    """Return the export of every local day on which the received register has a reading."""
    received_days = received.days(zone)
    given, taken = received.line(), delivered.line() if delivered else []
    return {
        day: _export(day, found.wh, given, None if delivered is None else taken, zone)
        for day, found in received_days.items()
    }


def hours_of(day: date, zone: ZoneInfo) -> Iterator[datetime]:
    start, end = _bounds(day, zone)
    while start < end:
        yield start
        start += HOUR


def days_of(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), zone).astimezone(UTC)
    return start, datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def _day(day: date, readings: Sequence[Reading], zone: ZoneInfo) -> Day:
    start, end = _bounds(day, zone)
    finest = min(one.length for one in readings)
    estimated = [one for one in readings if one.is_estimated]
    return Day(
        sum((one.wh for one in readings), Fraction()),
        sum((one.wh for one in estimated), Fraction()),
        sum((one.length for one in readings), timedelta()) // finest,
        max(1, (end - start) // finest),
        sum((one.length for one in estimated), timedelta()) // finest,
    )


def _export(
    day: date,
    register_wh: Fraction,
    given: Sequence[Reading],
    taken: Sequence[Reading] | None,
    zone: ZoneInfo,
) -> Export:
    hours: list[Fraction | None] = []
    missing = estimated = 0
    for hour in hours_of(day, zone):
        sides = [_within(given, hour)] + ([] if taken is None else [_within(taken, hour)])
        if any(sum((one.length for one in of), timedelta()) != HOUR for of in sides):
            missing += 1
            hours.append(None)
        elif any(one.is_estimated for of in sides for one in of):
            estimated += 1
            hours.append(None)
        else:
            net = sum((one.wh for one in sides[0]), Fraction())
            net -= sum((one.wh for of in sides[1:] for one in of), Fraction())
            hours.append(max(net, Fraction()))
    return Export(hours, register_wh, missing, estimated)


def _within(readings: Sequence[Reading], hour: datetime) -> list[Reading]:
    return [one for one in readings if hour <= one.start and one.start + one.length <= hour + HOUR]


def production_of(days: Mapping[date, Day], first: date, last: date) -> Fraction:
    """Return what was measured on days, both inclusive; estimates never count."""
    claimed = [days[day] for day in days_of(first, last) if day in days]
    return sum((day.wh - day.estimated_wh for day in claimed), Fraction())


def export_of(days: Mapping[date, Export], first: date, last: date) -> Fraction:
    """Return the positive hours of days, both inclusive."""
    claimed = [days[day] for day in days_of(first, last) if day in days]
    return sum((hour for day in claimed for hour in day.hours if hour is not None), Fraction())
