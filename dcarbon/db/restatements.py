"""What providers changed their mind about: readings whose quantity was later stated differently."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_merging as merging
from dcarbon.db import interval_rows as ir
from dcarbon.db import interval_wire as wire

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_STATES: LiteralString = f"""
copy (
    select 0::int4, {wire.SELECTED} from (
        select {wire.COLUMNS} from interval_days
        union all
        select {wire.COLUMNS} from interval_days_history
    ) d
    where d.series_id = %(series)s and d.utc_day between %(first)s and %(last)s
      and exists (
        select from interval_days_history h
        where h.series_id = %(series)s and h.utc_day = d.utc_day and h.restated_slots > 0
      )
    order by d.utc_day, d.recorded_at
) to stdout (format binary)
"""  # noqa: S608 — our own column names
_PERIOD_STATES = """
select start_at, value, exponent, recorded_at, payload_id from (
    select series_id, start_at, value, exponent, recorded_at, payload_id from period_readings
    union all
    select series_id, start_at, value, exponent, recorded_at, payload_id
    from period_readings_history
) p
where series_id = %(series)s and start_at >= %(start)s and start_at < %(end)s
  and start_at in (select start_at from period_readings_history where series_id = %(series)s)
order by start_at, recorded_at
"""


class Restatement(NamedTuple):
    """One reading stated again as another quantity, ``old`` and ``new`` * 10 ** exponent."""

    start: datetime
    old: int
    new: int
    exponent: int
    superseded_at: datetime
    old_payload_id: UUID
    new_payload_id: UUID


def restatements(
    session: Session, series_id: UUID, start: datetime, end: datetime
) -> list[Restatement]:
    """Return every restatement of readings that start in ``[start, end)``, by start then time.

    A reading stated three different ways is here twice. Filling a missing reading is no
    restatement, nor is another quality.
    """
    if end <= start:
        return []
    stored = _states(session, series_id, start, end)
    if isinstance(stored, wire.StoredDays):
        found = [one for one in _of_days(stored) if start <= one.start < end]
        return sorted(found, key=lambda one: (one.start, one.superseded_at))
    return list(_of_periods(stored))


def restated_starts(
    session: Session, series_id: UUID, start: datetime, end: datetime, *, as_known_at: datetime
) -> ir.Int:
    """Return the starts of readings in ``[start, end)`` restated by then, in seconds since 1970.

    The same restatements as :func:`restatements`, for whoever needs only their starts: of many
    days at once, and without an object for each.
    """
    stored = _states(session, series_id, start, end)
    if not isinstance(stored, wire.StoredDays):
        found = [one for one in _of_periods(stored) if one.superseded_at <= as_known_at]
        return np.array([int(one.start.timestamp()) for one in found], np.int64)
    known = stored.recorded_us <= (as_known_at - _EPOCH) // _MICROSECOND
    rows = stored.rows.take(known)
    later = np.flatnonzero(np.diff(rows.day) == 0) + 1
    if len(later) == 0:
        return later
    old, new = rows.take(later - 1), rows.take(later)
    new_values, old_values, _ = merging.at_common_exponent(new, old)
    row, slot = np.nonzero(old.present & new.present & (new_values != old_values))
    starts_s: ir.Int = new.day[row] * ir.DAY_S + slot * (ir.DAY_S // rows.slots)
    return starts_s


def _states(
    session: Session, series_id: UUID, start: datetime, end: datetime
) -> wire.StoredDays | list[tuple[Any, ...]]:
    """Return every state of what was ever restated: of days, or else rows of periods."""
    connection = bc.connection_of(session)
    asked = {"series": series_id, "start": start, "end": end}
    days = {
        "first": start.astimezone(UTC).date(),
        "last": (end - _MICROSECOND).astimezone(UTC).date(),
    }
    content = bc.copy_out(connection, _STATES, asked | days)
    if content:
        return wire.decode(content, wire.slots_of(content))
    return connection.execute(_PERIOD_STATES, asked).fetchall()


def _of_days(stored: wire.StoredDays) -> Iterator[Restatement]:
    later = np.flatnonzero(np.diff(stored.rows.day) == 0) + 1
    if len(later) == 0:
        return
    old_rows, new_rows = stored.rows.take(later - 1), stored.rows.take(later)
    new, old, exponent = merging.at_common_exponent(new_rows, old_rows)
    interval_s = ir.DAY_S // stored.rows.slots
    for row, slot in np.argwhere(old_rows.present & new_rows.present & (new != old)).tolist():
        at = int(later[row])
        yield Restatement(
            _EPOCH + timedelta(days=int(new_rows.day[row]), seconds=slot * interval_s),
            int(old[row, slot]),
            int(new[row, slot]),
            int(exponent[row]),
            _EPOCH + timedelta(microseconds=int(stored.recorded_us[at])),
            UUID(bytes=stored.payload_id[at - 1].tobytes()),
            UUID(bytes=stored.payload_id[at].tobytes()),
        )


def _of_periods(states: list[tuple[Any, ...]]) -> Iterator[Restatement]:
    for (start, old, old_exponent, _, old_payload), (
        same_start,
        new,
        new_exponent,
        recorded_at,
        new_payload,
    ) in pairwise(states):
        exponent = min(old_exponent, new_exponent)
        old_value = old * 10 ** (old_exponent - exponent)
        new_value = new * 10 ** (new_exponent - exponent)
        if start == same_start and old_value != new_value:
            yield Restatement(
                start, old_value, new_value, exponent, recorded_at, old_payload, new_payload
            )
