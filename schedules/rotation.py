"""Keeping access alive: rotation at night, the countdown of ending consents in the morning."""

import dagster as dg

from dcarbon_pipelines.rotations import announce_consent_ends, rotate_grants

nightly_rotation = dg.ScheduleDefinition(
    name="nightly_rotation",
    job=rotate_grants,
    # Before the nightly sync, which then finds fresh tokens.
    cron_schedule="0 2 * * *",
    execution_timezone="America/Los_Angeles",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: rotate the grants that are old or may run out.",
)

morning_countdown = dg.ScheduleDefinition(
    name="morning_countdown",
    job=announce_consent_ends,
    # When people read mail.
    cron_schedule="0 8 * * *",
    execution_timezone="America/Los_Angeles",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every morning: tell people whose permission ends soon.",
)
