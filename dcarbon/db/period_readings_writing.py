"""Writing period readings: readings on no day grid, one row each, with the rules of interval days.

They are few (a billing month, a gas day), so this is a plain loop. What they hold in common with
interval days: the same again writes nothing, a changed state goes to the history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from dcarbon.db import binary_copy as bc
from dcarbon.db.interval_rows import NOT_STATED, SeriesReadings
from dcarbon.domain.errors import ContractViolation

_MICROSECOND = timedelta(microseconds=1)

_STORED = """
select p.series_id, p.start_at, p.duration_s, p.value, p.exponent, p.quality, p.recorded_at
from unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[])
     as w(series_id, first_start, last_start)
cross join lateral (
    select * from period_readings
    where series_id = w.series_id and start_at between w.first_start and w.last_start
    offset 0
) p
"""
_TO_HISTORY = """
insert into period_readings_history
    (series_id, start_at, superseded_at, recorded_at, duration_s, value, exponent, quality,
     payload_id)
select p.series_id, p.start_at, w.superseded_at, p.recorded_at, p.duration_s, p.value, p.exponent,
       p.quality, p.payload_id
from unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[])
     as w(series_id, start_at, superseded_at)
cross join lateral (
    select * from period_readings
    where series_id = w.series_id and start_at = w.start_at offset 0
) p
"""
_STORE = """
insert into period_readings
    (series_id, start_at, duration_s, value, exponent, quality, payload_id, recorded_at)
select * from unnest(%s::uuid[], %s::timestamptz[], %s::int4[], %s::int8[], %s::int2[], %s::int2[],
                     %s::uuid[], %s::timestamptz[])
on conflict (series_id, start_at) do update set
    duration_s = excluded.duration_s, value = excluded.value, exponent = excluded.exponent,
    quality = excluded.quality, payload_id = excluded.payload_id,
    recorded_at = excluded.recorded_at
"""

Key = tuple[UUID, datetime]


@dataclass(frozen=True, slots=True)
class Period:
    """One stated reading. Quantity in the channel's unit = value * 10 ** exponent."""

    duration_s: int
    value: int
    exponent: int
    quality: int | None

    @property
    def quantity(self) -> Decimal:
        return Decimal(self.value).scaleb(self.exponent)


@dataclass(frozen=True, slots=True)
class PeriodsWritten:
    """Keys by what became of them; a changed quality or length alone is no restatement."""

    new: frozenset[Key]
    restated: frozenset[Key]
    amended: frozenset[Key]
    unchanged: frozenset[Key]
    overruled: int
    spans: dict[UUID, tuple[int, int]]
    """First start and last end by series, seconds since 1970."""


def write(
    connection: bc.Connection, batches: Sequence[SeriesReadings], *, recorded_at: datetime
) -> PeriodsWritten:
    """Store the readings of series without a grid; their series must be locked already.

    Raises :class:`ContractViolation` ``no_duration`` for a batch without ``duration_s``.
    """
    stated, overruled = _stated(batches)
    spans = _spans(stated)
    stored = _stored(connection, list(stated))
    new = frozenset(stated.keys() - stored.keys())
    restated, amended = set(), set()
    rows: dict[Key, tuple[Period, UUID, datetime]] = {
        key: (*stated[key], recorded_at) for key in new
    }
    for key, (earlier, since) in stored.items():
        if key not in stated:
            continue
        later, payload_id = _merged(stated[key], earlier)
        if later.quantity != earlier.quantity:
            restated.add(key)
        elif (later.duration_s, later.quality) != (earlier.duration_s, earlier.quality):
            amended.add(key)
        else:
            continue
        rows[key] = later, payload_id, max(recorded_at, since + _MICROSECOND)
    _apply(connection, rows, replaced=restated | amended)
    unchanged = frozenset(stated.keys() - new - restated - amended)
    return PeriodsWritten(new, frozenset(restated), frozenset(amended), unchanged, overruled, spans)


def _merged(stated: tuple[Period, UUID], earlier: Period) -> tuple[Period, UUID]:
    period, payload_id = stated
    if period.quality is None and period.quantity == earlier.quantity:
        period = Period(period.duration_s, period.value, period.exponent, earlier.quality)
    return period, payload_id


def _stated(
    batches: Sequence[SeriesReadings],
) -> tuple[dict[Key, tuple[Period, UUID]], int]:
    stated: dict[Key, tuple[Period, UUID]] = {}
    overruled = 0
    for batch in batches:
        if batch.duration_s is None:
            raise ContractViolation("readings on no grid without a duration", code="no_duration")
        columns = (batch.start, batch.duration_s, batch.value, batch.quality)
        for start, duration_s, value, quality in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            key = batch.series_id, _moment(start)
            stated_quality = None if quality == NOT_STATED else quality
            period = Period(duration_s, value, batch.exponent, stated_quality)
            if key in stated and stated[key][0].quantity != period.quantity:
                overruled += 1
            stated[key] = period, batch.payload_id
    return stated, overruled


def _spans(stated: dict[Key, tuple[Period, UUID]]) -> dict[UUID, tuple[int, int]]:
    spans: dict[UUID, tuple[int, int]] = {}
    for (series_id, moment), (period, _) in stated.items():
        start = int(moment.timestamp())
        first, last = spans.get(series_id, (start, start))
        spans[series_id] = min(first, start), max(last, start + period.duration_s)
    return spans


def _moment(start: int) -> datetime:
    try:
        return datetime.fromtimestamp(start, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ContractViolation("a start outside the calendar", code="absurd_time") from error


def _stored(connection: bc.Connection, keys: Sequence[Key]) -> dict[Key, tuple[Period, datetime]]:
    starts: dict[UUID, list[datetime]] = {}
    for series_id, start in keys:
        starts.setdefault(series_id, []).append(start)
    bounds = [
        list(starts),
        [min(each) for each in starts.values()],
        [max(each) for each in starts.values()],
    ]
    found = connection.execute(_STORED, bounds)
    return {(row[0], row[1]): (Period(*row[2:6]), row[6]) for row in found}


def _apply(
    connection: bc.Connection,
    rows: dict[Key, tuple[Period, UUID, datetime]],
    *,
    replaced: set[Key],
) -> None:
    if replaced:
        moved = [(*key, rows[key][2]) for key in sorted(replaced)]
        connection.execute(_TO_HISTORY, [list(column) for column in zip(*moved, strict=True)])
    if rows:
        stored = [
            (*key, period.duration_s, period.value, period.exponent, period.quality, payload, at)
            for key, (period, payload, at) in sorted(rows.items(), key=lambda row: row[0])
        ]
        connection.execute(_STORE, [list(column) for column in zip(*stored, strict=True)])
