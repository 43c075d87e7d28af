"""The product's code location on the shared clock, with one sensor more that asks for syncs."""

from collections.abc import Iterator

import dagster as dg

from benchmarks.chaos import asks
from benchmarks.chaos.clock import SharedClock
from dcarbon import settings
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_pipelines.definitions import build_definitions
from dcarbon_pipelines.jobs import daily_sync
from dcarbon_pipelines.resources import ProcessRuntime

_OF_THIS_PROCESS = ProcessRuntime(
    lambda: open_runtime(settings.load(), clock=SharedClock.of_environment().now)
)


class RuntimeOnSharedClock(dg.ConfigurableResource[Runtime]):
    """The product's runtime with another clock."""

    def create_resource(self, context: dg.InitResourceContext) -> Runtime:
        del context
        return _OF_THIS_PROCESS.open()


@dg.sensor(
    job=daily_sync,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def asked_syncs(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest]:
    """Ask for each day and shard once."""
    del context
    for key in asks.asked():
        yield dg.RunRequest(run_key=key, partition_key=key)


defs = dg.Definitions.merge(
    build_definitions({"runtime": RuntimeOnSharedClock()}), dg.Definitions(sensors=[asked_syncs])
)
