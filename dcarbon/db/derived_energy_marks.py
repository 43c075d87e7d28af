"""Marks of what has to be derived again: taken away in the transaction that derives it.

Set by triggers (migration 0005). One derivation runs at a time: two could store each other's past.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import numpy as np

from dcarbon.db import binary_copy as bc
from dcarbon.db.advisory_locks import LockNumber
from dcarbon.db.interval_rows import DAY_S, Int
from dcarbon.db.local_days import LocalDays, to_number
from dcarbon.domain.calendar import LONGEST_DAY_S

_LOCK = LockNumber.DERIVED_ENERGY.value
"""Of the advisory lock that every derivation holds until its transaction ends."""

_TAKE_DAYS = """
with taken as (
    delete from changed_series_days
    where id in (select id from changed_series_days order by id limit %s)
    returning series_id, utc_days
)
select m.id, m.time_zone, s.first_start, s.last_end, t.utc_days,
       exists (select from series p where p.channel_id = c.id and p.interval_s = 0)
from taken t
left join series s on s.id = t.series_id
left join meter_channels c on c.id = s.channel_id and c.measure = 'usage'
left join meters m on m.id = c.meter_id
"""
_TAKE_MONTHS = """
delete from changed_unit_months
where id in (select id from changed_unit_months order by id limit %s)
returning generating_unit_id, first_month, last_month
"""
_WAITING_DAYS = """
select count(*), now() - min(marked_at),
       least(min((select min(day) from unnest(utc_days) as u(day))), min(s.first_start::date)
             filter (where utc_days is null)),
       greatest(max((select max(day) from unnest(utc_days) as u(day))), max(s.last_end::date)
                filter (where utc_days is null))
from changed_series_days left join series s on s.id = series_id
"""
_WAITING_MONTHS = """
select count(*), now() - min(marked_at), min(first_month),
       case when bool_or(last_month is null) then null else max(last_month) end
from changed_unit_months
"""


class Waiting(NamedTuple):
    """Marks that wait: how many, for how long, and the first and last day or month they speak of.

    ``last`` is ``None`` where one has no end.
    """

    marks: int
    waited: timedelta | None
    first: date | None
    last: date | None


class UnitMonths(NamedTuple):
    """Months of a generating unit to derive; ``last`` is ``None`` where there is no end."""

    unit_id: UUID
    first: date
    last: date | None


@dataclass(frozen=True, slots=True)
class TakenDays:
    """Local days to derive, by meter (days since 1970), and how many marks said so."""

    marks: int
    days: dict[UUID, Int]


@dataclass(frozen=True, slots=True)
class TakenMonths:
    """What months to derive, and how many marks said so."""

    marks: int
    months: set[UnitMonths]


def lock(connection: bc.Connection) -> None:
    """Wait until no other derivation runs; held until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])


def waiting_days(connection: bc.Connection) -> Waiting:
    """Return what waits to be derived by day; ``first`` and ``last`` are UTC days."""
    return Waiting(*_only(connection, _WAITING_DAYS))


def waiting_months(connection: bc.Connection) -> Waiting:
    """Return what waits to be derived by month."""
    return Waiting(*_only(connection, _WAITING_MONTHS))


def take_days(connection: bc.Connection, *, limit: int) -> TakenDays:
    """Take the oldest marks away and return the local days they mean. Hold :func:`lock`."""
    rows = connection.execute(_TAKE_DAYS, [limit]).fetchall()
    found: dict[UUID, list[Int]] = {}
    for meter_id, zone, first_start, last_end, utc_days, has_periods in rows:
        if meter_id is None or first_start is None:
            continue  # no usage channel, or a series that never had a reading
        if utc_days is None:
            begin, end = (int(moment.timestamp()) for moment in (first_start, last_end))
            utc = np.arange(begin // DAY_S, end // DAY_S + 1)
        else:
            utc = np.array([to_number(day) for day in utc_days], np.int64)
        # A reading of a day may begin at any hour: what it says of the day before or after is
        # weighed against the readings there.
        reach_s = LONGEST_DAY_S if has_periods else 0
        found.setdefault(meter_id, []).append(_local_days(utc, zone, reach_s=reach_s))
    days = {meter_id: np.unique(np.concatenate(several)) for meter_id, several in found.items()}
    return TakenDays(len(rows), days)


def take_months(connection: bc.Connection, *, limit: int) -> TakenMonths:
    """Take the oldest marks away and return what they say, each once. Hold :func:`lock`."""
    rows = connection.execute(_TAKE_MONTHS, [limit]).fetchall()
    return TakenMonths(len(rows), {UnitMonths(*row) for row in rows})


def _local_days(utc_days: Int, zone: str, *, reach_s: int) -> Int:
    """Return the local days that UTC days lie in, and those up to ``reach_s`` around them."""
    calendar = LocalDays.around(zone, int(utc_days.min()) - 2, int(utc_days.max()) + 2)
    first = calendar.of(utc_days * DAY_S - reach_s)
    last = calendar.of((utc_days + 1) * DAY_S - 1 + reach_s)
    reach = int((last - first).max()) + 1
    return np.unique(np.minimum(first[:, None] + np.arange(reach), last[:, None]))


def _only(connection: bc.Connection, statement: LiteralString) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(statement).fetchone()
    assert row is not None  # an aggregate always answers
    return row
