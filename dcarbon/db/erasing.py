"""Deleting readings of meters and what was derived from them, save what is held.

Counting and deleting use the same conditions, so that a preview says what will happen. Who may
ask for it and what is held is decided in ``services``; payloads are in ``payload_erasing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from dcarbon.db import binary_copy as bc
from dcarbon.db.advisory_locks import LockNumber

AROUND = timedelta(days=3)
"""Where a channel has several series, those around a range say which of them tells of its edges."""


@dataclass(frozen=True, slots=True)
class HeldSpan:
    """What stays of one channel: readings in ``[start, end)`` (UTC) and :data:`AROUND` it, the
    payloads of those in ``[start, end)``, and what was derived of the local days at the meter from
    ``first_day`` to ``last_day``, both inclusive.
    """

    channel_id: UUID
    start: datetime
    end: datetime
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose data: these meters, and the payloads of these authorizations or, with ``None``, all of
    the facility, imported files too.
    """

    facility_id: UUID
    meter_ids: tuple[UUID, ...]
    authorization_ids: tuple[UUID, ...] | None


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings, now standing and earlier stated, and rows that were derived from them."""

    readings: int = 0
    days: int = 0
    """UTC days of a series."""
    periods: int = 0
    """Readings on no day grid; in ``readings`` too."""
    earlier_states: int = 0
    derived: int = 0
    """Days of coverage, energy and export."""


WITH_HELD: LiteralString = """
with held as (
    select * from unnest(%(channel)s::uuid[], %(start)s::timestamptz[], %(end)s::timestamptz[],
                         %(first_day)s::date[], %(last_day)s::date[])
        as h(channel_id, start_at, end_at, first_day, last_day)
), held_series as (
    select s.id, h.start_at, h.end_at,
           (h.start_at at time zone 'UTC')::date as first_utc,
           ((h.end_at - interval '1 microsecond') at time zone 'UTC')::date as last_utc
    from held h join series s on s.channel_id = h.channel_id
)
"""
_SERIES: LiteralString = """
select c.id, s.id from meter_channels c left join series s on s.channel_id = c.id
where c.meter_id = any(%(meters)s)
"""
HELD_DAY: LiteralString = """
exists (select from held_series h
        where h.id = d.series_id and d.utc_day between h.first_utc and h.last_utc)
"""
HELD_PERIOD: LiteralString = """
exists (select from held_series h
        where h.id = d.series_id and d.start_at < h.end_at
          and d.start_at + make_interval(secs => d.duration_s) >= h.start_at)
"""
# The series are named one by one: joined to their meters instead, every interval day of everybody
# is read.
OF_SERIES: LiteralString = "d.series_id = any(%(series)s)"
_OF_CHANNEL: LiteralString = """
d.channel_id = any(%(channels)s)
and not exists (select from held h where h.channel_id = d.channel_id
                and d.meter_day between h.first_day and h.last_day)
"""
_OF_METER: LiteralString = """
d.meter_id = any(%(meters)s)
and not exists (select from held h join meter_channels c on c.id = h.channel_id
                where c.meter_id = d.meter_id and d.meter_day between h.first_day and h.last_day)
"""
_SLOTS: LiteralString = """
cardinality(array_remove(d.readings, null))
+ coalesce(cardinality(array_remove(d.wide_readings, null)), 0)
"""
_TABLES: dict[LiteralString, tuple[LiteralString, LiteralString]] = {
    "interval_days": (f"{OF_SERIES} and not {HELD_DAY}", _SLOTS),
    "interval_days_history": (f"{OF_SERIES} and not {HELD_DAY}", _SLOTS),
    "period_readings": (f"{OF_SERIES} and not {HELD_PERIOD}", "1"),
    "period_readings_history": (f"{OF_SERIES} and not {HELD_PERIOD}", "1"),
    "coverage_days": (_OF_CHANNEL, "1"),
    "daily_energy": (_OF_CHANNEL, "1"),
    "hourly_export_days": (_OF_METER, "1"),
}
"""Each table's rows that are not held, and how many readings a row is."""

