"""What a sync had no time for is carried on by another run. Which, is decided in ``sync_runs``."""

import dagster as dg

from dcarbon.services.runtime import Runtime
from dcarbon.services.syncing import DAILY, WEEKLY
from dcarbon_pipelines import sync_runs
from dcarbon_pipelines.jobs import daily_sync, weekly_sync
from dcarbon_pipelines.order_runs import UNFINISHED
from dcarbon_pipelines.sync_runs import CARRIES_ON, REST, SYNC, WAITS

MOST_RUNS = 100
"""Runs with a rest looked at in one evaluation, the newest; each shard has at most a few."""
SCHEDULED = 200
"""Runs of schedules in which a later sync is looked for: more than a week's."""


@dg.sensor(
    jobs=[daily_sync, weekly_sync],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees syncs that could not reach everybody (the utility takes only so many "
    "requests, or was down) and carries them on, until nobody is left or a later sync covers it.",
)
def unfinished_syncs(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for one run for each rest whose time has come and whose shard is free."""
    instance = context.instance
    waiting = instance.get_runs(dg.RunsFilter(tags={REST: WAITS}), limit=MOST_RUNS)
    if not waiting:
        return dg.SkipReason("Every sync has reached everybody.")
    ids = [run.run_id for run in waiting]
    followers = instance.get_runs(dg.RunsFilter(tags={CARRIES_ON: ids}))
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    decided = sync_runs.rests(
        waiting,
        carried_on={run.tags[CARRIES_ON] for run in followers},
        scheduled=instance.get_runs(dg.RunsFilter(tags={SYNC: [DAILY, WEEKLY]}), limit=SCHEDULED),
        busy=sync_runs.busy_shards(unfinished),
        now=runtime.now(),
    )
    for run_id, word in decided.verdicts:
        instance.add_run_tags(run_id, {REST: word})
    if not decided.requests:
        return dg.SkipReason("What is left waits: for its utility, or for a run of its shard.")
    return list(decided.requests)
