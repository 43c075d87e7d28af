"""What coverage is counted from: the readings of all series of meters, in few statements.

A nightly sync counts for ten thousand meters, so the usual case (interval days, nothing restated)
costs three statements however many meters and channels there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import LiteralString, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_wire as wire
from dcarbon.db.coverage_counting import SeriesColumns
from dcarbon.db.interval_days_reading import Columns, columns_of_days, series_columns
from dcarbon.db.interval_rows import Int
from dcarbon.db.restatements import restatements
from dcarbon.domain.flows import Measure

_LONGEST_PERIOD = timedelta(days=400)
"""How far before a day a period that covers it may have started."""
_MICROSECOND = timedelta(microseconds=1)

_SERIES = """
select c.meter_id, c.id, c.direction, c.unit, s.id, s.interval_s, s.last_end
from meter_channels c left join series s on s.channel_id = c.id
where c.meter_id = any(%s) and c.measure = %s
order by c.id, s.interval_s
"""
# ``offset 0`` fences the inner query: on a young table the planner would scan all of it instead.
_DAYS: LiteralString = f"""
copy (
    select (w.place - 1)::int4, {wire.SELECTED}
    from unnest(%s::uuid[], %s::date[], %s::date[])
         with ordinality as w(series_id, first_day, last_day, place)
    cross join lateral (
        select * from interval_days
        where series_id = w.series_id and utc_day between w.first_day and w.last_day
          and utc_day between %s and %s
        offset 0
    ) d
    order by w.place, d.utc_day
) to stdout (format binary)
"""  # noqa: S608 — our own column names
_RESTATED = """
select distinct series_id from interval_days_history
where series_id = any(%s) and utc_day between %s and %s and restated_slots > 0
"""


@dataclass(frozen=True, slots=True)
class ChannelSeries:
    """A usage channel of a meter, and its series with the readings around the days asked for."""

    id: UUID
    direction: str
    unit: str
    series: list[SeriesColumns]


class _Series(NamedTuple):
    id: UUID
    interval_s: int
    last_end: datetime | None
    start: datetime
    end: datetime
    channel: ChannelSeries


def channels_of_meters(
    session: Session, spans: Mapping[UUID, tuple[datetime, datetime]]
) -> dict[UUID, list[ChannelSeries]]:
    """Return by meter its usage channels, with the readings of their series around its span.

    A channel that never had a series is there, with none.
    """
    connection = bc.connection_of(session)
    found: dict[UUID, dict[UUID, ChannelSeries]] = {meter_id: {} for meter_id in spans}
    series: list[_Series] = []
    for row in connection.execute(_SERIES, [list(spans), Measure.USAGE.value]):
        meter_id, channel_id, direction, unit, series_id, interval_s, last_end = row
        channel = ChannelSeries(channel_id, direction, unit, [])
        channel = found[meter_id].setdefault(channel_id, channel)
        if series_id is not None:
            series.append(_Series(series_id, interval_s, last_end, *spans[meter_id], channel))
    for interval_s, group in groupby(sorted(series, key=_by_length), key=_by_length):
        several = list(group)
        if interval_s:
            read = _of_grid(session, connection, several)
        else:
            read = (_of_periods(session, one) for one in several)
        for one, columns in zip(several, read, strict=True):
            one.channel.series.append(columns)
    return {meter_id: list(channels.values()) for meter_id, channels in found.items()}


def _by_length(series: _Series) -> int:
    return series.interval_s


def _of_grid(
    session: Session, connection: bc.Connection, several: Sequence[_Series]
) -> Iterator[SeriesColumns]:
    ids = [one.id for one in several]
    firsts = [one.start.astimezone(UTC).date() for one in several]
    lasts = [(one.end - _MICROSECOND).astimezone(UTC).date() for one in several]
    span = min(firsts), max(lasts)
    content = bc.copy_out(connection, _DAYS, (ids, firsts, lasts, *span))
    days = wire.decode(content, wire.slots_of(content)).rows if content else None
    restated = {row[0] for row in connection.execute(_RESTATED, [ids, *span])}
    for place, one in enumerate(several):
        readings = Columns.empty()
        if days is not None and (own := days.take(_between(days.series, place))):
            readings = columns_of_days(own, one.start, one.end)
        changed = (
            _restated_starts(session, one.id, one.start, one.end) if one.id in restated else []
        )
        yield _columns(one, readings, changed)


def _between(places: Int, place: int) -> Int:
    """Return where the sorted ``places`` are ``place``."""
    return np.arange(*np.searchsorted(places, [place, place + 1]))


def _of_periods(session: Session, one: _Series) -> SeriesColumns:
    since = one.start - _LONGEST_PERIOD
    readings = series_columns(session, one.id, since, one.end)
    return _columns(one, readings, _restated_starts(session, one.id, since, one.end))


def _restated_starts(
    session: Session, series_id: UUID, start: datetime, end: datetime
) -> list[int]:
    found = restatements(session, series_id, start, end)
    return sorted({int(each.start.timestamp()) for each in found})


def _columns(one: _Series, readings: Columns, restated: Sequence[int]) -> SeriesColumns:
    return SeriesColumns(
        one.interval_s,
        one.last_end.timestamp() if one.last_end else float("-inf"),
        readings,
        np.array(restated, np.int64),
    )
