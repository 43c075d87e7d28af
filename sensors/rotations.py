"""Rotations that have to be tried again are, when their time has come."""

import dagster as dg

from dcarbon.services import work
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.appearance import TITLE
from dcarbon_pipelines.order_runs import UNFINISHED
from dcarbon_pipelines.rotations import rotate_grants


@dg.sensor(
    # By its name: given the job, Dagster copies the sensor and warns of a parameter of its own.
    job_name=rotate_grants.name,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees rotations that failed or were left, and starts one run when the first of "
    "them is due.",
)
def due_rotations(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run while an order is due and no such run is under way."""
    if not work.due(runtime.sessions, now=runtime.now(), limit=1, kinds=("rotate",)):
        return dg.SkipReason("No rotation is due.")
    running = dg.RunsFilter(job_name=rotate_grants.name, statuses=UNFINISHED)
    if context.instance.get_runs(running, limit=1):
        return dg.SkipReason("A run that rotates grants is under way.")
    return dg.RunRequest(tags={TITLE: "Rotate grants: tries that failed or were left"})
