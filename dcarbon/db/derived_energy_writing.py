"""Storing derived days: in bulk by binary COPY, and only rows that say something new.

A changed day marks the month of the generating unit that claims it, in the same statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, LiteralString, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dcarbon.db import binary_copy as bc
from dcarbon.db.energy_days import DailyRows
from dcarbon.db.energy_export import ExportRows
from dcarbon.db.interval_rows import Int

_DAILY_COLUMNS: LiteralString = (
    "channel_id, meter_day, value, estimated_value, exponent, readings, expected, estimated,"
    " as_of, computed_at"
)
_EXPORT_COLUMNS: LiteralString = (
    "meter_id, meter_day, hours, value, register_value, exponent, missing_hours, estimated_hours,"
    " as_of, computed_at"
)
# Emptied as well: an earlier portion of this transaction used it.
_STAGING: LiteralString = """
create temporary table if not exists staged_{0} (like {0}) on commit delete rows;
delete from staged_{0}
"""
_STAGE: LiteralString = "copy staged_{0} ({1}) from stdin (format binary)"
# ``as_of`` alone is no news: a later reading of the same UTC day may belong to the day after.
_UPSERT: LiteralString = """
with written as (
    insert into {table} ({columns})
    select {columns} from staged_{table}
    on conflict ({key}, meter_day) do update set {assigned}
    where ({stored}) is distinct from ({stated})
    returning {key}, meter_day
), marked as (
    insert into changed_unit_months (generating_unit_id, first_month, last_month)
    select distinct c.generating_unit_id, date_trunc('month', w.meter_day)::date,
           date_trunc('month', w.meter_day)::date
    from written w {meter}
    join meter_claims c on c.meter_id = {meter_id} and c.basis = '{basis}'
     and w.meter_day >= c.first_day and w.meter_day <= coalesce(c.last_day, w.meter_day)
)
select meter_day, count(*) from written group by meter_day
"""


def _upsert(
    table: LiteralString,
    columns: LiteralString,
    *,
    key: LiteralString,
    basis: LiteralString,
    meter: LiteralString = "",
    meter_id: LiteralString,
) -> LiteralString:
    names = columns.split(", ")
    news = [name for name in names if name not in {key, "meter_day", "as_of", "computed_at"}]
    return _UPSERT.format(
        table=table,
        columns=columns,
        key=key,
        basis=basis,
        meter=meter,
        meter_id=meter_id,
        assigned=", ".join(f"{name} = excluded.{name}" for name in [*news, "as_of", "computed_at"]),
        stored=", ".join(f"{table}.{name}" for name in news),
        stated=", ".join(f"excluded.{name}" for name in news),
    )


_UPSERT_DAILY = _upsert(
    "daily_energy",
    _DAILY_COLUMNS,
    key="channel_id",
    basis="production",
    meter="join meter_channels m on m.id = w.channel_id",
    meter_id="m.meter_id",
)
_UPSERT_EXPORT = _upsert(
    "hourly_export_days",
    _EXPORT_COLUMNS,
    key="meter_id",
    basis="hourly_export",
    meter_id="w.meter_id",
)


class Written(NamedTuple):
    """Rows written by local day."""

    daily: dict[date, int]
    exports: dict[date, int]


def write(
    connection: bc.Connection, daily: DailyRows, exports: ExportRows, *, computed_at: datetime
) -> Written:
    """Store derived days; those that are stored just so already are not written."""
    computed_us = round(computed_at.timestamp() * 1e6)
    return Written(
        _write_daily(connection, daily, computed_us) if len(daily) else {},
        _write_exports(connection, exports, computed_us) if len(exports) else {},
    )


def _write_daily(connection: bc.Connection, rows: DailyRows, computed_us: int) -> dict[date, int]:
    layout = [
        *bc.fixed("channel_id", 16),
        *bc.scalar("meter_day", ">i4"),
        *bc.scalar("value", ">i8"),
        *bc.scalar("estimated_value", ">i8"),
        *bc.scalar("exponent", ">i2"),
        *bc.scalar("readings", ">i4"),
        *bc.scalar("expected", ">i4"),
        *bc.scalar("estimated", ">i4"),
        *bc.scalar("as_of", ">i8"),
        *bc.scalar("computed_at", ">i8"),
    ]
    records = bc.blank(layout, len(rows))
    records["channel_id"] = bc.uuid_bytes(rows.channel_ids)[rows.channel]
    for name in ("value", "estimated_value", "exponent", "readings", "expected", "estimated"):
        records[name] = getattr(rows, name)
    _fill_times(records, rows.day, rows.as_of_us, computed_us)
    stage = _STAGE.format("daily_energy", _DAILY_COLUMNS)
    return _apply(connection, _STAGING.format("daily_energy"), stage, [records], _UPSERT_DAILY)


def _write_exports(
    connection: bc.Connection, rows: ExportRows, computed_us: int
) -> dict[date, int]:
    blocks = [
        _export_records(rows, np.flatnonzero(rows.hour_count == hours), hours, computed_us)
        for hours in np.unique(rows.hour_count).tolist()
    ]
    stage = _STAGE.format("hourly_export_days", _EXPORT_COLUMNS)
    staging = _STAGING.format("hourly_export_days")
    return _apply(connection, staging, stage, blocks, _UPSERT_EXPORT)


def _export_records(
    rows: ExportRows, chosen: Int, hours: int, computed_us: int
) -> NDArray[np.void]:
    """Return the records of days of ``hours`` hours; an hour that does not count is null."""
    layout = [
        *bc.fixed("meter_id", 16),
        *bc.scalar("meter_day", ">i4"),
        *bc.array("hours", "i8", hours),
        *bc.scalar("value", ">i8"),
        *bc.scalar("register_value", ">i8"),
        *bc.scalar("exponent", ">i2"),
        *bc.scalar("missing_hours", ">i4"),
        *bc.scalar("estimated_hours", ">i4"),
        *bc.scalar("as_of", ">i8"),
        *bc.scalar("computed_at", ">i8"),
    ]
    records = bc.blank(layout, len(chosen))
    records["meter_id"] = bc.uuid_bytes(rows.meter_ids)[rows.meter[chosen]]
    for name in ("value", "register_value", "exponent", "missing_hours", "estimated_hours"):
        records[name] = getattr(rows, name)[chosen]
    of_hours, counts = rows.hours[chosen, :hours], rows.counts[chosen, :hours]
    bc.fill_array(records, "hours", "i8", of_hours, counts)
    _fill_times(records, rows.day[chosen], rows.as_of_us[chosen], computed_us)
    return records


def _fill_times(records: NDArray[np.void], day: Int, as_of_us: Int, computed_us: int) -> None:
    records["meter_day"] = day - bc.EPOCH_DAYS
    records["as_of"] = as_of_us - bc.EPOCH_US
    records["computed_at"] = computed_us - bc.EPOCH_US


def _apply(
    connection: bc.Connection,
    staging: LiteralString,
    stage: LiteralString,
    blocks: Sequence[NDArray[Any]],
    upsert: LiteralString,
) -> dict[date, int]:
    connection.execute(staging)
    bc.copy_in(connection, stage, (bc.packed(block) for block in blocks))
    return dict(connection.execute(upsert).fetchall())
