"""Channels told of by several series at once, and readings of no fixed grid: one line of each.

Few channels need this: a utility changed its interval length, or counts gas by days from local
midnight. Their readings stay one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import numpy as np

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_rows as ir
from dcarbon.db import interval_wire as wire
from dcarbon.db.interval_days_reading import Columns, columns_of_days, one_line
from dcarbon.db.interval_rows import Bool, DayRows, Int, Small
from dcarbon.domain.calendar import LONGEST_DAY_S
from dcarbon.domain.errors import ContractViolation
from dcarbon.domain.flows import ESTIMATED_QUALITIES

LARGEST = 10**15
"""No value beyond this is derived from: the sum of a day of them would not be an int64."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PERIODS = """
with w as (
    select * from unnest(%(series)s::uuid[], %(first)s::date[], %(last)s::date[])
             with ordinality as w(series_id, first_day, last_day, place)
)
select w.place - 1, p.start_at, p.duration_s, p.value, p.exponent, coalesce(p.quality, -1),
       p.recorded_at
from w cross join lateral (
    select start_at, duration_s, value, exponent, quality, recorded_at from period_readings
    where series_id = w.series_id and start_at >= w.first_day and start_at < w.last_day + 1
      and (%(at)s::timestamptz is null or recorded_at <= %(at)s)
    union all
    select start_at, duration_s, value, exponent, quality, recorded_at from period_readings_history
    where series_id = w.series_id and start_at >= w.first_day and start_at < w.last_day + 1
      and recorded_at <= %(at)s and superseded_at > %(at)s
) p
where p.duration_s <= %(longest)s
order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class SeriesLine:
    """One series of a channel, and when what it says of a UTC day was recorded."""

    place: int
    """What the caller numbers its channels by."""
    columns: Columns
    recorded_us: Mapping[int, int]
    """By UTC day, as days since 1970."""
    too_large: frozenset[int]
    """UTC days with a value that is too large; it is 0 in ``columns``."""


@dataclass(frozen=True, slots=True)
class Line:
    """A channel's readings, each time told once; columns of one length."""

    columns: Columns
    is_estimated: Bool
    recorded_us: Int
    too_large: Bool


def of_days(place: int, stored: wire.StoredDays) -> SeriesLine:
    """Return the line of one series' day rows, oldest first."""
    rows, too_large = _without_too_large(stored.rows)
    end = _EPOCH + timedelta(days=int(rows.day.max()) + 1)
    recorded = zip(rows.day.tolist(), stored.recorded_us.tolist(), strict=True)
    return SeriesLine(
        place,
        columns_of_days(rows, _EPOCH, end),
        dict(recorded),
        frozenset(rows.day[too_large].tolist()),
    )


def of_periods(
    connection: bc.Connection,
    places: Sequence[int],
    bounds: Mapping[str, object],
    as_known_at: datetime | None,
) -> Iterator[SeriesLine]:
    """Yield the lines of series of no grid. ``bounds`` has a series and UTC days per place."""
    asked = {**bounds, "at": as_known_at, "longest": LONGEST_DAY_S}
    found: dict[int, list[tuple[Any, ...]]] = {}
    for number, *period in connection.execute(_PERIODS, asked):
        found.setdefault(places[number], []).append(tuple(period))
    for place, periods in found.items():
        start_at, duration_s, value, exponents, quality, recorded_at = zip(*periods, strict=True)
        common = min(exponents)
        start = [int(moment.timestamp()) for moment in start_at]
        days = [each // ir.DAY_S for each in start]
        values = [v * 10 ** (e - common) for v, e in zip(value, exponents, strict=True)]
        stamps = [round(moment.timestamp() * 1e6) for moment in recorded_at]
        columns = Columns(
            np.array(start, np.int64),
            np.array(duration_s, np.int32),
            np.array([v if abs(v) <= LARGEST else 0 for v in values], np.int64),
            np.array(quality, np.int16),
            common,
        )
        too_large = (day for day, v in zip(days, values, strict=True) if abs(v) > LARGEST)
        yield SeriesLine(
            place, columns, _latest(zip(days, stamps, strict=True)), frozenset(too_large)
        )


def joined(several: Sequence[SeriesLine]) -> Line:
    """Return all series of one channel as one line; see ``one_line``."""
    days_too_large = frozenset[int]().union(*(one.too_large for one in several))
    try:
        columns = one_line([one.columns for one in several])
    except ContractViolation:  # no common exponent: nothing of it can be added up
        columns = max((one.columns for one in several), key=lambda one: len(one.start))
        days_too_large = frozenset((columns.start // ir.DAY_S).tolist())
    day = columns.start // ir.DAY_S
    too_large = np.isin(day, sorted(days_too_large)) | beyond(columns.value)
    latest = _latest(chain.from_iterable(one.recorded_us.items() for one in several))
    return Line(
        columns=replace(columns, value=np.where(too_large, 0, columns.value)),
        is_estimated=is_estimated(columns.quality),
        recorded_us=np.array([latest[one] for one in day.tolist()], np.int64),
        too_large=too_large,
    )


def beyond(values: Int) -> Bool:
    """Say which values are too large. The magnitude of -2**63 is no int64."""
    too_large: Bool = (values > LARGEST) | (values < -LARGEST)
    return too_large


def is_estimated(quality: Small) -> Bool:
    """Say which readings the meter did not measure, of whatever shape."""
    marked = np.zeros(quality.shape, np.bool_)
    for code in ESTIMATED_QUALITIES:
        marked |= quality == code
    return marked


def _without_too_large(rows: DayRows) -> tuple[DayRows, Bool]:
    """Return rows that have a common exponent, and which of them are empty for it."""
    _, overflow = ir.rescaled(rows.values, rows.exponent - rows.exponent.min())
    too_large = overflow | beyond(rows.values).any(axis=1)
    if not too_large.any():
        return rows, too_large
    return replace(rows, values=np.where(too_large[:, None], 0, rows.values)), too_large


def _latest(stamps: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Return by day the latest stamp."""
    latest: dict[int, int] = {}
    for day, stamp in stamps:
        latest[day] = max(latest.get(day, stamp), stamp)
    return latest