# Local days beside a held one are told by part of their readings now, and months of units that
# claim the meters by fewer days: both are derived again.
_MARK: LiteralString = """
insert into changed_series_days (series_id, utc_days)
select d.series_id, array_agg(d.utc_day) from interval_days d
where d.series_id = any(%(series)s) group by d.series_id
"""
_MARK_MONTHS: LiteralString = """
insert into changed_unit_months (generating_unit_id, first_month, last_month)
select generating_unit_id, date_trunc('month', first_day), date_trunc('month', last_day)
from meter_claims where meter_id = any(%(meters)s)
"""
_SERIES_ENDS: LiteralString = """
update series s set first_start = k.first_start, last_end = k.last_end
from (
    select s.id,
           least((select min(utc_day)::timestamp at time zone 'UTC' from interval_days
                  where series_id = s.id),
                 (select min(start_at) from period_readings where series_id = s.id)) as first_start,
           greatest((select (max(utc_day) + 1)::timestamp at time zone 'UTC' from interval_days
                     where series_id = s.id),
                    (select max(start_at + make_interval(secs => duration_s)) from period_readings
                     where series_id = s.id)) as last_end
    from series s where s.id = any(%(series)s)
) k
where k.id = s.id
"""


def lock(connection: bc.Connection) -> None:
    """Wait until nobody else erases; held until the transaction ends.

    Two who erase the same bytes at the same time would each leave them to the other.
    """
    connection.execute("select pg_advisory_xact_lock(%s)", [LockNumber.ERASING.value])


def count_readings(connection: bc.Connection, chosen: Chosen, held: Sequence[HeldSpan]) -> Readings:
    """Return what :func:`erase_readings` would delete."""
    return _readings(connection, chosen, held, is_done=False)


def erase_readings(connection: bc.Connection, chosen: Chosen, held: Sequence[HeldSpan]) -> Readings:
    """Delete the readings of meters and what was derived from them, save what is held.

    The caller holds the facility's lock and that of derivations.
    """
    erased = _readings(connection, chosen, held, is_done=True)
    asked = asked_for(connection, chosen, held, around=AROUND)
    for statement in (_SERIES_ENDS, _MARK, _MARK_MONTHS):
        connection.execute(statement, asked)
    return erased


def _readings(
    connection: bc.Connection, chosen: Chosen, held: Sequence[HeldSpan], *, is_done: bool
) -> Readings:
    asked = asked_for(connection, chosen, held, around=AROUND)
    found: dict[str, tuple[int, int]] = {}
    for table, (condition, size) in _TABLES.items():
        if is_done:
            statement: LiteralString = f"""{WITH_HELD}, gone as (
                delete from {table} d where {condition} returning {size} as n
            ) select count(*), coalesce(sum(n), 0)::int8 from gone"""  # noqa: S608
        else:
            statement = f"""{WITH_HELD}
                select count(*), coalesce(sum({size}), 0)::int8
                from {table} d where {condition}"""  # noqa: S608
        row = connection.execute(statement, asked).fetchone()
        assert row is not None  # an aggregate always answers
        found[table] = (row[0], row[1])
    days, periods = found["interval_days"], found["period_readings"]
    derived = ("coverage_days", "daily_energy", "hourly_export_days")
    return Readings(
        readings=days[1] + periods[1],
        days=days[0],
        periods=periods[0],
        earlier_states=found["interval_days_history"][0] + found["period_readings_history"][0],
        derived=sum(found[table][0] for table in derived),
    )


def asked_for(
    connection: bc.Connection,
    chosen: Chosen,
    held: Sequence[HeldSpan],
    *,
    around: timedelta = timedelta(),
) -> dict[str, Any]:
    """Return the parameters of statements with these conditions."""
    rows = connection.execute(_SERIES, {"meters": list(chosen.meter_ids)}).fetchall()
    return {
        "meters": list(chosen.meter_ids),
        "channels": list({row[0] for row in rows}),
        "series": [row[1] for row in rows if row[1] is not None],
        "channel": [one.channel_id for one in held],
        "start": [one.start.astimezone(UTC) - around for one in held],
        "end": [one.end.astimezone(UTC) + around for one in held],
        "first_day": [one.first_day for one in held],
        "last_day": [one.last_day for one in held],
    }
