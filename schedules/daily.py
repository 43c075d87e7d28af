"""The nightly sync, one run per shard: sixteen runs however many authorizations there are."""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from dcarbon.db.authorizations import SHARDS
from dcarbon_pipelines.jobs import daily_sync
from dcarbon_pipelines.partitions import day_and_shard_key


@dg.schedule(
    job=daily_sync,
    cron_schedule="0 3 * * *",
    # The day before has ended at every meter of the mainland, and utilities are quiet.
    execution_timezone="America/Los_Angeles",
    # Readings are to keep arriving without anyone remembering to switch this on.
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: bring all authorizations up to the day that has just ended.",
)
def nightly_sync(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """Ask for one run per shard for the day before the night's."""
    day = context.scheduled_execution_time.date() - timedelta(days=1)
    for shard in range(SHARDS):
        key = day_and_shard_key(day, shard)
        title = f"Daily sync of {day.isoformat()}, part {shard + 1} of {SHARDS}"
        yield dg.RunRequest(run_key=str(key), partition_key=key, tags={"dcarbon/title": title})
