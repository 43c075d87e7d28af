"""Do stored days and months agree with the readings? Asked in SQL, apart from what derived them.

Readings come from the view ``intervals``, one row each, compared to the last unit. Left out are
days on which a channel has readings of several lengths, of which SQL would count the time twice,
and what has changed meanwhile and waits to be derived.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import LiteralString, NamedTuple
from uuid import UUID

from dcarbon.db import binary_copy as bc
from dcarbon.domain.calendar import LONGEST_DAY_S
from dcarbon.domain.flows import ESTIMATED_QUALITIES

# Row by row along the keys: on a young table the planner would scan all of it for each row.
_BY_KEY = (
    "set local enable_hashjoin = off",
    "set local enable_mergejoin = off",
    "set local enable_seqscan = off",
)
_DAYS: LiteralString = """
with sampled as materialized (
    select channel_id, meter_day, value * power(10::numeric, exponent) as stored
    from daily_energy
    where meter_day = any(%(days)s) and channel_id not in (
        select s.channel_id from changed_series_days c join series s on s.id = c.series_id
    )
    order by md5(channel_id::text || meter_day::text) limit %(limit)s
)
select s.channel_id, s.meter_day, s.stored, r.told
from sampled s
cross join lateral (
    select sum(v.value) as told, count(distinct v.series_id) as series
    from intervals v
    where v.channel_id = s.channel_id and v.utc_day between s.meter_day - 1 and s.meter_day + 1
      and v.start_local::date = s.meter_day and v.duration_s <= %(longest)s
) r
where r.series <= 1
"""
_LEFT_OUT = """
select k.channel_id, k.meter_day
from coverage_days k
left join daily_energy d on d.channel_id = k.channel_id and d.meter_day = k.meter_day
where k.meter_day = any(%(days)s) and k.present > 0 and d.channel_id is null
  and exists (select from series s where s.channel_id = k.channel_id and s.interval_s > 0)
  and k.channel_id not in (
    select s.channel_id from changed_series_days c join series s on s.id = c.series_id
  )
limit %(limit)s
"""
_EXPORTS: LiteralString = """
with registers as (
    select c.meter_id,
           count(*) filter (where c.direction = 'received') as received,
           count(*) filter (where c.direction = 'delivered') as delivered
    from meter_channels c
    where c.direction in ('received', 'delivered') and c.unit = 'Wh' and c.measure = 'usage'
      and c.commodity = 'electricity'
    group by c.meter_id
), sampled as materialized (
    select e.meter_id, e.meter_day, e.value * power(10::numeric, e.exponent) as stored,
           e.register_value * power(10::numeric, e.exponent) as register,
           r.delivered, m.time_zone, e.meter_day::timestamp at time zone m.time_zone as begins
    from hourly_export_days e
    join registers r on r.meter_id = e.meter_id and r.received = 1 and r.delivered <= 1
    join meters m on m.id = e.meter_id
    where e.meter_day = any(%(days)s) and e.meter_id not in (
        select c.meter_id from changed_series_days d
        join series s on s.id = d.series_id join meter_channels c on c.id = s.channel_id
    )
    order by md5(e.meter_id::text || e.meter_day::text) limit %(limit)s
)
select s.meter_id, s.meter_day, s.stored, coalesce(sum(greatest(0,
           h.received - case when s.delivered = 1 then h.delivered else 0 end
       )) filter (where h.received_s = 3600 and (s.delivered = 0 or h.delivered_s = 3600)
                    and not h.estimated), 0) as told,
       s.register, sum(h.received)
from sampled s
cross join lateral (
    select sum(v.value) filter (where v.direction = 'received') as received,
           sum(v.duration_s) filter (where v.direction = 'received') as received_s,
           sum(v.value) filter (where v.direction = 'delivered') as delivered,
           sum(v.duration_s) filter (where v.direction = 'delivered') as delivered_s,
           bool_or(coalesce(v.quality, -1) = any(%(estimates)s::int2[])) as estimated,
           count(distinct v.series_id) filter (where v.direction = 'received') as series_received,
           count(distinct v.series_id) filter (where v.direction = 'delivered') as series_delivered,
           bool_or(floor(extract(epoch from v.start_utc - s.begins) / 3600)
                <> ceil(extract(epoch from v.start_utc - s.begins + make_interval(
                       secs => v.duration_s)) / 3600) - 1) as is_across
    from intervals v
    where v.meter_id = s.meter_id and v.utc_day between s.meter_day - 1 and s.meter_day + 1
      and v.start_local::date = s.meter_day and v.duration_s <= %(longest)s
      and v.direction in ('received', 'delivered') and v.unit = 'Wh' and v.measure = 'usage'
    group by floor(extract(epoch from v.start_utc - s.begins) / 3600)
) h
group by s.meter_id, s.meter_day, s.stored, s.register
having max(h.series_received) <= 1 and max(h.series_delivered) <= 1
   and not bool_or(h.is_across)
