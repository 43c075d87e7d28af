"""Administrators hear of failed runs by mail, with the reason and the way there."""

import dagster as dg

from dcarbon.services import administrators
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import run_words

WILL_RETRY = "dagster/will_retry"


@dg.run_failure_sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells administrators by mail of a run that failed and is not tried again by "
    "itself, once per job and hour.",
    tags={"dcarbon/domain": "operation"},
)
def run_failures(
    context: dg.RunFailureSensorContext, runtime: dg.ResourceParam[Runtime]
) -> dg.SkipReason | None:
    """Queue the mails, unless Dagster starts the run again."""
    run = context.dagster_run
    if run.tags.get(WILL_RETRY) == "true":
        return dg.SkipReason("The run is started again by itself.")
    told = administrators.tell_of_failed_run(
        runtime,
        job=run.job_name,
        what=run_words.purpose(run),
        reason=run_words.reason(context.failure_event, context.get_step_failure_events()),
        run_id=run.run_id,
        now=runtime.now(),
    )
    return None if told else dg.SkipReason("Told within the last hour, or nobody to tell.")
