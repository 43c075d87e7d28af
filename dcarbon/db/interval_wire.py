"""Interval days on the wire: numpy columns to binary COPY and back, without a loop per reading.

A whole series comes back cheapest as :data:`AGGREGATED`: one row whose arrays are its days.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_rows as ir
from dcarbon.db.interval_rows import Bool, Bytes, DayRows, Int

COLUMNS: LiteralString = (
    "series_id, utc_day, exponent, content_hash, payload_id, recorded_at,"
    " readings, wide_readings, quality, qualities, other_payload_ids"
)
SELECTED: LiteralString = (
    "d.utc_day, d.exponent, coalesce(d.quality, -1::smallint), d.payload_id, d.recorded_at,"
    " array_replace(d.readings, null, -2147483648),"
    " array_replace(d.qualities, null, -1::smallint),"
    " array_replace(d.wide_readings, null, -9223372036854775808)"
)
"""What :func:`decode` reads, after an integer of the query's own. No array has nulls in it: rows
of one shape are then equally long and are read as one block."""
AGGREGATED: LiteralString = (
    "array_agg(d.utc_day), array_agg(d.exponent), array_agg(coalesce(d.quality, -1::smallint)),"
    " array_agg(array_replace(d.readings, null, -2147483648)),"
    " array_agg(d.utc_day) filter (where d.qualities is not null),"
    " array_agg(array_replace(d.qualities, null, -1::smallint))"
    " filter (where d.qualities is not null),"
    " array_agg(d.utc_day) filter (where d.wide_readings is not null),"
    " array_agg(array_replace(d.wide_readings, null, -9223372036854775808))"
    " filter (where d.wide_readings is not null)"
)
"""What :func:`decode_series` reads, of days in order. One row instead of hundreds: the server sends
it, and the driver takes it, in half the time."""
_SELECTED_FIELDS = 9
_MISSING_INT4, _MISSING_INT8 = -(2**31), -(2**63)
_NULL = b"\xff\xff\xff\xff"
_WIDE, _MIXED, _QUALITY, _SEVERAL_PAYLOADS = 1, 2, 4, 8
_BLOCK = 1024
"""Rows encoded at once: small enough that the server stores one block while the next is made."""


@dataclass(frozen=True, slots=True)
class StoredDays:
    """Decoded rows; their ``series`` is the query's own integer, their ``payload`` says nothing."""

    rows: DayRows
    payload_id: Bytes
    """Shape (n, 16)."""
    recorded_us: Int
    """Microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Ids:
    """What rows need beside their readings: ids by ordinal."""

    series_ids: Sequence[UUID]
    payload_ids: Sequence[UUID]


def encode(
    rows: DayRows, ids: Ids, *, recorded_us: Int, restated: Int | None = None
) -> Iterator[bytes | memoryview]:
    """Yield the rows as ``restated_slots`` (when given) and :data:`COLUMNS`, one shape at a time.

    ``recorded_us`` (microseconds since 1970) and ``restated`` have shape (n,).
    """
    rows, wide = ir.fit_int4(rows)
    shapes = _shapes(rows, wide)
    for shape in np.unique(shapes):
        of_shape = np.flatnonzero(shapes == shape)
        for at in range(0, len(of_shape), _BLOCK):
            chosen = of_shape[at : at + _BLOCK]
            counted = None if restated is None else restated[chosen]
            records = _records(rows.take(chosen), ids, recorded_us[chosen], counted, int(shape))
            if shape & _SEVERAL_PAYLOADS:
                yield from _with_other_payloads(records, rows.take(chosen), ids)
            else:
                yield bc.packed(records)


def decode(content: bytes, slots: int) -> StoredDays:
    """Read rows of an integer and :data:`SELECTED`, all of ``slots`` readings."""
    blocks: list[tuple[NDArray[np.int64], NDArray[np.void]]] = []
    for is_mixed, is_wide, places, block in _blocks(content, slots):
        records = np.frombuffer(block, _selected(slots, is_mixed=is_mixed, is_wide=is_wide))
        blocks.append((places, records))
    count = sum(len(places) for places, _ in blocks)
    stored = _empty(count, slots)
    for places, records in blocks:
        _read_block(stored, places, records)
    return stored


def decode_series(fields: Sequence[bytes | None]) -> DayRows | None:
    """Read the binary fields of :data:`AGGREGATED`: the days of one series, if it has any.

    Neither payloads nor series are told apart: both are 0.
    """
    days, exponents, qualities, readings, mixed_days, mixed, wide_days, wide = fields
    if days is None or exponents is None or qualities is None or readings is None:
        return None
    day, uniform = _array(days, "i4"), _array(qualities, "i2").astype(np.int16)
    values = _array(readings, "i4").astype(np.int64)
    present = values != _MISSING_INT4
    if wide_days is not None and wide is not None:
        places = np.searchsorted(day, _array(wide_days, "i4"))
        values[places] = _array(wide, "i8")
        present[places] = values[places] != _MISSING_INT8
    if not present.all():
        values[~present] = 0
    quality = np.where(present, uniform[:, None], np.int16(ir.NOT_STATED))
    if mixed_days is not None and mixed is not None:
        quality[np.searchsorted(day, _array(mixed_days, "i4"))] = _array(mixed, "i2")
    nothing = np.zeros(len(day), np.int64)
    exponent = _array(exponents, "i2").astype(np.int64)
    number = day.astype(np.int64) + bc.EPOCH_DAYS
    return DayRows(nothing, number, values, present, quality, exponent, nothing)


def slots_of(content: bytes) -> int:
    """Return how many slots the rows of a non-empty answer have, from its first row."""
    layout = _selected(1, is_mixed=False, is_wide=False)
    assert layout.fields is not None
    at = layout.fields["readings"][1] + 12
    return int.from_bytes(content[at : at + 4], "big")


def _array(field: bytes, element: str) -> NDArray[Any]:
    """Read a binary array without nulls, of any number of dimensions."""
    dimensions = int.from_bytes(field[:4], "big")
    lengths = np.frombuffer(field, ">i4", 2 * dimensions, 12)[::2]
    slot = np.dtype([("length", ">i4"), ("value", f">{element}")])
    slots = np.frombuffer(field, slot, offset=12 + 8 * dimensions)
    return slots["value"].reshape(lengths)


def _shapes(rows: DayRows, wide: Bool) -> Int:
    """Say which optional fields each row has: rows of one shape are equally long but for gaps."""
    quality, mixed = ir.uniform_quality(rows)
    shapes = wide * _WIDE + mixed * _MIXED + (quality != ir.NOT_STATED) * _QUALITY
    if rows.other_payloads:
        keys = zip(rows.series.tolist(), rows.day.tolist(), strict=True)
        shapes += np.array([key in rows.other_payloads for key in keys]) * _SEVERAL_PAYLOADS
    return np.asarray(shapes, np.int64)


def _records(
    part: DayRows, ids: Ids, recorded_us: Int, restated: Int | None, shape: int
) -> NDArray[np.void]:
    counted = [] if restated is None else bc.scalar("restated_slots", ">i4")
    records = bc.blank([*counted, *_layout(part.slots, shape)], len(part))
    if restated is not None:
        records["restated_slots"] = restated
    records["series_id"] = bc.uuid_bytes(ids.series_ids)[part.series]
    records["payload_id"] = bc.uuid_bytes(ids.payload_ids)[part.payload]
    records["utc_day"] = part.day - bc.EPOCH_DAYS
    records["exponent"] = part.exponent
    records["content_hash"] = ir.content_hashes(part)
    records["recorded_at"] = recorded_us - bc.EPOCH_US
    if shape & _WIDE:
        nothing = np.zeros_like(part.present)
        bc.fill_array(records, "readings", "i4", np.zeros_like(part.values), nothing)
        bc.fill_array(records, "wide_readings", "i8", part.values, part.present)
    else:
        bc.fill_array(records, "readings", "i4", part.values, part.present)
    if shape & _QUALITY:
        records["quality"] = ir.uniform_quality(part)[0]
    if shape & _MIXED:
        stated = part.quality != ir.NOT_STATED
        bc.fill_array(records, "qualities", "i2", part.quality, stated)
    return records


def _layout(slots: int, shape: int) -> list[tuple[Any, ...]]:
    wide, mixed, quality = shape & _WIDE, shape & _MIXED, shape & _QUALITY
    return [
        *bc.fixed("series_id", 16),
        *bc.scalar("utc_day", ">i4"),
        *bc.scalar("exponent", ">i2"),
        *bc.fixed("content_hash", ir.HASH_BYTES),
        *bc.fixed("payload_id", 16),
        *bc.scalar("recorded_at", ">i8"),
        *bc.array("readings", "i4", slots),
        *(bc.array("wide_readings", "i8", slots) if wide else bc.null("wide_readings")),
        *(bc.scalar("quality", ">i2") if quality else bc.null("quality")),
        *(bc.array("qualities", "i2", slots) if mixed else bc.null("qualities")),
        *bc.null("other_payload_ids"),
    ]


def _with_other_payloads(records: NDArray[np.void], part: DayRows, ids: Ids) -> Iterator[bytes]:
    for row in range(len(part)):
        others = part.other_payloads[int(part.series[row]), int(part.day[row])]
        encoded = bytes(bc.packed(records[row : row + 1]))
        assert encoded.endswith(_NULL)
        yield encoded[: -len(_NULL)] + bc.uuid_array([ids.payload_ids[one] for one in others])


@functools.cache
def _selected(slots: int, *, is_mixed: bool, is_wide: bool) -> np.dtype[Any]:
    return np.dtype(
        [
            ("fields", ">i2"),
            *bc.scalar("key", ">i4"),
            *bc.scalar("utc_day", ">i4"),
            *bc.scalar("exponent", ">i2"),
            *bc.scalar("quality", ">i2"),
            *bc.fixed("payload_id", 16),
            *bc.scalar("recorded_at", ">i8"),
            *bc.array("readings", "i4", slots),
            *(bc.array("qualities", "i2", slots) if is_mixed else bc.null("qualities")),
            *(bc.array("wide_readings", "i8", slots) if is_wide else bc.null("wide_readings")),
        ]
    )


def _blocks(content: bytes, slots: int) -> Iterator[tuple[bool, bool, Int, bytes]]:
    """Yield the rows of each shape with their places in the answer; mostly there is one shape."""
    plain = _selected(slots, is_mixed=False, is_wide=False)
    if len(content) % plain.itemsize == 0:
        records = np.frombuffer(content, plain)
        nulls = (records["qualities_length"] == -1) & (records["wide_readings_length"] == -1)
        if (nulls & (records["fields"] == _SELECTED_FIELDS)).all():
            yield False, False, np.arange(len(records)), content
            return
    found: dict[tuple[bool, bool], list[tuple[int, int]]] = {}
    at, place = 0, 0
    assert plain.fields is not None
    marker = plain.fields["qualities_length"][1]
    while at < len(content):
        is_mixed = content[at + marker : at + marker + 4] != _NULL
        mixed = _selected(slots, is_mixed=is_mixed, is_wide=False)
        is_wide = content[at + mixed.itemsize - 4 : at + mixed.itemsize] != _NULL
        found.setdefault((is_mixed, is_wide), []).append((place, at))
        at += _selected(slots, is_mixed=is_mixed, is_wide=is_wide).itemsize
        place += 1
    for (is_mixed, is_wide), rows in found.items():
        size = _selected(slots, is_mixed=is_mixed, is_wide=is_wide).itemsize
        block = b"".join(content[begin : begin + size] for _, begin in rows)
        yield is_mixed, is_wide, np.array([place for place, _ in rows]), block


def _empty(count: int, slots: int) -> StoredDays:
    rows = DayRows(
        series=np.zeros(count, np.int64),
        day=np.zeros(count, np.int64),
        values=np.zeros((count, slots), np.int64),
        present=np.zeros((count, slots), np.bool_),
        quality=np.full((count, slots), ir.NOT_STATED, np.int16),
        exponent=np.zeros(count, np.int64),
        payload=np.full(count, -1, np.int64),
    )
    return StoredDays(rows, np.zeros((count, 16), np.uint8), np.zeros(count, np.int64))


def _read_block(stored: StoredDays, places: Int, records: NDArray[np.void]) -> None:
    rows, names = stored.rows, records.dtype.names or ()
    rows.series[places] = records["key"]
    rows.day[places] = records["utc_day"].astype(np.int64) + bc.EPOCH_DAYS
    rows.exponent[places] = records["exponent"]
    stored.payload_id[places] = records["payload_id"]
    stored.recorded_us[places] = records["recorded_at"].astype(np.int64) + bc.EPOCH_US
    is_wide = "wide_readings" in names
    name, missing = ("wide_readings", _MISSING_INT8) if is_wide else ("readings", _MISSING_INT4)
    values = records[name]["slots"]["value"].astype(np.int64)
    present = values != missing
    rows.values[places] = np.where(present, values, 0)
    rows.present[places] = present
    if "qualities" in names:
        rows.quality[places] = records["qualities"]["slots"]["value"]
    else:
        uniform = records["quality"].astype(np.int16)[:, None]
        rows.quality[places] = np.where(present, uniform, np.int16(ir.NOT_STATED))
