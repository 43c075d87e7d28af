"""Reading interval days and period readings back, as Arrow columns, now or as known at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString, Self
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_rows as ir
from dcarbon.db import interval_wire as wire
from dcarbon.db.interval_rows import Bool, DayRows, Int, Small
from dcarbon.db.meters import MeterChannel, Series
from dcarbon.db.restatements import Restatement, restatements
from dcarbon.domain.calendar import LONGEST_DAY_S
from dcarbon.domain.errors import ContractViolation

__all__ = [
    "ChannelReadings",
    "Columns",
    "Restatement",
    "columns_of_days",
    "exponent_of",
    "grid_columns",
    "one_line",
    "period_columns",
    "read_channels",
    "read_series",
    "restatements",
    "series_columns",
]

_MICROSECOND = timedelta(microseconds=1)

# ``offset 0`` fences the inner query: on a young table the planner would scan all of it instead.
_SERIES: LiteralString = f"""
select found.* from unnest(%(series)s::uuid[]) with ordinality as w(series_id, place)
cross join lateral (
    select {wire.AGGREGATED} from (
        select {wire.COLUMNS} from interval_days
        where series_id = w.series_id and utc_day between %(first)s and %(last)s
        order by utc_day offset 0
    ) d
) found
order by w.place
"""  # noqa: S608 — our own column names
_SERIES_AS_KNOWN: LiteralString = f"""
select found.* from unnest(%(series)s::uuid[]) with ordinality as w(series_id, place)
cross join lateral (
    select {wire.AGGREGATED} from (
        select {wire.COLUMNS} from interval_days
        where series_id = w.series_id and utc_day between %(first)s and %(last)s
          and recorded_at <= %(at)s
        union all
        select {wire.COLUMNS} from interval_days_history
        where series_id = w.series_id and utc_day between %(first)s and %(last)s
          and recorded_at <= %(at)s and superseded_at > %(at)s
        order by utc_day offset 0
    ) d
) found
order by w.place
"""  # noqa: S608 — our own column names
_PERIODS = """
select start_at, duration_s, value, exponent, quality from period_readings
where series_id = %(series)s and start_at >= %(start)s and start_at < %(end)s
  and (%(at)s::timestamptz is null or recorded_at <= %(at)s)
union all
select start_at, duration_s, value, exponent, quality from period_readings_history
where series_id = %(series)s and start_at >= %(start)s and start_at < %(end)s
  and recorded_at <= %(at)s and superseded_at > %(at)s
order by start_at
"""


@dataclass(frozen=True, slots=True)
class Columns:
    """Readings as numpy columns of one length, in order of start, at one exponent.

    ``start`` is seconds since 1970 UTC; ``quality`` is -1 where not stated.
    """

    start: Int
    duration_s: NDArray[np.int32]
    value: Int
    quality: Small
    exponent: int

    @classmethod
    def empty(cls) -> Self:
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing.astype(np.int32), nothing, nothing.astype(np.int16), 0)

    def table(self) -> pa.Table:
        """Return the columns as Arrow, as :func:`read_series` describes them."""
        exponent = {"exponent": str(self.exponent)}
        schema = pa.schema(
            [
                pa.field("start", pa.timestamp("s", tz="UTC"), nullable=False),
                pa.field("duration_s", pa.int32(), nullable=False),
                pa.field("value", pa.int64(), nullable=False, metadata=exponent),
                pa.field("quality", pa.int16()),
            ]
        )
        columns = [
            _without_copy(self.start, schema.field("start").type),
            pa.array(self.duration_s),
            _without_copy(self.value, pa.int64()),
            pa.array(self.quality, mask=self.quality == ir.NOT_STATED),
        ]
        return pa.Table.from_arrays(columns, schema=schema)


@dataclass(frozen=True, slots=True)
class ChannelReadings:
    """One channel of a meter and its readings, as :func:`read_series` gives them."""

    channel: MeterChannel
    readings: pa.Table


def exponent_of(readings: pa.Table) -> int:
    """Return the exponent of a table's values: quantity = value * 10 ** exponent."""
    return int(readings.schema.field("value").metadata[b"exponent"])


