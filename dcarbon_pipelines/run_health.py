"""Whether the process of a run still lives: a run holds a lock in our database while it works.

A killed process cannot say that it is gone. Dagster's code server notices one that it started
itself, not one that died together with it (a container, a machine) or that another machine runs.
The lock belongs to the process's own connection, so the database lets it go when the process dies,
wherever it ran. A server that was restarted has forgotten all locks: they are taken again in
seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

import dagster as dg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from dcarbon.services.runtime import Runtime

BEAT_S = 5.0
YOUNGEST_S = 120.0
"""A run has this long to start working before it is missed; a busy machine takes its time."""

WORDS = (
    "The process of this run is gone: it was killed, or its machine stopped. What it had finished "
    "is kept; the rest is taken up again by itself."
)

_HOLD = text("select pg_try_advisory_lock(:key)")
_ALIVE = text("select 1")
_HELD = text("""
    select (classid::bigint << 32) | objid::bigint from pg_locks
    where locktype = 'advisory' and objsubid = 1 and granted
      and database = (select oid from pg_database where datname = current_database())
""")

_WORKING = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@contextmanager
def pulse(engine: Engine, run_id: str, *, beat_s: float = BEAT_S) -> Iterator[None]:
    """Hold the lock of a run; a thread takes it again should the connection be lost."""
    ended = threading.Event()
    holder = threading.Thread(
        target=_hold, args=(engine, key_of(run_id), ended, beat_s), name="run-pulse", daemon=True
    )
    holder.start()
    try:
        yield
    finally:
        ended.set()
        holder.join()


def key_of(run_id: str) -> int:
    """Return the lock of a run, a signed 64-bit number."""
    return int.from_bytes(sha256(f"run:{run_id}".encode()).digest()[:8], signed=True)


def vanished(
    instance: dg.DagsterInstance, runtime: Runtime, *, location: str | None, at: float
) -> dict[str, dg.DagsterRun]:
    """Return the started runs of a code location whose process is gone, by id.

    ``at`` is seconds since 1970; a run is looked at when it is :data:`YOUNGEST_S` old.
    """
    started = [
        record.dagster_run
        for record in instance.get_run_records(dg.RunsFilter(statuses=_WORKING))
        if record.start_time is not None and at - record.start_time >= YOUNGEST_S
    ]
    runs = [run for run in started if _is_of(run, location)]
    if not runs:
        return {}
    with runtime.sessions() as session:
        held = set(session.scalars(_HELD))
    return {run.run_id: run for run in runs if key_of(run.run_id) not in held}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: runs it ended, and the ids of those to look at once more."""

    ended: int
    missed: tuple[str, ...]


def end_vanished(
    instance: dg.DagsterInstance,
    runtime: Runtime,
    *,
    location: str | None,
    at: float,
    missed_before: Collection[str],
) -> Look:
    """End the runs that were missed the time before, too; retries and sensors take up their work.

    Missed once may be a database that has just restarted.
    """
    missing = vanished(instance, runtime, location=location, at=at)
    gone = missing.keys() & set(missed_before)
    for run_id in sorted(gone):
        now = instance.get_run_by_id(run_id)
        # It may have come to its end between the two questions.
        if now is not None and now.status in _WORKING:
            instance.report_run_failed(now, WORDS)
    return Look(len(gone), tuple(sorted(missing.keys() - gone)))


def _is_of(run: dg.DagsterRun, location: str | None) -> bool:
    origin = run.remote_job_origin
    return origin is None or location is None or origin.location_name == location


def _hold(engine: Engine, key: int, ended: threading.Event, beat_s: float) -> None:
    connection: Connection | None = None
    is_held = False
    while True:
        try:
            if connection is None:
                connection = _own_connection(engine)
            if is_held:
                connection.execute(_ALIVE)
            else:
                # A connection that was lost may hold it for a moment longer.
                is_held = bool(connection.scalar(_HOLD, {"key": key}))
        except DBAPIError:
            if connection is not None:
                connection.invalidate()
            connection, is_held = None, False
        if ended.wait(beat_s):
            break
    if connection is not None:
        connection.close()


def _own_connection(engine: Engine) -> Connection:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    # Not one of the pool's: work is not to wait for it.
    connection.detach()
    return connection
