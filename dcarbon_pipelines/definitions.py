"""The Dagster code location. Importing it opens nothing and reads no environment and no clock."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets.authorization_intervals import authorization_intervals
from assets.daily_energy import daily_energy
from assets.intervals import intervals
from assets.monthly_generation import generation
from assets.providers import providers
from dcarbon_pipelines.audit_log import audit_log
from dcarbon_pipelines.derivations import derive_days, derive_months
from dcarbon_pipelines.endings import end_authorizations
from dcarbon_pipelines.housekeeping import housekeeping
from dcarbon_pipelines.jobs import collect_authorizations, daily_sync, weekly_sync
from dcarbon_pipelines.replays import replay_payloads
from dcarbon_pipelines.resources import RuntimeResource
from dcarbon_pipelines.retention import carry_out_deletions, enforce_retention
from dcarbon_pipelines.rotations import announce_consent_ends, rotate_grants
from dcarbon_pipelines.scattered import collect_scattered
from schedules.audit_log import nightly_audit_proof
from schedules.daily import nightly_sync
from schedules.hourly import hourly_watch, watch_providers
from schedules.housekeeping import nightly_housekeeping
from schedules.retention import hourly_deletions, nightly_retention
from schedules.rotation import morning_countdown, nightly_rotation
from schedules.weekly import sunday_sync
from sensors.adjustments import reported_months
from sensors.bulk_actions import unfinished_bulk_actions
from sensors.changed_readings import changed_readings
from sensors.outages import provider_outages
from sensors.revocations import open_revocations
from sensors.rotations import due_rotations
from sensors.run_failures import run_failures
from sensors.signs_of_life import pipelines_live
from sensors.unfinished_syncs import unfinished_syncs
from sensors.vanished_runs import vanished_runs
from sensors.work_orders import open_work_orders, scattered_work_orders


def build_definitions(overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """Return everything Dagster shows. ``overrides`` replaces resources by name: ``runtime``."""
    return dg.Definitions(
        assets=[authorization_intervals, intervals, providers, daily_energy, generation],
        jobs=[
            collect_authorizations,
            collect_scattered,
            daily_sync,
            weekly_sync,
            derive_days,
            derive_months,
            end_authorizations,
            rotate_grants,
            announce_consent_ends,
            replay_payloads,
            watch_providers,
            housekeeping,
            enforce_retention,
            carry_out_deletions,
            audit_log,
        ],
        schedules=[
            nightly_sync,
            sunday_sync,
            hourly_watch,
            nightly_housekeeping,
            nightly_audit_proof,
            nightly_rotation,
            morning_countdown,
            nightly_retention,
            hourly_deletions,
        ],
        sensors=[
            open_work_orders,
            scattered_work_orders,
            unfinished_syncs,
            changed_readings,
            open_revocations,
            due_rotations,
            provider_outages,
            reported_months,
            unfinished_bulk_actions,
            run_failures,
            vanished_runs,
            pipelines_live,
        ],
        resources={"runtime": RuntimeResource(), **(overrides or {})},
        executor=dg.in_process_executor,
    )


defs = build_definitions()