"""
_MONTHS = """
with asked as (
    select g.generating_unit_id, g.month, (g.month + interval '1 month')::date as ends,
           g.value * power(10::numeric, g.exponent) as stored
    from monthly_generation g
    where g.month = any(%(months)s)
      and not exists (
        select from changed_unit_months c where c.generating_unit_id = g.generating_unit_id
      )
), claimed as (
    select a.*, c.meter_id, c.basis, greatest(a.month, c.first_day) as first_day,
           least(a.ends - 1, coalesce(c.last_day, a.ends - 1)) as last_day
    from asked a join meter_claims c on c.generating_unit_id = a.generating_unit_id
     and c.first_day < a.ends and coalesce(c.last_day, a.ends) >= a.month
)
select a.generating_unit_id, a.month, a.stored, coalesce(sum(told.energy), 0)
from asked a
left join claimed k on k.generating_unit_id = a.generating_unit_id and k.month = a.month
left join lateral (
    select case when count(distinct c.direction) = 1
                then sum((d.value - d.estimated_value) * power(10::numeric, d.exponent)) end
           as energy
    from meter_channels c
    join channel_eligibilities e on e.channel_id = c.id and e.chosen = 'production'
    join daily_energy d on d.channel_id = c.id and d.meter_day between k.first_day and k.last_day
    where k.basis = 'production' and c.meter_id = k.meter_id and c.unit = 'Wh'
      and c.commodity = 'electricity'
    union all
    select sum(x.value * power(10::numeric, x.exponent))
    from hourly_export_days x
    where k.basis = 'hourly_export' and x.meter_id = k.meter_id
      and x.meter_day between k.first_day and k.last_day
      and exists (
        select from meter_channels c
        join channel_eligibilities e on e.channel_id = c.id and e.chosen = 'hourly_export'
        where c.meter_id = k.meter_id and c.direction = 'received'
      )
) told on true
group by a.generating_unit_id, a.month, a.stored
"""


class Difference(NamedTuple):
    """A stored total that is not what it should be; ``told`` is ``None`` where nothing says it.

    ``owner`` is a channel, a meter or a generating unit; quantities are in its unit.
    """

    owner: UUID
    day: date
    stored: Decimal | None
    told: Decimal | None


class Compared(NamedTuple):
    """How many totals were compared, and those that differ."""

    compared: int
    differences: list[Difference]


def daily(connection: bc.Connection, days: Sequence[date], *, limit: int) -> Compared:
    """Compare up to ``limit`` stored channel days with the sum of their readings.

    Channel days that have readings and no total differ, too.
    """
    asked = {"days": list(days), "limit": limit, "longest": LONGEST_DAY_S}
    left_out = connection.execute(_LEFT_OUT, asked).fetchall()
    _along_keys(connection)
    rows = connection.execute(_DAYS, asked).fetchall()
    differ = [Difference(*row) for row in rows if row[2] != row[3]]
    differ += [Difference(channel_id, day, None, None) for channel_id, day in left_out]
    return Compared(len(rows) + len(left_out), differ)


def exports(connection: bc.Connection, days: Sequence[date], *, limit: int) -> Compared:
    """Compare up to ``limit`` stored export days with their hours and their register."""
    asked = {
        "days": list(days),
        "limit": limit,
        "longest": LONGEST_DAY_S,
        "estimates": sorted(ESTIMATED_QUALITIES),
    }
    _along_keys(connection)
    rows = connection.execute(_EXPORTS, asked).fetchall()
    differ = [Difference(*row[:4]) for row in rows if row[2] != row[3]]
    differ += [Difference(row[0], row[1], row[4], row[5]) for row in rows if row[4] != row[5]]
    return Compared(len(rows), differ)


def months(connection: bc.Connection, asked: Sequence[date]) -> Compared:
    """Compare every stored month with the sum of the stored days its unit claims."""
    rows = connection.execute(_MONTHS, {"months": list(asked)}).fetchall()
    return Compared(len(rows), [Difference(*row) for row in rows if row[2] != row[3]])


def _along_keys(connection: bc.Connection) -> None:
    for setting in _BY_KEY:
        connection.execute(setting)
