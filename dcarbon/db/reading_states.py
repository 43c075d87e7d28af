"""Every state that readings were in, from the first statement on: how a day came to be as it is.

For the few days a person looks at; whole years are read by ``interval_days_reading`` and
``restatements``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db.interval_rows import DAY_S

_LONGEST_PERIOD = timedelta(days=400)
"""How long before a range a period that reaches into it may have started."""
_MICROSECOND = timedelta(microseconds=1)

_DAY_STATES = """
select series_id, utc_day, recorded_at, payload_id, other_payload_ids, exponent, quality,
       qualities, coalesce(wide_readings, readings::int8[])
from interval_days
where series_id = any(%(series)s) and utc_day between %(first)s and %(last)s
union all
select series_id, utc_day, recorded_at, payload_id, other_payload_ids, exponent, quality,
       qualities, coalesce(wide_readings, readings::int8[])
from interval_days_history
where series_id = any(%(series)s) and utc_day between %(first)s and %(last)s
order by 1, 2, 3
"""
_PERIOD_STATES = """
select series_id, start_at, recorded_at, payload_id, duration_s, value, exponent, quality
from period_readings
where series_id = any(%(series)s) and start_at >= %(earliest)s and start_at < %(end)s
union all
select series_id, start_at, recorded_at, payload_id, duration_s, value, exponent, quality
from period_readings_history
where series_id = any(%(series)s) and start_at >= %(earliest)s and start_at < %(end)s
order by 1, 2, 3
"""


class Stated(NamedTuple):
    """One reading as it was stated: quantity in the channel's unit, ESPI quality if any."""

    duration_s: int
    quantity: Decimal
    quality: int | None


@dataclass(frozen=True, slots=True)
class ReadingState:
    """What was known of one part of a series from ``recorded_at`` on, until its next state.

    A part is a UTC day, or one period of no fixed grid. ``readings`` are by start (UTC).
    """

    series_id: UUID
    part: datetime
    """Where the part begins."""
    recorded_at: datetime
    payload_ids: tuple[UUID, ...]
    """What it was taken from: the payload that made this state first, then further ones."""
    readings: Mapping[datetime, Stated]


def states(
    session: Session, series_ids: Collection[UUID], start: datetime, end: datetime
) -> list[ReadingState]:
    """Return the states of readings that overlap ``[start, end)``, by series, part and time.

    Readings on a grid belong to a range in which they start; periods to each range they reach into.
    """
    connection = bc.connection_of(session)
    asked = {
        "series": list(series_ids),
        "first": start.astimezone(UTC).date(),
        "last": (end - _MICROSECOND).astimezone(UTC).date(),
        "earliest": start - _LONGEST_PERIOD,
        "end": end,
    }
    found = [_of_day(row, start, end) for row in connection.execute(_DAY_STATES, asked).fetchall()]
    found += _of_periods(connection.execute(_PERIOD_STATES, asked).fetchall(), start)
    return [state for state in found if state.readings]


def _of_day(row: tuple[Any, ...], start: datetime, end: datetime) -> ReadingState:
    series_id, utc_day, recorded_at, payload_id, others, exponent, quality, qualities, slots = row
    midnight = datetime(utc_day.year, utc_day.month, utc_day.day, tzinfo=UTC)
    interval_s = DAY_S // len(slots)
    readings: dict[datetime, Stated] = {}
    for slot, value in enumerate(slots):
        at = midnight + timedelta(seconds=slot * interval_s)
        if value is not None and start <= at < end:
            stated = qualities[slot] if qualities is not None else quality
            readings[at] = Stated(interval_s, Decimal(value).scaleb(exponent), stated)
    payload_ids = (payload_id, *(others or ()))
    return ReadingState(series_id, midnight, recorded_at, payload_ids, readings)


def _of_periods(rows: list[tuple[Any, ...]], start: datetime) -> Iterator[ReadingState]:
    for series_id, at, recorded_at, payload_id, duration_s, value, exponent, quality in rows:
        if at >= start or at + timedelta(seconds=duration_s) > start:
            reading = Stated(duration_s, Decimal(value).scaleb(exponent), quality)
            yield ReadingState(series_id, at, recorded_at, (payload_id,), {at: reading})
