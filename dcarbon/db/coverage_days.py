"""Coverage: for each channel and local day, what is stored and why it is not complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, LiteralString, Self
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db.coverage_counting import SeriesColumns, count
from dcarbon.db.coverage_reading import ChannelSeries, channels_of_meters
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.calendar import day_bounds, local_days
from dcarbon.domain.coverage import COVERED, CoverageState, state_of

DUE_AFTER = timedelta(days=3)
"""How long after its end a utility may take to publish a day."""
_Key = tuple[UUID, date]
_Row = Mapping[str, Any]
_COUNTED = ("expected", "present", "estimated", "restated")
_WRITTEN = ("channel_id", "meter_day", "state", *_COUNTED, "asked_at")
# Plain statements: a nightly sync counts for ten thousand meters, and an object per day is slow.
_STORED: LiteralString = f"""
select {", ".join(_WRITTEN)} from coverage_days
where channel_id = any(%s) and meter_day between %s and %s
"""  # noqa: S608 — our own column names
# Columns as arrays: one statement of one shape, however many days, that the server has planned.
_UPSERT = """
insert into coverage_days
    (channel_id, meter_day, state, expected, present, estimated, restated, asked_at, updated_at)
select *, %s::timestamptz from unnest(
    %s::uuid[], %s::date[], %s::text[], %s::int4[], %s::int4[], %s::int4[], %s::int4[],
    %s::timestamptz[]
)
on conflict (channel_id, meter_day) do update set
    state = excluded.state, expected = excluded.expected, present = excluded.present,
    estimated = excluded.estimated, restated = excluded.restated, asked_at = excluded.asked_at,
    updated_at = excluded.updated_at
