"""The two processes that carry out a night: real Dagster runs, or the bare loop beside them."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import make_url

from benchmarks.bare_fetching import BareLoop
from benchmarks.sync_fixture import Place
from dcarbon.services.syncing import DAILY
from dcarbon_pipelines.definitions import build_definitions
from dcarbon_pipelines.jobs import collect_authorizations, daily_sync
from dcarbon_pipelines.order_runs import RANGE_END, RANGE_START
from dcarbon_pipelines.partitions import day_and_shard_key
from dcarbon_pipelines.sync_runs import SYNC

WORKERS = 2
"""Runs under way at once: one for each core of the machine the figures are quoted for."""


@dataclass(frozen=True, slots=True)
class Task:
    """Bring a shard up to a day: by a run of the sync named ``kind``, or without one barely."""

    shard: int
    day: date
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Collect the authorizations between two, as their open orders ask."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Done:
    """What a task took in its process; ``collecting_s`` is without what Dagster does around it."""

    seconds: float
    collecting_s: float
    cpu_s: float
    answers: int = 0
    run_id: str = ""
    peak_bytes: int = 0


@dataclass(slots=True)
class Worker:
    """One process. ``ready_s`` is what the process of a run takes before its first line."""

    connection: Connection
    ready_s: float = 0.0

    def begin(self, task: Task | Range) -> None:
        self.connection.send(task)

    def end(self) -> Any:
        answer = self.connection.recv()
        if isinstance(answer, BaseException):
            raise answer
        return answer


@contextmanager
def workers(place: Place) -> Iterator[list[Worker]]:
    """Start the processes; they are ready, and end with the block."""
    home = place.directory / "dagster"
    home.mkdir(exist_ok=True)
    url = make_url(place.dagster_url).set(drivername="postgresql+psycopg2")
    storage = {"postgres": {"postgres_url": url.render_as_string(hide_password=False)}}
    written = json.dumps({"storage": storage, "telemetry": {"enabled": False}})
    (home / "dagster.yaml").write_text(written, encoding="utf-8")
    with dagster(place):  # lays its tables, once
        pass
    with ExitStack() as stack:
        yield [stack.enter_context(_worker(place)) for _ in range(WORKERS)]


@contextmanager
def dagster(place: Place) -> Iterator[dg.DagsterInstance]:
    """Open Dagster's instance, as every worker does."""
    with dg.DagsterInstance.from_config(str(place.directory / "dagster")) as instance:
        yield instance


@contextmanager
def _worker(place: Place) -> Iterator[Worker]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    began = time.perf_counter()
    process = context.Process(target=_serve, args=(theirs, place))
    process.start()
    theirs.close()
    worker = Worker(ours)
    try:
        worker.end()
        worker.ready_s = time.perf_counter() - began
        yield worker
        ours.send(None)
        process.join()
    finally:
        process.kill()
        process.join()


def _serve(connection: Connection, place: Place) -> None:
    with place.runtime() as runtime, dagster(place) as instance:
        definitions = build_definitions({"runtime": runtime})
        connection.send(None)
        while (task := connection.recv()) is not None:
            try:
                if isinstance(task, Task) and task.kind is None:
                    answer = _barely(BareLoop(runtime, task.shard, task.day))
                else:
                    answer = _run(definitions, instance, task)
            except Exception as error:  # noqa: BLE001 — raised again where the task came from
                connection.send(RuntimeError(f"{type(error).__name__}: {error}"))
            else:
                connection.send(answer)


def _barely(loop: BareLoop) -> Done:
    began, cpu = time.perf_counter(), time.process_time()
    answers = loop.run()
    seconds = time.perf_counter() - began
    return Done(seconds, seconds, time.process_time() - cpu, answers)


def _run(definitions: dg.Definitions, instance: dg.DagsterInstance, task: Task | Range) -> Done:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak counter
    if isinstance(task, Task):
        job = definitions.resolve_job_def(daily_sync.name)
        key: str | None = day_and_shard_key(task.day, task.shard)
        tags = {SYNC: task.kind or DAILY}
    else:
        job = definitions.resolve_job_def(collect_authorizations.name)
        key, tags = None, {RANGE_START: task.first, RANGE_END: task.last}
    began, cpu = time.perf_counter(), time.process_time()
    result = job.execute_in_process(instance=instance, partition_key=key, tags=tags)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    collecting = _collecting_s(instance, result.run_id)
    return Done(seconds, collecting, cpu, run_id=result.run_id, peak_bytes=_peak_bytes())


def _collecting_s(instance: dg.DagsterInstance, run_id: str) -> float:
    """Return the time from the step's start until the shard is recorded; checks come after."""
    begun = ended = 0.0
    recorded = {
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
    }
    for entry in instance.all_logs(run_id):
        if entry.dagster_event_type == dg.DagsterEventType.STEP_START:
            begun = entry.timestamp
        elif entry.dagster_event_type in recorded:
            ended = entry.timestamp
    return ended - begun


def _peak_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
