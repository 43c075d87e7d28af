"""The weekly sync: the same runs over a longer time, for corrections that come with the bill."""

from datetime import timedelta

import dagster as dg

from dcarbon.services.runtime import Runtime
from dcarbon.services.syncing import WEEKLY
from dcarbon_pipelines import sync_runs
from dcarbon_pipelines.jobs import weekly_sync


@dg.schedule(
    job=weekly_sync,
    # After the nightly sync has asked for its runs: theirs go first, shard by shard.
    cron_schedule="0 5 * * 0",
    execution_timezone="America/Los_Angeles",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every Sunday: ask again for the last five weeks, for what was corrected late.",
)
def sunday_sync(
    context: dg.ScheduleEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for one run per shard for the day before the Sunday."""
    if not runtime.settings.weekly_sync:
        return dg.SkipReason("The weekly sync is switched off by DCARBON_WEEKLY_SYNC.")
    day = context.scheduled_execution_time.date() - timedelta(days=1)
    return sync_runs.of_all_shards(WEEKLY, day)
