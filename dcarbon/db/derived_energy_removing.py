"""Removing derived days that no reading speaks of any more.

A reading of a whole day takes the place of the few quarter-hours that were all of the day after,
and a meter moved to another zone has its readings on other days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import LiteralString
from uuid import UUID

import numpy as np

from dcarbon.db import binary_copy as bc
from dcarbon.db.derived_energy_writing import Written
from dcarbon.db.energy_days import DailyRows
from dcarbon.db.energy_export import ExportRows
from dcarbon.db.interval_rows import Int

_REMOVE: LiteralString = """
with wanted as (
    select * from unnest(%(meters)s::uuid[], %(days)s::date[]) as w(meter_id, meter_day)
), told as (
    select * from unnest(%(keys)s::uuid[], %(told)s::date[]) as t(key, meter_day)
), removed as (
    delete from {table} d using wanted w {channels}
    where d.{key} = {wanted} and d.meter_day = w.meter_day
      and not exists (select from told t where t.key = d.{key} and t.meter_day = d.meter_day)
    returning w.meter_id, d.meter_day
), marked as (
    insert into changed_unit_months (generating_unit_id, first_month, last_month)
    select distinct c.generating_unit_id, date_trunc('month', r.meter_day)::date,
           date_trunc('month', r.meter_day)::date
    from removed r
    join meter_claims c on c.meter_id = r.meter_id and c.basis = '{basis}'
     and r.meter_day >= c.first_day and r.meter_day <= coalesce(c.last_day, r.meter_day)
)
select meter_day, count(*) from removed group by meter_day
"""
_REMOVE_DAILY = _REMOVE.format(
    table="daily_energy",
    key="channel_id",
    channels="join meter_channels mc on mc.meter_id = w.meter_id",
    wanted="mc.id",
    basis="production",
)
_REMOVE_EXPORT = _REMOVE.format(
    table="hourly_export_days",
    key="meter_id",
    channels="",
    wanted="w.meter_id",
    basis="hourly_export",
)


def remove(
    connection: bc.Connection, wanted: Mapping[UUID, Int], daily: DailyRows, exports: ExportRows
) -> Written:
    """Remove the rows of ``wanted`` days (since 1970, by meter) that were derived to nothing."""
    meters = [meter_id for meter_id, days in wanted.items() for _ in range(len(days))]
    days = _dates(np.concatenate(list(wanted.values()))) if wanted else []
    asked = {"meters": meters, "days": days}
    channels = [daily.channel_ids[one] for one in daily.channel.tolist()]
    told = {"keys": channels, "told": _dates(daily.day)}
    removed = connection.execute(_REMOVE_DAILY, asked | told).fetchall()
    told = {
        "keys": [exports.meter_ids[one] for one in exports.meter.tolist()],
        "told": _dates(exports.day),
    }
    unsaid = connection.execute(_REMOVE_EXPORT, asked | told).fetchall()
    return Written(dict(removed), dict(unsaid))


def _dates(days: Int) -> list[date]:
    listed: list[date] = days.astype("datetime64[D]").tolist()
    return listed
