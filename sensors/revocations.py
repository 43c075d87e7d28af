"""Authorizations that people have ended are ended at their providers within seconds."""

import dagster as dg

from dcarbon.services import work
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.appearance import TITLE
from dcarbon_pipelines.endings import end_authorizations
from dcarbon_pipelines.order_runs import UNFINISHED


@dg.sensor(
    # By its name: given the job, Dagster copies the sensor and warns of a parameter of its own.
    job_name=end_authorizations.name,
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees authorizations that were ended here and starts one run that ends them at "
    "their utilities, again and again until each is confirmed.",
)
def open_revocations(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> dg.RunRequest | dg.SkipReason:
    """Ask for one run while an order is due and no such run is under way."""
    due = work.due(runtime.sessions, now=runtime.now(), limit=1, kinds=("revoke",))
    if not due:
        return dg.SkipReason("No authorization waits to be ended at its provider.")
    running = dg.RunsFilter(job_name=end_authorizations.name, statuses=UNFINISHED)
    if context.instance.get_runs(running, limit=1):
        return dg.SkipReason("A run that ends authorizations is under way.")
    return dg.RunRequest(tags={TITLE: "End access at providers"})