def read_series(
    session: Session,
    series_id: UUID,
    start: datetime,
    end: datetime,
    *,
    as_known_at: datetime | None = None,
) -> pa.Table:
    """Return the readings of a series that start in ``[start, end)``, oldest first.

    Columns: ``start`` timestamp[s, UTC], ``duration_s`` int32, ``value`` int64 (its exponent by
    :func:`exponent_of`), ``quality`` int16, null where not stated. Missing readings are absent.
    ``as_known_at`` gives them as they were stored at that time.
    """
    return series_columns(session, series_id, start, end, as_known_at=as_known_at).table()


def series_columns(
    session: Session,
    series_id: UUID,
    start: datetime,
    end: datetime,
    *,
    as_known_at: datetime | None = None,
) -> Columns:
    """Return what :func:`read_series` does, as numpy columns."""
    (columns,) = grid_columns(session, [series_id], start, end, as_known_at=as_known_at)
    if len(columns.start):
        return columns
    return period_columns(session, series_id, start, end, as_known_at=as_known_at)


def grid_columns(
    session: Session,
    series_ids: Sequence[UUID],
    start: datetime,
    end: datetime,
    *,
    as_known_at: datetime | None = None,
) -> list[Columns]:
    """Return, for each series, its interval readings that start in ``[start, end)``: one query.

    Periods of no fixed grid are left out: those are in :func:`period_columns`.
    """
    if end <= start or not series_ids:
        return [Columns.empty() for _ in series_ids]
    first, last = start.astimezone(UTC).date(), (end - _MICROSECOND).astimezone(UTC).date()
    asked = {"series": list(series_ids), "first": first, "last": last, "at": as_known_at}
    statement = _SERIES if as_known_at is None else _SERIES_AS_KNOWN
    found: list[Columns] = []
    for fields in bc.raw_rows(bc.connection_of(session), statement, asked):
        days = wire.decode_series(fields)
        found.append(columns_of_days(days, start, end) if days else Columns.empty())
    return found


def period_columns(
    session: Session,
    series_id: UUID,
    start: datetime,
    end: datetime,
    *,
    as_known_at: datetime | None = None,
) -> Columns:
    """Return the readings of no fixed grid (billing months) that start in ``[start, end)``."""
    asked = {"series": series_id, "start": start, "end": end, "at": as_known_at}
    return _period_columns(bc.connection_of(session).execute(_PERIODS, asked).fetchall())


def read_channels(
    session: Session,
    meter_id: UUID,
    start: datetime,
    end: datetime,
    *,
    as_known_at: datetime | None = None,
) -> list[ChannelReadings]:
    """Return each channel of a meter with its readings that start in ``[start, end)``.

    A channel may have several series (hourly, later quarter-hourly). Where they overlap, a time
    is told once: see :func:`one_line`.
    """
    chosen = select(MeterChannel).where(MeterChannel.meter_id == meter_id)
    channels = session.scalars(chosen.order_by(MeterChannel.direction, MeterChannel.id)).all()
    ids = [channel.id for channel in channels]
    series = session.scalars(select(Series).where(Series.channel_id.in_(ids))).all()
    found: list[ChannelReadings] = []
    for channel in channels:
        columns = [
            series_columns(session, one.id, start, end, as_known_at=as_known_at)
            for one in series
            if one.channel_id == channel.id
        ]
        found.append(ChannelReadings(channel, one_line(columns).table()))
    return found


def one_line(columns: Sequence[Columns]) -> Columns:
    """Join the series of one channel so that no time is counted twice.

    Where a longer and shorter intervals tell of the same time, the shorter win if they fill the
    longer one; else the longer is the complete statement and they give way. Periods of more than
    25 hours (bills) give way to any interval inside them.
    """
    line = Columns.empty()
    for longer in sorted(
        (one for one in columns if len(one.start)), key=lambda one: int(one.duration_s.min())
    ):
        line = _joined(line, longer) if len(line.start) else longer
    return line


