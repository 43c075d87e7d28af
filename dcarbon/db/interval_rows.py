"""Interval days as numpy columns: packing readings into them, fitting them to storage, hashing.

Pure computation; what travels to and from PostgreSQL is in ``interval_wire``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from dcarbon.domain.errors import ContractViolation

DAY_S = 86_400
NOT_STATED = -1
"""Stands for an absent quality, and for the quality of an absent reading."""
INT4_MAX = 2**31 - 1
"""Largest magnitude in an int4 slot; -2**31 stays free to mark a missing slot on the wire."""
INT8_MAX = 2**63 - 1
HASH_BYTES = 15
"""With 15 a row of 96 slots fits a page sixteen times, with 16 only fifteen times."""
_EARLIEST_S, _LATEST_S = 0, 7_258_118_400
"""1970 to 2200: a start outside is a broken clock, and would make a grid of any size."""

Int = NDArray[np.int64]
Small = NDArray[np.int16]
Bool = NDArray[np.bool_]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SeriesReadings:
    """Readings of one series from one payload, as equally long columns.

    ``start`` is int64 seconds since 1970 UTC, ``value`` int64, where the quantity in the channel's
    unit is ``value * 10 ** exponent``; ``quality`` is int16, -1 where not stated. ``interval_s`` is
    the series' own; 0 is for periods of no fixed grid, which then need ``duration_s`` (int32).
    """

    series_id: UUID
    interval_s: int
    start: Int
    value: Int
    exponent: int
    quality: Small
    payload_id: UUID
    duration_s: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class DayRows:
    """Interval days of one interval length: ``n`` rows of ``slots`` readings each."""

    series: Int
    """Ordinal of each row's series, shape (n,)."""
    day: Int
    """UTC day as days since 1970, shape (n,)."""
    values: Int
    """Shape (n, slots); 0 where missing."""
    present: Bool
    """Shape (n, slots)."""
    quality: Small
    """Shape (n, slots); -1 where missing or not stated."""
    exponent: Int
    """Shape (n,)."""
    payload: Int
    """Ordinal of each row's payload, shape (n,)."""
    other_payloads: Mapping[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    """By series and day: further payloads the row took readings from."""

    def __len__(self) -> int:
        return len(self.day)

    @property
    def slots(self) -> int:
        return int(self.values.shape[1])

    def take(self, rows: Int | Bool) -> DayRows:
        """Return some rows."""
        columns = ("series", "day", "values", "present", "quality", "exponent", "payload")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


@dataclass(frozen=True, slots=True)
class Packed:
    """What packing made: the rows, the span of each series, and what one batch said twice."""

    rows: DayRows
    first_start: Int
    """Earliest start per series, seconds since 1970."""
    last_end: Int
    overruled: int
    """Readings whose slot got a different value from a later reading of the same write."""


def ordinals(ids: Sequence[UUID]) -> tuple[list[UUID], Int]:
    """Return the distinct ids, and for each id given its place among them."""
    places: dict[UUID, int] = {}
    where = [places.setdefault(one, len(places)) for one in ids]
    return list(places), np.array(where, np.int64)


def pack(
    batches: Sequence[SeriesReadings], series: Int, payloads: Int, *, interval_s: int
) -> Packed:
    """Lay the readings of non-empty batches of one interval length on the grid of their UTC days.

    ``series`` and ``payloads`` are ordinals per batch. Of two readings for one slot the later wins.
    Raises :class:`ContractViolation`: ``off_grid`` when a start is more than 1 s off the grid,
    ``absurd_time`` for one before 1970 or after 2199, and ``value_too_large`` when the exponents
    of one series cannot be brought together in int64.
    """
    slots = DAY_S // interval_s
    lengths = np.array([len(batch.start) for batch in batches])
    begins = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    tick = _on_grid(np.concatenate([batch.start for batch in batches]), interval_s)
    first = _per_series(np.minimum, np.minimum.reduceat(tick, begins), series)
    last = _per_series(np.maximum, np.maximum.reduceat(tick, begins), series)
    first_day = first // slots
    days = last // slots - first_day + 1
    row_begin = np.concatenate(([0], np.cumsum(days)))
    cell = tick + np.repeat((row_begin[:-1] - first_day)[series] * slots, lengths)
    used = _used_rows(cell // slots, int(row_begin[-1]))
    if not used.all():
        cell += ((np.cumsum(used) - 1 - np.arange(len(used))) * slots)[cell // slots]
    owner = np.repeat(np.arange(len(days)), days)
    day = (np.arange(len(used)) - row_begin[owner] + first_day[owner])[used]
    owner = owner[used]
    values, exponents = _one_exponent_per_series(batches, series)
    quality = np.concatenate([batch.quality for batch in batches])
    grid, overruled = _on_cells(cell, values, quality, (len(day), slots))
    payload, others = _payloads_of_rows(cell, grid[1], owner, day, (series, payloads, lengths))
    rows = DayRows(owner, day, *grid, exponents[owner], payload, others)
    return Packed(rows, first * interval_s, (last + 1) * interval_s, overruled)


def fit_int4(rows: DayRows) -> tuple[DayRows, Bool]:
    """Give rows too big for int4 a coarser exponent where that is exact; say which stay too big."""
    too_big = ~fits_int4(rows.values)
    if not too_big.any():
        return rows, too_big
    values, exponent = rows.values.copy(), rows.exponent.copy()
    values[too_big], exponent[too_big] = coarsest(values[too_big], exponent[too_big])
    still = ~fits_int4(values)
    values[still], exponent[still] = rows.values[still], rows.exponent[still]
    return replace(rows, values=values, exponent=exponent), still


def fits_int4(values: Int) -> Bool:
    """Say which rows have an int4 slot for each of their values."""
    fits: Bool = (values.max(axis=1) <= INT4_MAX) & (values.min(axis=1) >= -INT4_MAX)
    return fits


def coarsest(values: Int, exponent: Int) -> tuple[Int, Int]:
    """Divide each row of ``values`` by the largest power of ten that divides all of it."""
    values, exponent = values.copy(), exponent.copy()
    divisible = values.any(axis=1)
    while (divisible := divisible & (values % 10 == 0).all(axis=1)).any():
        values[divisible] //= 10
        exponent[divisible] += 1
    return values, exponent


def rescaled(values: Int, by: Int) -> tuple[Int, Bool]:
    """Multiply each row by ``10 ** by`` (not negative); say which rows would overflow int64."""
    factors = np.array([10**power for power in range(19)], np.int64)
    factor = factors[np.minimum(by, 18)]
    # The magnitude of -2**63 is no int64; its row is refused like any other overflow.
    largest = np.maximum(values.max(axis=1), -np.maximum(values.min(axis=1), -INT8_MAX))
    overflow = (largest > INT8_MAX // factor) | ((by > len(factors) - 1) & (largest > 0))
    return np.where(overflow[:, None], 0, values * factor[:, None]), overflow


def uniform_quality(rows: DayRows) -> tuple[Small, Bool]:
    """Return each row's one quality, and whether its readings differ in quality instead."""
    highest = rows.quality.max(axis=1)
    lowest = np.where(rows.present, rows.quality, np.int16(32_767)).min(axis=1)
    mixed = highest != lowest
    return np.where(mixed, np.int16(NOT_STATED), highest), mixed


def content_hashes(rows: DayRows) -> Bytes:
    """Hash what each row says, shape (n, HASH_BYTES): exponent, values, gaps and qualities.

    The same statement gives the same hash whatever payload and time it came from.
    """
    small = fits_int4(rows.values)
    quality, mixed = uniform_quality(rows)
    hashes = np.zeros((len(rows), HASH_BYTES), np.uint8)
    for is_small in (True, False):
        for is_mixed in (False, True):
            chosen = np.flatnonzero((small == is_small) & (mixed == is_mixed))
            if len(chosen):
                content = [
                    _raw(rows.exponent[chosen, None], "<i2"),
                    np.packbits(rows.present[chosen], axis=1),
                    _raw(rows.quality[chosen] if is_mixed else quality[chosen, None], "<i2"),
                    _raw(rows.values[chosen], "<i4" if is_small else "<i8"),
                ]
                hashes[chosen] = _hash_rows(np.hstack(content))
    return hashes


def _on_grid(start: Int, interval_s: int) -> Int:
    """Return the number of each start's slot since 1970; a start may be a second off."""
    if start.min() < _EARLIEST_S or start.max() >= _LATEST_S:
        absurd = int(np.count_nonzero((start < _EARLIEST_S) | (start >= _LATEST_S)))
        raise ContractViolation(
            f"{absurd} of {len(start)} starts are before 1970 or after 2199", code="absurd_time"
        )
    tick: Int = (start + 1) // interval_s
    off = start - tick * interval_s
    wrong = int(np.count_nonzero(np.abs(off) > 1))
    if wrong:
        raise ContractViolation(
            f"{wrong} of {len(start)} starts are not on the grid of {interval_s} s", code="off_grid"
        )
    return tick


def _per_series(choose: np.ufunc, of_batch: Int, series: Int) -> Int:
    begin = np.full(int(series.max()) + 1, of_batch[0])
    begin[series] = of_batch
    choose.at(begin, series, of_batch)
    return begin


def _used_rows(row: Int, count: int) -> Bool:
    used = np.zeros(count, np.bool_)
    used[row] = True
    return used


def _one_exponent_per_series(batches: Sequence[SeriesReadings], series: Int) -> tuple[Int, Int]:
    """Return all values at their series' smallest exponent, and that exponent by series."""
    exponent = np.array([batch.exponent for batch in batches], np.int64)
    smallest = _per_series(np.minimum, exponent, series)
    columns = [batch.value for batch in batches]
    for place in np.flatnonzero(exponent != smallest[series]):
        by = np.array([exponent[place] - smallest[series[place]]])
        scaled, overflow = rescaled(columns[place][None, :], by)
        if overflow[0]:
            raise ContractViolation(
                f"values at exponents {exponent[place]} and {smallest[series[place]]}"
                " have no common exponent in 64 bits",
                code="value_too_large",
            )
        columns[place] = scaled[0]
    return np.concatenate(columns), smallest


def _on_cells(
    cell: Int, value: Int, quality: Small, shape: tuple[int, int]
) -> tuple[tuple[Int, Bool, Small], int]:
    """Return values, presence and qualities by row and slot, and how many values were overruled."""
    if len(cell) == shape[0] * shape[1] and (cell[1:] - cell[:-1] == 1).all():
        everything = np.broadcast_to(np.True_, shape)
        return (value.reshape(shape), everything, quality.reshape(shape)), 0
    values = np.zeros(shape, np.int64)
    present = np.zeros(shape, np.bool_)
    qualities = np.full(shape, NOT_STATED, np.int16)
    values.reshape(-1)[cell] = value
    present.reshape(-1)[cell] = True
    qualities.reshape(-1)[cell] = quality
    return (values, present, qualities), int(np.count_nonzero(values.reshape(-1)[cell] != value))


def _payloads_of_rows(
    cell: Int, present: Bool, owner: Int, day: Int, of_batch: tuple[Int, Int, NDArray[Any]]
) -> tuple[Int, dict[tuple[int, int], tuple[int, ...]]]:
    """Return each row's last payload, and by series and day the further ones it has readings of.

    ``of_batch`` is the series, the payload and the length of each batch.
    """
    series, payloads, lengths = of_batch
    lowest = _per_series(np.minimum, payloads, series)
    if (lowest[series] == payloads).all():
        return lowest[owner], {}
    stated = np.full(present.shape, -1, np.int64)
    stated.reshape(-1)[cell] = np.repeat(payloads, lengths)
    latest = stated.max(axis=1)
    several = np.where(present, stated, latest[:, None]).min(axis=1) != latest
    others = {
        (int(owner[row]), int(day[row])): tuple(
            int(one) for one in np.unique(stated[row]) if one not in {-1, latest[row]}
        )
        for row in np.flatnonzero(several)
    }
    return latest, others


def _raw(column: NDArray[np.generic], dtype: str) -> Bytes:
    return np.ascontiguousarray(column, dtype).view(np.uint8)


def _hash_rows(content: Bytes) -> Bytes:
    lines, width = memoryview(content.data).cast("B"), content.shape[1]
    digests = b"".join(
        hashlib.blake2b(lines[at : at + width], digest_size=HASH_BYTES).digest()
        for at in range(0, len(lines), width)
    )
    return np.frombuffer(digests, np.uint8).reshape(-1, HASH_BYTES)
