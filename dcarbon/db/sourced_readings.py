"""Readings with where each comes from: its payload, and whether it was ever stated otherwise.

For exports, which go through years of many channels in parts; charts and the API read by
``interval_days_reading``. Everything is as known at a time, so that parts read one after another
agree with each other although readings come in meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_rows as ir
from dcarbon.db import interval_wire as wire
from dcarbon.db.interval_days_reading import Columns, columns_of_days, one_line
from dcarbon.db.interval_rows import Bool, Int
from dcarbon.db.restatements import restated_starts
from dcarbon.domain.errors import ContractViolation

_MICROSECOND = timedelta(microseconds=1)
_DAYS: LiteralString = f"""
copy (
    select 0::int4, {wire.SELECTED} from (
        select {wire.COLUMNS} from interval_days
        where series_id = %(series)s and utc_day between %(first)s and %(last)s
          and recorded_at <= %(at)s
        union all
        select {wire.COLUMNS} from interval_days_history
        where series_id = %(series)s and utc_day between %(first)s and %(last)s
          and recorded_at <= %(at)s and superseded_at > %(at)s
    ) d
    order by d.utc_day
) to stdout (format binary)
"""  # noqa: S608 — our own column names
_PERIODS = """
select start_at, duration_s, value, exponent, quality, payload_id from period_readings
where series_id = %(series)s and start_at >= %(start)s and start_at < %(end)s
  and recorded_at <= %(at)s
union all
select start_at, duration_s, value, exponent, quality, payload_id from period_readings_history
where series_id = %(series)s and start_at >= %(start)s and start_at < %(end)s
  and recorded_at <= %(at)s and superseded_at > %(at)s
order by start_at
"""
_HASHES = "select id, sha256 from landed_payloads where id = any(%s)"


@dataclass(frozen=True, slots=True)
class SeriesRef:
    """A series to read; ``interval_s`` 0 is for periods of no fixed grid."""

    id: UUID
    interval_s: int


@dataclass(frozen=True, slots=True)
class SourcedReadings:
    """Readings of one channel in order of start, and beside each of them where it comes from."""

    columns: Columns
    payload: Int
    """Place of each reading's payload in ``payload_ids``: the last that stated its interval day."""
    payload_ids: tuple[UUID, ...]
    is_restated: Bool
    """Had the utility stated another quantity for it before?"""

    def __len__(self) -> int:
        return len(self.columns.start)

    def between(self, start: datetime, end: datetime) -> SourcedReadings:
        """Return those that start in ``[start, end)``."""
        begin, stop = np.searchsorted(self.columns.start, [_ceiling_s(start), _ceiling_s(end)])
        return self._taken(slice(int(begin), int(stop)))

    def _taken(self, chosen: slice) -> SourcedReadings:
        columns = replace(
            self.columns,
            start=self.columns.start[chosen],
            duration_s=self.columns.duration_s[chosen],
            value=self.columns.value[chosen],
            quality=self.columns.quality[chosen],
        )
        return SourcedReadings(
            columns, self.payload[chosen], self.payload_ids, self.is_restated[chosen]
        )


def read(
    session: Session,
    series: Sequence[SeriesRef],
    start: datetime,
    end: datetime,
    *,
    as_known_at: datetime,
) -> SourcedReadings:
    """Return the readings of one channel that start in ``[start, end)``, oldest first.

    Its series are told as one line: see :func:`interval_days_reading.one_line`. What a series
    outside the range says is then not looked at, so ask for more and take a part where the channel
    has several.
    """
    parts = [_part(session, one, start, end, as_known_at) for one in series]
    return parts[0] if len(parts) == 1 else _one_line(parts)


def hashes(session: Session, payload_ids: Collection[UUID]) -> dict[UUID, bytes]:
    """Return the SHA-256 of the bytes of each payload."""
    found = bc.connection_of(session).execute(_HASHES, [list(payload_ids)])
    return {payload_id: bytes(sha256) for payload_id, sha256 in found}


