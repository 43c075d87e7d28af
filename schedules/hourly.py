"""A look at the utilities as a whole, every hour."""

import dagster as dg

from dcarbon_pipelines.appearance import JOB_TAGS, TITLE

watch_providers = dg.define_asset_job(
    "watch_providers",
    selection=dg.AssetSelection.assets("providers"),
    description="See how fresh the newest reading of each utility is.",
    executor_def=dg.in_process_executor,
    tags=JOB_TAGS,
    run_tags={TITLE: "How fresh the utilities are"},
)

hourly_watch = dg.ScheduleDefinition(
    name="hourly_watch",
    job=watch_providers,
    cron_schedule="15 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: see how fresh the newest reading of each utility is.",
)
