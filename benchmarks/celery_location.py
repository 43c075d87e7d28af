"""The product's code location with the fixture's clock, and a sensor that asks for syncs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg

from benchmarks.sync_fixture import NOW
from dcarbon import logs, settings
from dcarbon.providers.limits import Urgency
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_pipelines.definitions import build_definitions
from dcarbon_pipelines.jobs import daily_sync
from dcarbon_pipelines.partitions import day_and_shard_key
from dcarbon_pipelines.resources import ProcessRuntime, RuntimeResource
from dcarbon_pipelines.sync_runs import SYNC

ASKS = "NIGHT_ASKS_FILE"
BEGAN = "NIGHT_BEGAN"
"""When the fixture's clock showed its time and began to go, in seconds since 1970."""


def _now() -> datetime:
    """Go on from the fixture's time: what a provider's pause left over comes again after it."""
    return NOW + timedelta(seconds=time.time() - float(os.environ[BEGAN]))


def _opened() -> object:
    chosen = settings.load()
    logs.configure_ours(chosen.log_level)
    return open_runtime(chosen, clock=_now, urgency=Urgency.BACKGROUND)


_OF_THIS_PROCESS = ProcessRuntime(_opened)  # type: ignore[arg-type]


class FixtureRuntime(RuntimeResource):
    """The product's runtime with the fixture's clock; its signs of life are the product's."""

    def create_resource(self, context: dg.InitResourceContext) -> Runtime:
        del context
        return _OF_THIS_PROCESS.open()


def ask(path: Path, kind: str, day: date, shards: Sequence[int]) -> None:
    """Ask for one run of this sync for each of these shards, beside what was asked before."""
    asked = json.loads(path.read_text()) if path.exists() else []
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps([*asked, [kind, day.isoformat(), list(shards)]]))
    beside.replace(path)


@dg.sensor(
    job=daily_sync, minimum_interval_seconds=1, default_status=dg.DefaultSensorStatus.RUNNING
)
def asked_nights(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Ask for each sync, day and shard once."""
    del context
    path = Path(os.environ[ASKS])
    for kind, day, shards in json.loads(path.read_text()) if path.exists() else []:
        for shard in shards:
            key = day_and_shard_key(date.fromisoformat(day), shard)
            yield dg.RunRequest(run_key=f"{kind}:{key}", partition_key=key, tags={SYNC: kind})


defs = dg.Definitions.merge(
    build_definitions({"runtime": FixtureRuntime()}), dg.Definitions(sensors=[asked_nights])
)
