"""A channel's readings part by part, each in a transaction of its own.

No connection is held between two parts: a slow download costs the others nothing, and one that is
cut off leaves nothing behind. All parts are as known at one time, so together they are one answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from dcarbon.db import reading_counts, sourced_readings
from dcarbon.db.sourced_readings import SeriesRef, SourcedReadings
from dcarbon.domain.ranges import TimeRange

PART_READINGS = 32_768
"""Readings read at once: about a year of quarter hours."""
_LONGEST_PART = timedelta(days=3660)
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Line:
    """The series that together tell of one channel."""

    series: tuple[SeriesRef, ...]
    reach: timedelta
    """How far away a reading can be that decides whether another is told: with one series none."""

    @property
    def part(self) -> timedelta:
        """How much is read at once."""
        step_s = min((one.interval_s for one in self.series if one.interval_s), default=_DAY_S)
        return min(timedelta(seconds=max(_DAY_S, PART_READINGS * step_s)), _LONGEST_PART)


def line_of(session: Session, series: Sequence[SeriesRef]) -> Line:
    """Return the line that a channel's series make."""
    if len(series) == 1:
        return Line(tuple(series), timedelta())
    lengths = [one.interval_s for one in series]
    without_grid = [one.id for one in series if not one.interval_s]
    if without_grid:
        lengths.append(reading_counts.longest_period_s(session, without_grid))
    return Line(tuple(series), 2 * timedelta(seconds=sum(lengths)))


def parts(line: Line, span: TimeRange) -> Iterator[TimeRange]:
    """Return the range in parts, oldest first."""
    start = span.start
    while start < span.end:
        end = min(start + line.part, span.end)
        yield TimeRange(start, end)
        start = end


def read(
    session: Session, line: Line, part: TimeRange, *, as_known_at: datetime
) -> SourcedReadings:
    """Return the readings of one part. Where series overlap, each time is told once, and what is
    told does not depend on how the range was cut.
    """
    start, end = part.start - line.reach, part.end + line.reach
    found = sourced_readings.read(session, line.series, start, end, as_known_at=as_known_at)
    return found.between(part.start, part.end) if line.reach else found


def count(session: Session, line: Line, span: TimeRange, *, as_known_at: datetime) -> int:
    """Return how many readings a line tells in a range, by reading them."""
    return sum(
        len(read(session, line, part, as_known_at=as_known_at)) for part in parts(line, span)
    )
