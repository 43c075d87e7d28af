"""The Dagster code location. Importing it opens nothing and reads no environment and no clock."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from assets.authorization_intervals import authorization_intervals
from assets.intervals import intervals
from dcarbon_pipelines.endings import end_authorizations
from dcarbon_pipelines.jobs import collect_authorizations, daily_sync
from dcarbon_pipelines.resources import RuntimeResource
from schedules.daily import nightly_sync
from sensors.revocations import open_revocations
from sensors.work_orders import open_work_orders


def build_definitions(overrides: Mapping[str, object] | None = None) -> dg.Definitions:
    """Return everything Dagster shows. ``overrides`` replaces resources by name: ``runtime``."""
    return dg.Definitions(
        assets=[authorization_intervals, intervals],
        jobs=[collect_authorizations, daily_sync, end_authorizations],
        schedules=[nightly_sync],
        sensors=[open_work_orders, open_revocations],
        resources={"runtime": RuntimeResource(), **(overrides or {})},
        executor=dg.in_process_executor,
    )


defs = build_definitions()