"""


@dataclass(frozen=True, slots=True)
class DayCoverage:
    """One channel on one local day at the meter; counts are of intervals."""

    meter_id: UUID
    channel_id: UUID
    direction: str
    unit: str
    meter_day: date
    state: CoverageState
    expected: int
    present: int
    estimated: int
    restated: int
    asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class CoverageSummary:
    """How many channel days are in each state."""

    by_state: Mapping[CoverageState, int]

    @property
    def due(self) -> int:
        """Days the utility has had time to publish, or has sent readings of."""
        return sum(self.by_state.values()) - self.by_state.get(CoverageState.NOT_DUE, 0)

    @property
    def covered(self) -> int:
        return sum(number for state, number in self.by_state.items() if state in COVERED)


@dataclass(frozen=True, slots=True)
class ToCount:
    """The local days of a meter that ``[start, end)`` touches.

    ``asked_at`` is when the utility was asked for these days, ``None`` when it was not (an import).
    """

    meter_id: UUID
    zone: ZoneInfo
    start: datetime
    end: datetime
    asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Counted:
    """The days of one meter counted, and the channels they were counted from."""

    summary: CoverageSummary
    channels: Sequence[ChannelSeries] = ()


def update_coverage(
    session: Session,
    *,
    meter_id: UUID,
    zone: ZoneInfo,
    start: datetime,
    end: datetime,
    asked_at: datetime | None,
    now: datetime,
    due_after: timedelta = DUE_AFTER,
) -> CoverageSummary:
    """Count anew every local day that ``[start, end)`` touches, for each usage channel of a meter.

    As :func:`update_several` does for several.
    """
    asked = ToCount(meter_id, zone, start, end, asked_at)
    return update_several(session, [asked], now=now, due_after=due_after)[0].summary


def update_several(
    session: Session, asked: Sequence[ToCount], *, now: datetime, due_after: timedelta = DUE_AFTER
) -> list[Counted]:
    """Count meter days anew, for each usage channel; each meter is asked for once.

    Only rows that differ are written; the time of asking is kept current for days not yet covered.
    """
    windows = [_Window.of(one, due_before=now - due_after) for one in asked]
    spans = {
        one.meter_id: (window.edges[0], window.edges[-1])
        for one, window in zip(asked, windows, strict=True)
        if window.days
    }
    if not spans:
        return [Counted(CoverageSummary({})) for _ in asked]
    channels = channels_of_meters(session, spans)
    stored = _stored(session, [one.id for each in channels.values() for one in each], windows)
    counted: list[Counted] = []
    changed: list[dict[str, Any]] = []
    for one, window in zip(asked, windows, strict=True):
        own = channels.get(one.meter_id, [])
        rows = [row for each in own for row in _counted(each.id, each.series, window, stored)]
        states = Counter(row["state"] for row in rows)
        counted.append(Counted(CoverageSummary(states), own))
        changed += (row for row in rows if _differs(row, stored.get(_key(row))))
    _upsert(session, changed, now=now)
    return counted


def coverage_of(
    session: Session,
    *,
    first_day: date,
    last_day: date,
    meter_ids: Collection[UUID] | None = None,
    facility_id: UUID | None = None,
) -> list[DayCoverage]:
    """Return the coverage of meters, or of a facility's, for local days, both ends included.

    Ordered by meter, channel and day. Days never counted are absent.
    """
    row = CoverageDay
    chosen = (
        select(
            MeterChannel.meter_id,
            row.channel_id,
            MeterChannel.direction,
            MeterChannel.unit,
            row.meter_day,
            row.state,
            row.expected,
            row.present,
            row.estimated,
            row.restated,
            row.asked_at,
        )
        .join(MeterChannel, MeterChannel.id == row.channel_id)
        .join(Meter, Meter.id == MeterChannel.meter_id)
        .where(row.meter_day.between(first_day, last_day), *_scope(meter_ids, facility_id))
        .order_by(MeterChannel.meter_id, row.channel_id, row.meter_day)
    )
    found = session.execute(chosen)
    return [DayCoverage(*one[:5], CoverageState(one[5]), *one[6:]) for one in found]


def summary(
    session: Session,
    *,
    first_day: date,
    last_day: date,
    meter_ids: Collection[UUID] | None = None,
    facility_id: UUID | None = None,
) -> CoverageSummary:
    """Return how many channel days are in each state; arguments as in :func:`coverage_of`."""
    counted = (
        select(CoverageDay.state, func.count())
        .join(MeterChannel, MeterChannel.id == CoverageDay.channel_id)
        .join(Meter, Meter.id == MeterChannel.meter_id)
        .where(CoverageDay.meter_day.between(first_day, last_day), *_scope(meter_ids, facility_id))
        .group_by(CoverageDay.state)
    )
    return CoverageSummary({CoverageState(one[0]): one[1] for one in session.execute(counted)})


@dataclass(frozen=True, slots=True)
class _Window:
    """The local days counted, their edges as UTC instants, and which of them are due."""

    days: list[date]
    edges: list[datetime]
    is_due: list[bool]
    asked_at: datetime | None

    @classmethod
    def of(cls, asked: ToCount, *, due_before: datetime) -> Self:
        days = list(local_days(asked.start, asked.end, asked.zone))
        bounds = [day_bounds(day, asked.zone) for day in days]
        edges = [bound[0] for bound in bounds] + [bound[1] for bound in bounds[-1:]]
        return cls(days, edges, [edge <= due_before for edge in edges[1:]], asked.asked_at)


def _counted(
    channel_id: UUID,
    series: Sequence[SeriesColumns],
    window: _Window,
    stored: Mapping[_Key, _Row],
) -> Iterator[dict[str, Any]]:
    bounds = np.array([int(edge.timestamp()) for edge in window.edges], np.int64)
    counts = count(series, bounds)
    columns = (counts.expected, counts.present, counts.estimated, counts.restated)
    for place, day in enumerate(window.days):
        before = stored.get((channel_id, day))
        asked_before = before["asked_at"] if before else None
        number = dict(zip(_COUNTED, (int(column[place]) for column in columns), strict=True))
        asked_at = window.asked_at or asked_before
        state = state_of(**number, asked=asked_at is not None, due=window.is_due[place])
        if state in COVERED and asked_before is not None:
            asked_at = asked_before
        key = {"channel_id": channel_id, "meter_day": day}
        yield {**key, "state": state, **number, "asked_at": asked_at}


def _stored(
    session: Session, channels: Collection[UUID], windows: Sequence[_Window]
) -> dict[_Key, _Row]:
    days = [day for window in windows for day in (*window.days[:1], *window.days[-1:])]
    asked = [list(channels), min(days), max(days)]
    found = bc.connection_of(session).execute(_STORED, asked)
    return {(row[0], row[1]): dict(zip(_WRITTEN, row, strict=True)) for row in found}


def _key(row: Mapping[str, Any]) -> _Key:
    return row["channel_id"], row["meter_day"]


def _differs(row: Mapping[str, Any], before: _Row | None) -> bool:
    return before is None or any(row[name] != before[name] for name in _WRITTEN)


def _upsert(session: Session, rows: Sequence[dict[str, Any]], *, now: datetime) -> None:
    if not rows:
        return
    columns = [[row[name] for row in rows] for name in _WRITTEN]
    bc.connection_of(session).execute(_UPSERT, [now, *columns])


def _scope(
    meter_ids: Collection[UUID] | None, facility_id: UUID | None
) -> list[ColumnElement[bool]]:
    scope: list[ColumnElement[bool]] = []
    if meter_ids is not None:
        scope.append(Meter.id.in_(meter_ids))
    if facility_id is not None:
        scope.append(Meter.facility_id == facility_id)
    return scope
