"""The pipelines say that they live: whoever looks at the System page need not look into Dagster."""

import dagster as dg

from dcarbon.db import heartbeats
from dcarbon.services import signs_of_life
from dcarbon.services.runtime import Runtime


@dg.sensor(
    minimum_interval_seconds=int(signs_of_life.EVERY.total_seconds()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes twice a minute that Dagster's daemon works and reaches our database: the "
    "System page and the metrics show it. Starts no runs.",
    tags={"dcarbon/domain": "operation"},
)
def pipelines_live(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> dg.SkipReason:
    """Give a sign of life."""
    del context
    signs_of_life.give(runtime, heartbeats.PIPELINES)
    return dg.SkipReason("The pipelines live.")
