"""The proof of the audit log, once a day."""

import dagster as dg

from dcarbon_pipelines.audit_log import audit_log

nightly_audit_proof = dg.ScheduleDefinition(
    name="nightly_audit_proof",
    job=audit_log,
    # Its mail says the day in UTC, and holds all of the day before.
    cron_schedule="10 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night: prove the audit log and keep its head by mail and file.",
)
