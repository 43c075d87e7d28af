"""Looking for secrets wherever something may have been written down, and however."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

PART = 16
"""Characters of a secret that give it away: a cut one is found by its beginning or its end."""

Place = tuple[str, bytes]
"""Where something was found, and what."""


def found(secrets: Mapping[str, str], places: Iterable[Place]) -> set[tuple[str, str]]:
    """Return which kind of secret stands where. ``secrets`` has a kind for each secret."""
    looked_for = [(kind, form) for secret, kind in secrets.items() for form in forms(secret)]
    return {
        (kind, where) for where, content in places for kind, form in looked_for if form in content
    }


def forms(secret: str) -> set[bytes]:
    """Return the bytes a secret, its beginning or its end, may hide in."""
    made = set()
    for part in {secret[:PART], secret[-PART:]}:
        plain = part.encode()
        made |= {plain, quote(part, safe="").encode()}
        made |= {plain.hex().encode(), plain.hex().upper().encode()}
        made |= set(_within_base64(plain))
    return made


def _within_base64(plain: bytes) -> Iterator[bytes]:
    """Yield how it looks inside of anything in base64: the neighbours spoil the edges."""
    for before in range(3):
        written = base64.b64encode(bytes(before) + plain)
        kept = written[(before * 8 + 5) // 6 : (before + len(plain)) * 8 // 6]
        yield kept
        yield kept.translate(bytes.maketrans(b"+/", b"-_"))


def database(url: str, name: str) -> Iterator[Place]:
    """Yield every column of every table."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_type ="
            " 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for table in tables:
            rows = connection.execute(sql.SQL("select * from {}").format(sql.Identifier(*table)))
            columns = [column.name for column in rows.description or ()]
            held: list[list[bytes]] = [[] for _ in columns]
            for row in rows:
                for place, value in zip(held, row, strict=True):
                    place.extend(_written(value))
            for column, values in zip(columns, held, strict=True):
                yield f"{name}: {table[1]}.{column}", b"\n".join(values)


def directory(path: Path, name: str, *, without: Iterable[Path] = ()) -> Iterator[Place]:
    """Yield every file below a directory, and its name."""
    left_out = set(without)
    for file in sorted(path.rglob("*")):
        if file.is_file() and not left_out & {file, *file.parents}:
            below = file.relative_to(path)
            yield (
                f"{name}: {below}",
                b"\n".join([str(below).encode(), *_written(file.read_bytes())]),
            )


def _written(value: Any) -> Iterator[bytes]:
    """Yield what a value of any kind says, and what is compressed in it."""
    if value is None:
        return
    if isinstance(value, bytes):
        yield value
        yield from _inflated(value)
    elif isinstance(value, str):
        yield value.encode()
    else:
        yield json.dumps(value, default=str, ensure_ascii=False).encode()


def _inflated(value: bytes) -> Iterator[bytes]:
    try:
        # 47: with the header of zlib or of gzip.
        yield zlib.decompress(value, wbits=47)
    except zlib.error:
        return
