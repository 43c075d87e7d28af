"""Housekeeping, once a day in the early morning."""

import dagster as dg

from dcarbon_pipelines.housekeeping import housekeeping

nightly_housekeeping = dg.ScheduleDefinition(
    name="nightly_housekeeping",
    job=housekeeping,
    cron_schedule="30 1 * * *",
    execution_timezone="America/Los_Angeles",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: delete old runs and rows that have served; keep readings by month.",
)
