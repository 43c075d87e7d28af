"""What coverage is counted from: the readings of all series of a meter, in few statements.

A nightly sync counts for ten thousand meters, so the usual case (interval days, nothing restated)
costs three statements however many channels there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from dcarbon.db.restatements import restatements
from dcarbon.domain.flows import Measure

_LONGEST_PERIOD = timedelta(days=400)
"""How far before a day a period that covers it may have started."""
_MICROSECOND = timedelta(microseconds=1)

_SERIES = """
select c.id, s.id, s.interval_s, s.last_end
from meter_channels c left join series s on s.channel_id = c.id
where c.meter_id = %s and c.measure = %s
order by c.id, s.interval_s
"""
# ``offset 0`` fences the inner query: on a young table the planner would scan all of it instead.
_DAYS: LiteralString = f"""
copy (
    select (w.place - 1)::int4, {wire.SELECTED}
    from unnest(%s::uuid[]) with ordinality as w(series_id, place)
    cross join lateral (
        select * from interval_days
        where series_id = w.series_id and utc_day between %s and %s
        offset 0
    ) d
    order by w.place, d.utc_day
) to stdout (format binary)
"""  # noqa: S608 — our own column names
_RESTATED = """
select distinct series_id from interval_days_history
where series_id = any(%s) and utc_day between %s and %s and restated_slots > 0
"""


class _Series(NamedTuple):
    channel_id: UUID
    id: UUID
    interval_s: int
    last_end: datetime | None


def series_of_meter(
    session: Session, meter_id: UUID, start: datetime, end: datetime
) -> dict[UUID, list[SeriesColumns]]:
    """Return by usage channel of a meter its series with the readings around ``[start, end)``.

    A channel that never had a series is there, with none.
    """
    connection = bc.connection_of(session)
    rows = connection.execute(_SERIES, [meter_id, Measure.USAGE.value]).fetchall()
    found: dict[UUID, list[SeriesColumns]] = {row[0]: [] for row in rows}
    series = sorted((_Series(*row) for row in rows if row[1] is not None), key=_by_length)
    for interval_s, group in groupby(series, key=_by_length):
        several = list(group)
        if interval_s:
            read = _of_grid(session, connection, several, start, end)
        else:
            read = (_of_periods(session, one, start, end) for one in several)
        for one, columns in zip(several, read, strict=True):
            found[one.channel_id].append(columns)
    return found


def _by_length(series: _Series) -> int:
    return series.interval_s


def _of_grid(
    session: Session,
    connection: bc.Connection,
    series: Sequence[_Series],
    start: datetime,
    end: datetime,
) -> Iterator[SeriesColumns]:
    ids = [one.id for one in series]
    first, last = start.astimezone(UTC).date(), (end - _MICROSECOND).astimezone(UTC).date()
    content = bc.copy_out(connection, _DAYS, (ids, first, last))
    days = wire.decode(content, wire.slots_of(content)).rows if content else None
    restated = {row[0] for row in connection.execute(_RESTATED, [ids, first, last])}
    for place, one in enumerate(series):
        readings = Columns.empty()
        if days is not None and (own := days.take(days.series == place)):
            readings = columns_of_days(own, start, end)
        changed = _restated_starts(session, one.id, start, end) if one.id in restated else []
        yield _columns(one, readings, changed)


def _of_periods(session: Session, one: _Series, start: datetime, end: datetime) -> SeriesColumns:
    since = start - _LONGEST_PERIOD
    readings = series_columns(session, one.id, since, end)
    return _columns(one, readings, _restated_starts(session, one.id, since, end))


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