def _part(
    session: Session, series: SeriesRef, start: datetime, end: datetime, at: datetime
) -> SourcedReadings:
    found = (_days if series.interval_s else _periods)(session, series.id, start, end, at)
    if not len(found):
        return found
    changed = restated_starts(session, series.id, start, end, as_known_at=at)
    return replace(found, is_restated=np.isin(found.columns.start, changed))


def _days(
    session: Session, series_id: UUID, start: datetime, end: datetime, at: datetime
) -> SourcedReadings:
    asked = {
        "series": series_id,
        "first": start.astimezone(UTC).date(),
        "last": (end - _MICROSECOND).astimezone(UTC).date(),
        "at": at,
    }
    content = bc.copy_out(bc.connection_of(session), _DAYS, asked)
    if not content:
        return _nothing()
    stored = wire.decode(content, wire.slots_of(content))
    rows = stored.rows
    columns = columns_of_days(rows, start, end)
    starts = rows.day[:, None] * ir.DAY_S + np.arange(0, ir.DAY_S, ir.DAY_S // rows.slots)
    kept = rows.present & (starts >= start.timestamp()) & (starts < end.timestamp())
    ids, of_day = np.unique(stored.payload_id, axis=0, return_inverse=True)
    return SourcedReadings(
        columns,
        np.repeat(of_day.reshape(-1), kept.sum(axis=1)),
        tuple(UUID(bytes=one.tobytes()) for one in ids),
        np.zeros(len(columns.start), np.bool_),
    )


def _periods(
    session: Session, series_id: UUID, start: datetime, end: datetime, at: datetime
) -> SourcedReadings:
    asked = {"series": series_id, "start": start, "end": end, "at": at}
    rows = bc.connection_of(session).execute(_PERIODS, asked).fetchall()
    if not rows:
        return _nothing()
    moments, lengths, values, exponents, qualities, payloads = zip(*rows, strict=True)
    exponent = min(exponents)
    ids, ordinals = ir.ordinals(payloads)
    scaled, overflow = ir.rescaled(
        np.array(values, np.int64)[:, None], np.array(exponents) - exponent
    )
    if overflow.any():
        raise ContractViolation("values with no common exponent in 64 bits", code="value_too_large")
    columns = Columns(
        np.array([int(moment.timestamp()) for moment in moments], np.int64),
        np.array(lengths, np.int32),
        scaled[:, 0],
        np.array([ir.NOT_STATED if one is None else one for one in qualities], np.int16),
        exponent,
    )
    return SourcedReadings(columns, ordinals, tuple(ids), np.zeros(len(rows), np.bool_))


def _one_line(parts: Sequence[SourcedReadings]) -> SourcedReadings:
    parts = [part for part in parts if len(part)]
    if not parts:
        return _nothing()
    firsts = np.cumsum([0, *map(len, parts)])
    payload_firsts = np.cumsum([0, *(len(part.payload_ids) for part in parts)])
    # Which readings stay is decided by their times alone: told again with each reading's number
    # for a value, the line says whose place each has.
    numbered = [
        replace(part.columns, value=np.arange(len(part)) + first, exponent=0)
        for part, first in zip(parts, firsts, strict=False)
    ]
    chosen = one_line(numbered).value
    payload = [part.payload + first for part, first in zip(parts, payload_firsts, strict=False)]
    return SourcedReadings(
        one_line([part.columns for part in parts]),
        np.concatenate(payload)[chosen],
        tuple(one for part in parts for one in part.payload_ids),
        np.concatenate([part.is_restated for part in parts])[chosen],
    )


def _nothing() -> SourcedReadings:
    nothing = np.zeros(0, np.int64)
    return SourcedReadings(Columns.empty(), nothing, (), nothing.astype(np.bool_))


def _ceiling_s(moment: datetime) -> int:
    return math.ceil(moment.timestamp())