def _joined(shorter: Columns, longer: Columns) -> Columns:
    begin = np.searchsorted(shorter.start, longer.start)
    end = np.searchsorted(shorter.start, longer.start + longer.duration_s)
    told = np.concatenate(([0], np.cumsum(shorter.duration_s, dtype=np.int64)))
    inside = told[end] - told[begin]
    is_bill = longer.duration_s > LONGEST_DAY_S
    gives_way = (inside >= longer.duration_s) | (is_bill & (inside > 0))
    dropped = np.zeros(len(shorter.start) + 1, np.int64)
    np.add.at(dropped, begin[~gives_way], 1)
    np.add.at(dropped, end[~gives_way], -1)
    kept = np.cumsum(dropped)[:-1] == 0
    return _concatenated([_picked(shorter, kept), _picked(longer, ~gives_way)])


def _picked(columns: Columns, chosen: Bool) -> Columns:
    return Columns(
        columns.start[chosen],
        columns.duration_s[chosen],
        columns.value[chosen],
        columns.quality[chosen],
        columns.exponent,
    )


def _concatenated(parts: Sequence[Columns]) -> Columns:
    exponents = np.array([part.exponent for part in parts if len(part.start)])
    exponent = int(exponents.min()) if len(exponents) else 0
    values = [
        _at_exponent(part.value[None, :], np.array([part.exponent]), exponent)[0]
        for part in parts
        if len(part.start)
    ]
    start = np.concatenate([part.start for part in parts])
    order = np.argsort(start, kind="stable")
    return Columns(
        start[order],
        np.concatenate([part.duration_s for part in parts])[order],
        np.concatenate(values)[order] if values else np.zeros(0, np.int64),
        np.concatenate([part.quality for part in parts])[order],
        exponent,
    )


def columns_of_days(rows: DayRows, start: datetime, end: datetime) -> Columns:
    """Return the readings of one series' days, oldest day first, that start in ``[start, end)``."""
    interval_s = ir.DAY_S // rows.slots
    starts = (rows.day[:, None] * ir.DAY_S + np.arange(0, ir.DAY_S, interval_s)).reshape(-1)
    bounds = [math.ceil(start.timestamp()), math.ceil(end.timestamp())]
    inside = slice(*np.searchsorted(starts, bounds))
    exponent = int(rows.exponent.min())
    values = _at_exponent(rows.values, rows.exponent, exponent)
    told = Columns(
        starts[inside],
        np.full(starts[inside].size, interval_s, np.int32),
        values.reshape(-1)[inside],
        rows.quality.reshape(-1)[inside],
        exponent,
    )
    kept = rows.present.reshape(-1)[inside]
    return told if kept.all() else _picked(told, kept)


def _at_exponent(values: Int, exponents: Int, exponent: int) -> Int:
    if (exponents == exponent).all():
        return values
    scaled, overflow = ir.rescaled(values, exponents - exponent)
    if overflow.any():
        raise ContractViolation("values with no common exponent in 64 bits", code="value_too_large")
    return scaled


def _period_columns(rows: Sequence[tuple[datetime, int, int, int, int | None]]) -> Columns:
    if not rows:
        return Columns.empty()
    start, duration_s, value, exponents, quality = zip(*rows, strict=True)
    exponent = min(exponents)
    values = _at_exponent(np.array(value, np.int64)[:, None], np.array(exponents), exponent)
    return Columns(
        np.array([int(moment.timestamp()) for moment in start], np.int64),
        np.array(duration_s, np.int32),
        values[:, 0],
        np.array([ir.NOT_STATED if one is None else one for one in quality], np.int16),
        exponent,
    )


def _without_copy(column: Int, dtype: pa.DataType) -> pa.Array:
    buffer = pa.py_buffer(np.ascontiguousarray(column))
    return pa.Array.from_buffers(dtype, len(column), [None, buffer])
