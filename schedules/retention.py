"""The end of what is kept: retention once a night, requests for deletion every hour."""

import dagster as dg

from dcarbon.services import deletion_work
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.retention import carry_out_deletions, enforce_retention

nightly_retention = dg.ScheduleDefinition(
    name="nightly_retention",
    job=enforce_retention,
    # After housekeeping and before the nightly sync.
    cron_schedule="45 1 * * *",
    execution_timezone="America/Los_Angeles",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: erase payloads and readings that were kept long enough after access "
    "has ended.",
)


@dg.schedule(
    job=carry_out_deletions,
    cron_schedule="40 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every hour: carry out the requests for deletion that are decided or due.",
)
def hourly_deletions(runtime: dg.ResourceParam[Runtime]) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run where there is anything to do."""
    if not deletion_work.is_waiting(runtime):
        return dg.SkipReason("No request for deletion waits, and no payload leaves.")
    return dg.RunRequest()
