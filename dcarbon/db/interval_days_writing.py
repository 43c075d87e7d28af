"""Writing interval days: only what differs is written, and the state before goes to the history.

Rows are compared here by content hash, so an unchanged repeat sends no readings and writes nothing,
not even a catalog entry for a staging table. New days go straight to their table by binary COPY;
changed days pass a staging table into one statement that moves the earlier state to the history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from itertools import groupby
from typing import LiteralString, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_merging as merging
from dcarbon.db import interval_rows as ir
from dcarbon.db import interval_wire as wire
from dcarbon.db import period_readings_writing as periods
from dcarbon.db.advisory_locks import LockNumber
from dcarbon.db.interval_rows import Bool, DayRows, Int, SeriesReadings
from dcarbon.domain.errors import DCarbonError

__all__ = ["Changed", "SeriesReadings", "Touched", "WriteOutcome", "write"]

_LOCK_CLASS = LockNumber.SERIES.value
_LOCK_STRIPES = 256
"""Series share this many advisory locks: one lock each would not fit the server's lock table."""
_PORTION = 2_000_000
"""Readings packed at once: bounds memory at about 60 MB."""
_DAY_KEY = 1 << 20

_LOCK = """
select pg_advisory_xact_lock(%s, stripe) from (
    select stripe from unnest(%s::int4[]) as s(stripe) order by stripe
) sorted
"""
_SERIES = """
select w.place - 1, s.interval_s, s.first_start, s.last_end
from unnest(%s::uuid[]) with ordinality as w(id, place) join series s on s.id = w.id
"""
_WIDEN_SPAN = """
update series s set first_start = least(s.first_start, w.first_start),
                    last_end = greatest(s.last_end, w.last_end)
from unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) as w(id, first_start, last_end)
where s.id = w.id
"""
# ``offset 0`` fences the inner query: on a young table the planner would scan all of it instead.
# The days of all series together, as plain values, say at planning time which months to look at.
_STORED_HASHES = """
copy (
    select (w.place - 1)::int4, d.utc_day, d.content_hash
    from unnest(%(series)s::uuid[], %(first)s::date[], %(last)s::date[])
         with ordinality as w(series_id, first_day, last_day, place)
    cross join lateral (
        select utc_day, content_hash from interval_days
        where series_id = w.series_id and utc_day between w.first_day and w.last_day
          and utc_day between %(earliest)s and %(latest)s
        offset 0
    ) d
) to stdout (format binary)
"""
_STORED_DAYS: LiteralString = f"""
copy (
    select (w.place - 1)::int4, {wire.SELECTED}
    from unnest(%(series)s::uuid[], %(days)s::date[])
         with ordinality as w(series_id, utc_day, place)
    cross join lateral (
        select * from interval_days where series_id = w.series_id and utc_day = w.utc_day
          and utc_day between %(earliest)s and %(latest)s
        offset 0
    ) d
    order by w.place
) to stdout (format binary)
"""  # noqa: S608 — our own column names
# Two statements in one round trip. Emptied as well: an earlier write of this transaction used it.
_STAGING = """
create temporary table if not exists staged_interval_days
    (like interval_days, restated_slots int4 not null) on commit delete rows;
delete from staged_interval_days
"""
_INSERT: LiteralString = f"copy interval_days ({wire.COLUMNS}) from stdin (format binary)"
_STAGE: LiteralString = (
    f"copy staged_interval_days (restated_slots, {wire.COLUMNS}) from stdin (format binary)"
)
_APPLY: LiteralString = f"""
with moved as (
    insert into interval_days_history ({wire.COLUMNS}, superseded_at, restated_slots)
    select {", ".join("d." + column.strip() for column in wire.COLUMNS.split(","))},
           n.recorded_at, n.restated_slots
    from staged_interval_days n
    cross join lateral (
        select * from interval_days
        where series_id = n.series_id and utc_day = n.utc_day
          and utc_day between %(earliest)s and %(latest)s
        offset 0
    ) d
)
insert into interval_days ({wire.COLUMNS})
select {wire.COLUMNS} from staged_interval_days
on conflict (series_id, utc_day) do update set
    exponent = excluded.exponent, content_hash = excluded.content_hash,
    payload_id = excluded.payload_id, recorded_at = excluded.recorded_at,
    readings = excluded.readings, wide_readings = excluded.wide_readings,
    quality = excluded.quality, qualities = excluded.qualities,
    other_payload_ids = excluded.other_payload_ids
"""  # noqa: S608 — our own column names


