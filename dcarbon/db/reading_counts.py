"""How many readings there are, at which exponents, and how new: told without reading them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc

_MICROSECOND = timedelta(microseconds=1)
_COUNTED = """
with known as (
    select series_id, utc_day, exponent, recorded_at, coalesce(wide_readings, readings::int8[]) as v
    from interval_days
    where series_id = any(%(series)s) and utc_day in (%(first)s, %(last)s)
      and recorded_at <= %(at)s
    union all
    select series_id, utc_day, exponent, recorded_at, coalesce(wide_readings, readings::int8[])
    from interval_days_history
    where series_id = any(%(series)s) and utc_day in (%(first)s, %(last)s)
      and recorded_at <= %(at)s and superseded_at > %(at)s
), edge as (
    select series_id, exponent, recorded_at, cardinality(array_remove(v[
        1 + ceil(greatest(0, extract(epoch from %(start)s::timestamptz) - d.second)
                 / (86400 / cardinality(v)))::int
        : ceil(least(86400, extract(epoch from %(end)s::timestamptz) - d.second)
               / (86400 / cardinality(v)))::int
    ], null)) as n
    from known, lateral (select extract(epoch from utc_day) as second) d
), inner_days as (
    select series_id, exponent, recorded_at, cardinality(array_remove(readings, null))
        + coalesce(cardinality(array_remove(wide_readings, null)), 0) as n
    from interval_days
    where series_id = any(%(series)s) and utc_day > %(first)s and utc_day < %(last)s
      and recorded_at <= %(at)s
    union all
    select series_id, exponent, recorded_at, cardinality(array_remove(readings, null))
        + coalesce(cardinality(array_remove(wide_readings, null)), 0)
    from interval_days_history
    where series_id = any(%(series)s) and utc_day > %(first)s and utc_day < %(last)s
      and recorded_at <= %(at)s and superseded_at > %(at)s
), periods as (
    select series_id, exponent, recorded_at, 1 as n from period_readings
    where series_id = any(%(series)s) and start_at >= %(start)s and start_at < %(end)s
      and recorded_at <= %(at)s
    union all
    select series_id, exponent, recorded_at, 1 from period_readings_history
    where series_id = any(%(series)s) and start_at >= %(start)s and start_at < %(end)s
      and recorded_at <= %(at)s and superseded_at > %(at)s
)
select series_id, sum(n)::int8, min(exponent)::int, max(recorded_at)
from (table edge union all table inner_days union all table periods) counted
where n > 0
group by series_id
"""
_LONGEST = """
select coalesce(max(duration_s), 0) from (
    select duration_s from period_readings where series_id = any(%(series)s)
    union all
    select duration_s from period_readings_history where series_id = any(%(series)s)
) p
"""


@dataclass(frozen=True, slots=True)
class SeriesCount:
    """What a series holds of a range; series without any are left out."""

    readings: int
    exponent: int
    """The smallest of its days: every quantity is a whole multiple of 10 ** exponent."""
    newest: datetime
    """When the newest of it came to be known, UTC."""


def counts(
    session: Session,
    series_ids: Collection[UUID],
    start: datetime,
    end: datetime,
    *,
    as_known_at: datetime,
) -> dict[UUID, SeriesCount]:
    """Return what each series has of readings that start in ``[start, end)``, by series."""
    asked: dict[str, Any] = {
        "series": list(series_ids),
        "start": start,
        "end": end,
        "first": start.astimezone(UTC).date(),
        "last": (end - _MICROSECOND).astimezone(UTC).date(),
        "at": as_known_at,
    }
    rows = bc.connection_of(session).execute(_COUNTED, asked)
    return {row[0]: SeriesCount(*row[1:]) for row in rows}


def longest_period_s(session: Session, series_ids: Collection[UUID]) -> int:
    """Return the length of the longest reading of series without a grid, 0 where there is none."""
    row = bc.connection_of(session).execute(_LONGEST, {"series": list(series_ids)}).fetchone()
    assert row is not None
    return int(row[0])
