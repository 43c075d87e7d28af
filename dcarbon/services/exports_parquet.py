"""An export as Parquet: exact decimals, UTC instants, dictionaries, and what it is as metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dcarbon.db.interval_rows import INT8_MAX, Int
from dcarbon.domain.errors import ContractViolation
from dcarbon.services import exports_about
from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_columns import COLUMNS
from dcarbon.services.exports_outlet import Outlet
from dcarbon.services.exports_plan import Plan

MEDIA_TYPE = "application/vnd.apache.parquet"
ABOUT_KEY = "dcarbon.about"
_ROW_GROUP = 65_536
_PRECISION = 38
_MICROSECONDS = 1_000_000
_WORD = pa.dictionary(pa.int32(), pa.string())


def schema(plan: Plan) -> pa.Schema:
    """Return the columns with what they say, and the whole of *About* as JSON."""
    types = {
        "local_start": pa.timestamp("us"),
        "utc_start": pa.timestamp("us", tz="UTC"),
        "duration_s": pa.int32(),
        "value": pa.decimal128(_PRECISION, _places(plan)),
        "quality_code": pa.int16(),
        "restated": pa.bool_(),
    }
    fields = [
        pa.field(
            one.name,
            types.get(one.name, _WORD),
            nullable=one.name == "quality_code",
            metadata={"description": one.says},
        )
        for one in COLUMNS
    ]
    about = {section.title: dict(section.lines) for section in exports_about.sections(plan)[:-1]}
    about["Good to know"] = {
        str(n): says for n, (_, says) in enumerate(exports_about.sections(plan)[-1].lines, 1)
    }
    told = json.dumps({"title": exports_about.TITLE, **about}, ensure_ascii=False)
    return pa.schema(fields, metadata={ABOUT_KEY: told})


def chunks(plan: Plan, blocks: Iterable[Block]) -> Iterator[bytes]:
    """Yield the file in pieces: a row group at a time."""
    outlet = Outlet()
    described = schema(plan)
    waiting: list[pa.Table] = []
    with pq.ParquetWriter(outlet, described, compression="zstd") as writer:
        yield outlet.taken()
        for block in blocks:
            waiting.append(table(block, described))
            if sum(map(len, waiting)) >= _ROW_GROUP:
                _write(writer, waiting)
                yield outlet.taken()
        if waiting:
            _write(writer, waiting)
    yield outlet.taken()


def table(block: Block, described: pa.Schema) -> pa.Table:
    """Return a block as Arrow columns."""
    count = len(block)
    places = described.field("value").type.scale
    codes = np.array([-1 if one is None else one for one in block.qualities], np.int16)
    quality_code = codes[block.quality]
    columns = [
        _same(block.meter.name, count),
        _same(block.channel.name, count),
        _plain(block.local_s * _MICROSECONDS, pa.timestamp("us")),
        _words(block.offset, block.offset_texts),
        _plain(block.start_s * _MICROSECONDS, pa.timestamp("us", tz="UTC")),
        _plain(block.duration_s, pa.int32()),
        _decimals(block.value, places + block.exponent, described.field("value").type),
        _same(block.channel.unit, count),
        _same(block.channel.direction, count),
        _plain(quality_code, pa.int16(), quality_code >= 0),
        _words(block.quality, block.quality_words),
        pa.Array.from_buffers(pa.bool_(), count, [None, _bits(block.is_restated)]),
        _words(block.payload, block.payload_hashes),
        _same(block.meter.id, count),
    ]
    return pa.Table.from_arrays(columns, schema=described)


def _write(writer: pq.ParquetWriter, waiting: list[pa.Table]) -> None:
    """Write what waits as one row group. Dictionaries of several tables are made one."""
    joined = pa.concat_tables(waiting).unify_dictionaries()
    writer.write_table(joined, row_group_size=len(joined))
    waiting.clear()


def _places(plan: Plan) -> int:
    if plan.places > _PRECISION:
        raise ContractViolation("quantities finer than 38 decimal places", code="value_too_large")
    return plan.places


# Arrays are made from their buffers: ``pa.array`` imports pandas, which takes half a second and 60
# megabytes that a web process has better uses for.


def _plain(
    values: NDArray[np.generic], kind: pa.DataType, is_stated: NDArray[np.bool_] | None = None
) -> pa.Array:
    stated = None if is_stated is None else _bits(is_stated)
    content = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(kind, len(values), [stated, content])


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _same(word: str | UUID, count: int) -> pa.DictionaryArray:
    return _words(np.zeros(count, np.int32), [str(word)])


def _words(places: NDArray[np.integer], words: Sequence[str]) -> pa.DictionaryArray:
    encoded = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    texts = pa.StringArray.from_buffers(
        len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))
    )
    return pa.DictionaryArray.from_arrays(_plain(places.astype(np.int32), pa.int32()), texts)


def _decimals(values: Int, shift: int, kind: pa.DataType) -> pa.Array:
    """Return ``values * 10 ** shift`` as the unscaled numbers of a decimal column, exactly."""
    largest = max(int(values.max()), -int(values.min()))
    if largest * 10**shift <= INT8_MAX:
        halves = np.empty((len(values), 2), np.int64)
        np.multiply(values, 10**shift if largest else 1, out=halves[:, 0])
        halves[:, 1] = halves[:, 0] >> 63
        content = halves.tobytes()
    elif largest * 10**shift < 10**_PRECISION:
        wide = (number * 10**shift for number in values.tolist())
        content = b"".join(one.to_bytes(16, "little", signed=True) for one in wide)
    else:
        raise ContractViolation("a quantity of more than 38 digits", code="value_too_large")
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(content)])
