"""Readings of many channels as parts: runs of readings no longer than an hour where they allow it.

A channel with one series in the time read is taken whole, day rows at once; one with several (a
utility changed its interval length, gas days from local midnight) goes through ``one_line`` first,
so that no time counts twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import LiteralString, NamedTuple, Self

import numpy as np

from dcarbon.db import binary_copy as bc
from dcarbon.db import energy_lines
from dcarbon.db import interval_rows as ir
from dcarbon.db import interval_wire as wire
from dcarbon.db.energy_layout import SeriesSpan
from dcarbon.db.energy_lines import SeriesLine
from dcarbon.db.interval_rows import Bool, Int

HOUR_S = 3_600
MARGIN_DAYS = 2
"""How far around its days a channel with several series is read: they may reach over each other."""

# ``offset 0`` fences the inner query: on a young table the planner would scan all of it instead.
# The days of all series together, as plain values, say at planning time which months to look at.
_CURRENT: LiteralString = f"""
copy (
    select (w.place - 1)::int4, {wire.SELECTED}
    from unnest(%(series)s::uuid[], %(first)s::date[], %(last)s::date[])
         with ordinality as w(series_id, first_day, last_day, place)
    cross join lateral (
        select * from interval_days
        where series_id = w.series_id and utc_day between w.first_day and w.last_day
          and utc_day between %(earliest)s and %(latest)s
        offset 0
    ) d
    order by w.place, d.utc_day
) to stdout (format binary)
"""  # noqa: S608 — our own column names
_AS_KNOWN: LiteralString = f"""
copy (
    select (w.place - 1)::int4, {wire.SELECTED}
    from unnest(%(series)s::uuid[], %(first)s::date[], %(last)s::date[])
         with ordinality as w(series_id, first_day, last_day, place)
    cross join lateral (
        select {wire.COLUMNS} from interval_days
        where series_id = w.series_id and utc_day between w.first_day and w.last_day
          and utc_day between %(earliest)s and %(latest)s
          and recorded_at <= %(at)s
        union all
        select {wire.COLUMNS} from interval_days_history
        where series_id = w.series_id and utc_day between w.first_day and w.last_day
          and recorded_at <= %(at)s and superseded_at > %(at)s
        offset 0
    ) d
    order by w.place, d.utc_day
) to stdout (format binary)
"""  # noqa: S608 — our own column names


@dataclass(frozen=True, slots=True)
class Parts:
    """Readings put together where they lie in one hour, as columns of one length.

    Times in seconds since 1970 UTC; quantity in the channel's unit = value * 10 ** exponent.
    """

    channel: Int
    """Ordinal of the channel."""
    start_s: Int
    span_s: Int
    """What the part reaches over; readings may be missing in it."""
    covered_s: Int
    estimated_s: Int
    step_s: Int
    """Length of its readings."""
    value: Int
    estimated_value: Int
    exponent: Int
    recorded_us: Int
    too_large: Bool

    @classmethod
    def joined(cls, several: Sequence[Parts]) -> Self:
        if not several:
            none, no = np.zeros(0, np.int64), np.zeros(0, np.bool_)
            return cls(none, none, none, none, none, none, none, none, none, none, no)
        names = [one.name for one in fields(cls)]
        return cls(*(np.concatenate([getattr(one, name) for one in several]) for name in names))

    def take(self, chosen: Bool) -> Parts:
        """Return some parts."""
        return Parts(*(getattr(self, one.name)[chosen] for one in fields(self)))


class Wanted(NamedTuple):
    """One channel in one stretch of UTC days (days since 1970, inclusive), and its series there."""

    channel: int
    first: int
    last: int
    series: tuple[SeriesSpan, ...]

    @property
    def is_plain(self) -> bool:
        return len(self.series) == 1 and self.series[0].interval_s > 0


@dataclass(frozen=True, slots=True)
class Read:
    """Parts, and how much was read for them."""

    parts: Parts
    days: int
    readings: int


def read(
    connection: bc.Connection,
    wanted: Sequence[Wanted],
    *,
    on_the_hour: bool,
    as_known_at: datetime | None = None,
) -> Read:
    """Return the readings of channels as parts, each time told once.

    ``on_the_hour``: local days of all channels begin on a full hour UTC, so quarter hours may be
    put together by UTC hour.
    """
    asked: dict[int, list[tuple[int, SeriesSpan]]] = {}
    for place, one in enumerate(wanted):
        for series in one.series:
            asked.setdefault(series.interval_s, []).append((place, series))
    channel = np.array([one.channel for one in wanted], np.int64)
    is_plain = np.array([one.is_plain for one in wanted], np.bool_)
    parts: list[Parts] = []
    lines: dict[int, list[SeriesLine]] = {}
    days = readings = 0
    for interval_s, group in sorted(asked.items()):
        bounds = _bounds(wanted, group)
        if not interval_s:
            places = [place for place, _ in group]
            for line in energy_lines.of_periods(connection, places, bounds, as_known_at):
                lines.setdefault(line.place, []).append(line)
                readings += len(line.columns.start)
            continue
        stored = _stored(connection, bounds, as_known_at)
        if stored is None:
            continue
        days += len(stored.rows)
        readings += int(np.count_nonzero(stored.rows.present))
        owner = np.array([place for place, _ in group], np.int64)[stored.rows.series]
        plain = is_plain[owner]
        if plain.any():
            bin_s = _bin_s(interval_s, on_the_hour=on_the_hour)
            of_plain = _taken(stored, plain)
            parts.append(_binned(of_plain, channel[owner[plain]], interval_s, bin_s))
        for place in np.unique(owner[~plain]).tolist():
            line = energy_lines.of_days(place, _taken(stored, owner == place))
            lines.setdefault(place, []).append(line)
    parts += [_one_by_one(wanted[place].channel, several) for place, several in lines.items()]
    return Read(Parts.joined(parts), days, readings)


def with_margin(first: int, last: int) -> tuple[int, int]:
    """Return the days to read of a channel with several series."""
    return max(0, first - MARGIN_DAYS), last + MARGIN_DAYS


def _bounds(wanted: Sequence[Wanted], group: Sequence[tuple[int, SeriesSpan]]) -> dict[str, object]:
    first = np.array([wanted[place].first for place, _ in group]).astype("datetime64[D]")
    last = np.array([wanted[place].last for place, _ in group]).astype("datetime64[D]")
    return {
        "series": [series.id for _, series in group],
        "first": first.tolist(),
        "last": last.tolist(),
        "earliest": first.min().item(),
        "latest": last.max().item(),
    }


def _stored(
    connection: bc.Connection, bounds: Mapping[str, object], as_known_at: datetime | None
) -> wire.StoredDays | None:
    if as_known_at is None:
        content = bc.copy_out(connection, _CURRENT, bounds)
    else:
        content = bc.copy_out(connection, _AS_KNOWN, {**bounds, "at": as_known_at})
    return wire.decode(content, wire.slots_of(content)) if content else None


def _taken(stored: wire.StoredDays, chosen: Bool) -> wire.StoredDays:
    if chosen.all():
        return stored
    return wire.StoredDays(
        stored.rows.take(chosen), stored.payload_id[chosen], stored.recorded_us[chosen]
    )


def _bin_s(interval_s: int, *, on_the_hour: bool) -> int:
    return HOUR_S if on_the_hour and HOUR_S % interval_s == 0 else interval_s


def _binned(stored: wire.StoredDays, channel: Int, interval_s: int, bin_s: int) -> Parts:
    """Put the readings of day rows together by bins of ``bin_s``; bins without any are left out."""
    rows = stored.rows
    bins = (len(rows), ir.DAY_S // bin_s, bin_s // interval_s)
    is_beyond = energy_lines.beyond(rows.values)
    values = np.where(is_beyond, 0, rows.values) if is_beyond.any() else rows.values
    is_estimated = energy_lines.is_estimated(rows.quality)
    present = np.count_nonzero(rows.present.reshape(bins), axis=2)
    kept = present > 0
    row, column = np.nonzero(kept)
    if is_estimated.any():
        estimated = np.count_nonzero(is_estimated.reshape(bins), axis=2)[kept]
        estimated_value = np.where(is_estimated, values, 0).reshape(bins).sum(axis=2)[kept]
    else:
        estimated = estimated_value = np.zeros(len(row), np.int64)
    return Parts(
        channel=channel[row],
        start_s=rows.day[row] * ir.DAY_S + column * bin_s,
        span_s=np.full(len(row), bin_s),
        covered_s=present[kept] * interval_s,
        estimated_s=estimated * interval_s,
        step_s=np.full(len(row), interval_s),
        value=values.reshape(bins).sum(axis=2)[kept],
        estimated_value=estimated_value,
        exponent=rows.exponent[row],
        recorded_us=stored.recorded_us[row],
        too_large=np.asarray(is_beyond.reshape(bins).any(axis=2))[kept],
    )


def _one_by_one(channel: int, several: Sequence[SeriesLine]) -> Parts:
    """Return the readings of one channel with several series."""
    line = energy_lines.joined(several)
    columns = line.columns
    duration = columns.duration_s.astype(np.int64)
    return Parts(
        channel=np.full(len(duration), channel),
        start_s=columns.start,
        span_s=duration,
        covered_s=duration,
        estimated_s=np.where(line.is_estimated, duration, 0),
        step_s=duration,
        value=columns.value,
        estimated_value=np.where(line.is_estimated, columns.value, 0),
        exponent=np.full(len(duration), columns.exponent),
        recorded_us=line.recorded_us,
        too_large=line.too_large,
    )