class Touched(NamedTuple):
    """The UTC days of a series of which at least the first and the last were written."""

    series_id: UUID
    first_day: date
    last_day: date


class Changed(NamedTuple):
    """What became of one series. Every slot stated counts once."""

    new: int
    restated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What a write did. Every slot stated counts once as new, restated or unchanged.

    For period readings a day is one reading.
    """

    days_written: int = 0
    days_unchanged: int = 0
    readings_new: int = 0
    readings_restated: int = 0
    readings_unchanged: int = 0
    readings_overruled: int = 0
    """Readings that gave way to a different value for the same slot later in the same write."""
    touched: tuple[Touched, ...] = ()
    by_series: Mapping[UUID, Changed] = field(default_factory=dict)

    def __add__(self, other: WriteOutcome) -> WriteOutcome:
        names = [one.name for one in fields(self) if one.name != "by_series"]
        summed = {name: getattr(self, name) + getattr(other, name) for name in names}
        return WriteOutcome(**summed, by_series={**self.by_series, **other.by_series})


def write(
    session: Session, batches: Sequence[SeriesReadings], *, recorded_at: datetime
) -> WriteOutcome:
    """Store readings so that repeating it changes nothing and no earlier statement is lost.

    Later batches win over earlier ones. When a state stored at the same time or later is replaced,
    the new one is recorded a microsecond after it, so that states of a day never overlap.

    Takes locks per series until the transaction ends: write all series of a transaction in one
    call, or two transactions may wait for each other. Raises
    :class:`~dcarbon.domain.errors.ContractViolation` as :func:`interval_rows.pack` does, before
    anything of that interval length is written.
    """
    connection = bc.connection_of(session)
    batches = [batch for batch in batches if len(batch.start)]
    if not batches:
        return WriteOutcome()
    _lock(connection, {batch.series_id for batch in batches})
    recorded_us = round(recorded_at.timestamp() * 1e6)
    outcome = WriteOutcome()
    for interval_s, portion in _portions(batches):
        if interval_s:
            outcome += _write_days(connection, portion, interval_s, recorded_us)
        else:
            outcome += _write_periods(connection, portion, recorded_at)
    return outcome


def _portions(
    batches: Sequence[SeriesReadings],
) -> Iterator[tuple[int, list[SeriesReadings]]]:
    """Yield batches by interval length, whole series at a time, of bounded size together."""
    by_series: dict[tuple[int, UUID], list[SeriesReadings]] = {}
    for batch in batches:
        by_series.setdefault((batch.interval_s, batch.series_id), []).append(batch)
    for interval_s, group in groupby(sorted(by_series), key=lambda key: key[0]):
        portion: list[SeriesReadings] = []
        size = 0
        for key in group:
            portion += by_series[key]
            size += sum(len(batch.start) for batch in by_series[key])
            if size >= _PORTION:
                yield interval_s, portion
                portion, size = [], 0
        if portion:
            yield interval_s, portion


def _write_days(
    connection: bc.Connection, batches: Sequence[SeriesReadings], interval_s: int, recorded_us: int
) -> WriteOutcome:
    series_ids, series = ir.ordinals([batch.series_id for batch in batches])
    payload_ids, payloads = ir.ordinals([batch.payload_id for batch in batches])
    packed = ir.pack(batches, series, payloads, interval_s=interval_s)
    ids = wire.Ids(series_ids, payload_ids)
    spans = np.stack([packed.first_start, packed.last_end], axis=1)
    _widen_spans(connection, series_ids, spans.tolist(), interval_s=interval_s)
    is_stored, is_same = _compare(connection, packed.rows, series_ids)
    fresh = packed.rows.take(~is_stored)
    if len(fresh):
        now = np.full(len(fresh), recorded_us)
        bc.copy_in(connection, _INSERT, wire.encode(fresh, ids, recorded_us=now))
    outcome = WriteOutcome(
        days_written=len(fresh),
        days_unchanged=int(np.count_nonzero(is_same)),
        readings_new=int(np.count_nonzero(fresh.present)),
        readings_overruled=packed.overruled,
    )
    written = [fresh]
    filled, restated = (np.zeros(len(series_ids), np.int64) for _ in range(2))
    differing = packed.rows.take(is_stored & ~is_same)
    if len(differing):
        merged, changed = _write_differing(connection, differing, ids, recorded_us)
        np.add.at(filled, differing.series, merged.filled)
        np.add.at(restated, differing.series, merged.restated)
        outcome += WriteOutcome(
            days_written=len(changed),
            days_unchanged=len(differing) - len(changed),
            readings_new=int(filled.sum()),
            readings_restated=int(restated.sum()),
        )
        written.append(changed)
    stated, new = (_per_series(rows, len(series_ids)) for rows in (packed.rows, fresh))
    new += filled
    unchanged = stated - new - restated
    counts = zip(new.tolist(), restated.tolist(), unchanged.tolist(), strict=True)
    return replace(
        outcome,
        readings_unchanged=int(unchanged.sum()),
        touched=_touched(series_ids, written),
        by_series=dict(zip(series_ids, map(Changed._make, counts), strict=True)),
    )


def _per_series(rows: DayRows, series: int) -> Int:
    """Count the readings of each series."""
    present = np.count_nonzero(rows.present, axis=1)
    return np.bincount(rows.series, present, series).astype(np.int64)


def _compare(
    connection: bc.Connection, rows: DayRows, series_ids: Sequence[UUID]
) -> tuple[Bool, Bool]:
    """Say per row whether its day is stored, and whether it is stored just like this."""
    begins = np.searchsorted(rows.series, np.arange(len(series_ids)))
    ends = np.append(begins[1:], len(rows)) - 1
    bounds = {
        "series": list(series_ids),
        "first": _dates(rows.day[begins]),
        "last": _dates(rows.day[ends]),
        **_span(rows),
    }
    layout = [
        *bc.scalar("place", ">i4"),
        *bc.scalar("day", ">i4"),
        *bc.fixed("hash", ir.HASH_BYTES),
    ]
    answer = bc.copy_out(connection, _STORED_HASHES, bounds)
    stored = np.frombuffer(answer, [("fields", ">i2"), *layout])
    is_stored, is_same = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    if len(stored) == 0:
        return is_stored, is_same
    key = rows.series * _DAY_KEY + rows.day
    stored_key = stored["place"] * _DAY_KEY + (stored["day"] + bc.EPOCH_DAYS)
    at = np.minimum(np.searchsorted(key, stored_key), len(key) - 1)
    found = key[at] == stored_key
    is_stored[at[found]] = True
    hashes = ir.content_hashes(ir.fit_int4(rows.take(at[found]))[0])
    is_same[at[found]] = (hashes == stored["hash"][found]).all(axis=1)
    return is_stored, is_same


def _write_differing(
    connection: bc.Connection, incoming: DayRows, ids: wire.Ids, recorded_us: int
) -> tuple[merging.Merged, DayRows]:
    """Merge rows into the stored ones and write those that change; return these."""
    span = _span(incoming)
    keys = {
        "series": [ids.series_ids[one] for one in incoming.series],
        "days": _dates(incoming.day),
        **span,
    }
    stored = wire.decode(bc.copy_out(connection, _STORED_DAYS, keys), incoming.slots)
    merged = merging.merge(incoming, stored.rows)
    changed = merged.rows.take(merged.is_changed)
    if len(changed):
        later = np.maximum(recorded_us, stored.recorded_us + 1)[merged.is_changed]
        restated = merged.restated[merged.is_changed]
        with connection.cursor() as cursor:
            cursor.execute(_STAGING)
            encoded = wire.encode(changed, ids, recorded_us=later, restated=restated)
            bc.copy_in(connection, _STAGE, encoded)
            cursor.execute(_APPLY, span)
    return merged, changed


def _widen_spans(
    connection: bc.Connection,
    series_ids: Sequence[UUID],
    spans: Sequence[Sequence[int]],
    *,
    interval_s: int,
) -> None:
    """Keep each series' first start and last end, writing only where they move."""
    moved: list[tuple[UUID, datetime, datetime]] = []
    found = connection.execute(_SERIES, [list(series_ids)]).fetchall()
    if len(found) != len(series_ids) or any(row[1] != interval_s for row in found):
        raise DCarbonError(f"a series is unknown, or is not of {interval_s} s")
    for place, _, first_start, last_end in found:
        first, last = (datetime.fromtimestamp(moment, UTC) for moment in spans[place])
        if first_start is None or first < first_start or last > last_end:
            moved.append((series_ids[place], first, last))
    if moved:
        connection.execute(_WIDEN_SPAN, [list(column) for column in zip(*moved, strict=True)])


