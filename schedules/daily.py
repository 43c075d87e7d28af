"""The nightly sync, one run per shard: sixteen runs however many authorizations there are."""

from datetime import timedelta

import dagster as dg

from dcarbon.services.runtime import Runtime
from dcarbon.services.syncing import DAILY
from dcarbon_pipelines import sync_runs
from dcarbon_pipelines.jobs import daily_sync


@dg.schedule(
    job=daily_sync,
    cron_schedule="0 3 * * *",
    # The day before has ended at every meter of the mainland, and utilities are quiet.
    execution_timezone="America/Los_Angeles",
    # Readings are to keep arriving without anyone remembering to switch this on.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: bring all authorizations up to the day that has just ended.",
)
def nightly_sync(
    context: dg.ScheduleEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for one run per shard for the day before the night's."""
    if not runtime.settings.daily_sync:
        return dg.SkipReason("The daily sync is switched off by DCARBON_DAILY_SYNC.")
    day = context.scheduled_execution_time.date() - timedelta(days=1)
    return sync_runs.of_all_shards(DAILY, day)
