"""PostgreSQL's binary formats, to and from numpy, on the connection of a session: COPY mostly.

Format: PostgreSQL documentation, COPY, "Binary Format"; arrays as ``array_recv`` reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy.orm import Session

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
EPOCH_DAYS = 10_957
"""Days from 1970 to 2000, where PostgreSQL counts from."""
EPOCH_US = EPOCH_DAYS * 86_400_000_000
OID = {"i4": 23, "i2": 21, "i8": 20}
ARRAY_HEADER = [(name, ">i4") for name in ("dimensions", "gaps", "oid", "n", "from")]

Connection = psycopg.Connection[Any]


def connection_of(session: Session) -> Connection:
    """Return the session's driver connection, in its transaction, with pending rows flushed."""
    session.flush()
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def copy_in(
    connection: Connection, statement: LiteralString, rows: Iterable[bytes | memoryview]
) -> None:
    """Send blocks of encoded rows to a ``COPY ... FROM STDIN (FORMAT binary)``."""
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for block in rows:
            copy.write(block)
        copy.write(_TRAILER)


def copy_out(
    connection: Connection,
    statement: LiteralString,
    parameters: Sequence[object] | Mapping[str, object],
) -> bytes:
    """Return the rows of a ``COPY (...) TO STDOUT (FORMAT binary)``, header and trailer removed."""
    with connection.cursor() as cursor, cursor.copy(statement, parameters) as copy:
        return b"".join(copy)[len(_HEADER) : -len(_TRAILER)]


def raw_rows(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> list[list[bytes | None]]:
    """Return the rows of a query with each field as the server sends it in binary."""
    with connection.cursor(binary=True) as cursor:
        result = cursor.execute(statement, parameters).pgresult
        assert result is not None
        fields = range(result.nfields)
        return [[result.get_value(row, field) for field in fields] for row in range(result.ntuples)]


def scalar(name: str, dtype: str) -> list[tuple[Any, ...]]:
    """Return the layout of a field that is never null: its length, then its bytes."""
    return [(f"{name}_length", ">i4"), (name, np.dtype(dtype))]


def fixed(name: str, width: int) -> list[tuple[Any, ...]]:
    """Return the layout of a field of ``width`` plain bytes."""
    return [(f"{name}_length", ">i4"), (name, "u1", (width,))]


def null(name: str) -> list[tuple[Any, ...]]:
    """Return the layout of a null field."""
    return [(f"{name}_length", ">i4")]


def array(name: str, element: str, slots: int) -> list[tuple[Any, ...]]:
    """Return the layout of a one-dimensional array whose every slot has room for a value."""
    slot = np.dtype([("length", ">i4"), ("value", f">{element}")])
    inner = np.dtype([*ARRAY_HEADER, ("slots", slot, (slots,))])
    return [(f"{name}_length", ">i4"), (name, inner)]


def blank(layout: Sequence[tuple[Any, ...]], count: int) -> NDArray[np.void]:
    """Return ``count`` records with every length filled in, to put values into.

    A length field with no field after it is null (-1).
    """
    dtype = np.dtype([("fields", ">i2"), *layout])
    records = np.zeros(count, dtype)
    names = dtype.names or ()
    lengths = [name for name in names if name.endswith("_length")]
    records["fields"] = len(lengths)
    for name in lengths:
        value = name.removesuffix("_length")
        records[name] = dtype[value].itemsize if value in names else -1
    return records


def fill_array(
    records: NDArray[np.void],
    name: str,
    element: str,
    values: NDArray[Any],
    present: NDArray[np.bool_],
) -> None:
    """Put ``values`` (n, slots) into an array field; slots not present become null."""
    inner, size = records[name], int(element[1:])
    missing = np.count_nonzero(~present, axis=1)
    inner["dimensions"], inner["from"] = 1, 1
    inner["oid"], inner["n"] = OID[element], values.shape[1]
    inner["gaps"] = missing > 0
    inner["slots"]["value"] = values
    inner["slots"]["length"] = np.where(present, size, -1)
    records[f"{name}_length"] -= (missing * size).astype(np.int32)


def packed(records: NDArray[np.void]) -> memoryview:
    """Return the bytes of the records, without the room for a value that null slots leave."""
    width, dtype = records.dtype.itemsize, records.dtype
    content = records.view(np.uint8).reshape(-1, width)
    arrays = [name for name in dtype.names or () if dtype[name].names is not None]
    with_gaps = [name for name in arrays if records[name]["gaps"].any()]
    if not with_gaps:
        return content.data.cast("B")
    keep = np.ones(content.shape, np.bool_)
    for name in with_gaps:
        lengths = records[name]["slots"]["length"]
        pair = records[name]["slots"].dtype.itemsize
        first = _offset(dtype, name) + _offset(dtype[name], "slots") + 4
        for byte in range(pair - 4):
            keep[:, first + byte :: pair][:, : lengths.shape[1]] = lengths >= 0
    return content[keep].data


def uuid_bytes(ids: Sequence[UUID]) -> NDArray[np.uint8]:
    """Return ids as a matrix (n, 16), to be picked from by ordinal."""
    return np.frombuffer(b"".join(one.bytes for one in ids), np.uint8).reshape(-1, 16)


def uuid_array(ids: Sequence[UUID]) -> bytes:
    """Return a field holding a uuid array, with its length before it."""
    header = np.array([1, 0, 2950, len(ids), 1], ">i4").tobytes()
    content = header + b"".join((16).to_bytes(4, "big") + one.bytes for one in ids)
    return len(content).to_bytes(4, "big") + content


def _offset(dtype: np.dtype[Any], name: str) -> int:
    assert dtype.fields is not None
    return int(dtype.fields[name][1])