def _write_periods(
    connection: bc.Connection, batches: Sequence[SeriesReadings], recorded_at: datetime
) -> WriteOutcome:
    written = periods.write(connection, batches, recorded_at=recorded_at)
    _widen_spans(connection, list(written.spans), list(written.spans.values()), interval_s=0)
    days: dict[UUID, list[date]] = {}
    for series_id, start in sorted(written.new | written.restated | written.amended):
        days.setdefault(series_id, []).append(start.date())
    return WriteOutcome(
        days_written=len(written.new | written.restated | written.amended),
        days_unchanged=len(written.unchanged),
        readings_new=len(written.new),
        readings_restated=len(written.restated),
        readings_unchanged=len(written.unchanged | written.amended),
        readings_overruled=written.overruled,
        touched=tuple(Touched(series_id, each[0], each[-1]) for series_id, each in days.items()),
        by_series=_changed_periods(written),
    )


def _changed_periods(written: periods.PeriodsWritten) -> dict[UUID, Changed]:
    kinds = (written.new, written.restated, written.unchanged | written.amended)
    counts = [Counter(series_id for series_id, _ in keys) for keys in kinds]
    return {
        series_id: Changed._make(count[series_id] for count in counts)
        for series_id in written.spans
    }


def _lock(connection: bc.Connection, series_ids: set[UUID]) -> None:
    stripes = {series_id.int % _LOCK_STRIPES for series_id in series_ids}
    connection.execute(_LOCK, [_LOCK_CLASS, list(stripes)])


def _touched(series_ids: Sequence[UUID], written: Iterable[DayRows]) -> tuple[Touched, ...]:
    series = np.concatenate([rows.series for rows in written])
    day = np.concatenate([rows.day for rows in written])
    order = np.lexsort((day, series))
    series, day = series[order], day[order]
    if len(series) == 0:
        return ()
    begins = np.flatnonzero(np.diff(series, prepend=-1))
    ends = np.append(begins[1:], len(series)) - 1
    return tuple(
        Touched(series_ids[series[begin]], *_dates(day[[begin, end]]))
        for begin, end in zip(begins, ends, strict=True)
    )


def _span(rows: DayRows) -> dict[str, date]:
    earliest, latest = _dates(np.array([rows.day.min(), rows.day.max()]))
    return {"earliest": earliest, "latest": latest}


def _dates(days: Int) -> list[date]:
    listed: list[date] = days.astype("datetime64[D]").tolist()
    return listed
