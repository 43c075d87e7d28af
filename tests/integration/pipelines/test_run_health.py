"""A run whose process was killed is found out and ended; one that works is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import psycopg
import pytest

from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import run_health
from sensors.vanished_runs import vanished_runs

pytestmark = [pytest.mark.database, pytest.mark.dagster]

# A run in a process of its own, with the product's own resource: it says that it works, and waits.
PROGRAM = """
import sys
import dagster as dg
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.resources import RuntimeResource

@dg.op
def work(runtime: dg.ResourceParam[Runtime]) -> None:
    print("working", flush=True)
    sys.stdin.readline()

@dg.job(resource_defs={"runtime": RuntimeResource()}, executor_def=dg.in_process_executor)
def long_work():
    work()

with dg.DagsterInstance.get() as instance:
    long_work.execute_in_process(instance=instance)
"""


@contextmanager
def working_run(instance: dg.DagsterInstance, runtime: Runtime) -> Iterator[subprocess.Popen[str]]:
    """Start a run in a process of its own and wait until it works."""
    database = runtime.settings.database_url
    assert database is not None
    home = Path(instance.root_directory)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={
            "PATH": os.defpath,
            "DAGSTER_HOME": str(home),
            "DCARBON_DATABASE_URL": database.get_secret_value(),
            "DCARBON_SEAL_KEYS_FILE": str(runtime.settings.directory / "seal.keys"),
            "DCARBON_DIRECTORY": str(runtime.settings.directory),
        },
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def look(
    instance: dg.DagsterInstance, runtime: Runtime, missed_before: Collection[str] = ()
) -> run_health.Look:
    """Look as the sensor does, when the run is old enough."""
    later = time.time() + run_health.YOUNGEST_S
    return run_health.end_vanished(
        instance, runtime, location=None, at=later, missed_before=missed_before
    )


def wait_until_let_go(runtime: Runtime, run_id: str) -> None:
    """The server lets the lock go when it notices that the client is gone."""
    database = runtime.settings.database_url
    assert database is not None
    with psycopg.connect(database.get_secret_value(), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [run_health.key_of(run_id)])


def test_a_killed_run_is_ended_and_says_what_happened(
    instance: dg.DagsterInstance, runtime: Runtime
) -> None:
    with working_run(instance, runtime) as process:
        run_id = instance.get_runs()[0].run_id
        while_it_works = look(instance, runtime)

        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until_let_go(runtime, run_id)
        first = look(instance, runtime)
        second = look(instance, runtime, first.missed)

    run = instance.get_runs()[0]
    assert while_it_works == run_health.Look(0, ())
    assert first == run_health.Look(0, (run_id,))
    assert second == run_health.Look(1, ())
    assert run.status == dg.DagsterRunStatus.FAILURE
    failure = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)[0]
    assert "process of this run is gone" in str(failure.get_dagster_event().message)


def test_a_run_that_has_just_started_is_given_time(
    instance: dg.DagsterInstance, runtime: Runtime
) -> None:
    with working_run(instance, runtime) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()

        missed = run_health.vanished(instance, runtime, location=None, at=time.time())

    assert missed == {}


def test_a_run_holds_its_lock_again_after_the_server_cut_its_connection(
    runtime: Runtime,
) -> None:
    database = runtime.settings.database_url
    assert database is not None
    key = run_health.key_of("a-run")
    with (
        run_health.pulse(runtime.engine, "a-run", beat_s=0.05),
        psycopg.connect(database.get_secret_value(), autocommit=True) as other,
    ):
        first = holder_of(other, key)
        other.execute("select pg_terminate_backend(%s)", [first])
        second = holder_of(other, key, but=first)

    assert second != first


def holder_of(connection: psycopg.Connection, key: int, *, but: int | None = None) -> int:
    """Wait until somebody else than ``but`` holds the lock, and return the server process."""
    while True:
        row = connection.execute(
            "select pid from pg_locks where locktype = 'advisory' and granted"
            " and (classid::bigint << 32) | objid::bigint = %s",
            [key],
        ).fetchone()
        if row is not None and row[0] != but:
            return int(row[0])
        time.sleep(0.02)


def test_the_sensor_says_that_all_is_well(instance: dg.DagsterInstance, runtime: Runtime) -> None:
    with dg.build_sensor_context(instance, resources={"runtime": runtime}) as context:
        said = vanished_runs(context)

    assert isinstance(said, dg.SkipReason)
    assert "signs of life" in str(said.skip_message)
