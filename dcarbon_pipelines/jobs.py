"""The jobs sensors and schedules ask for. Run and step are one process: fetching is concurrent
inside, and a process for each step would cost more than it wins.
"""

from __future__ import annotations

import dagster as dg

collect_authorizations = dg.define_asset_job(
    "collect_authorizations",
    selection=dg.AssetSelection.assets("meters", "authorization_intervals"),
    description="Collect one authorization, or a batch of them, from their utilities.",
    executor_def=dg.in_process_executor,
)
# Both fill the same cells: what the weekly sync asks for holds all that the daily one does.
daily_sync = dg.define_asset_job(
    "daily_sync",
    selection=dg.AssetSelection.assets("intervals"),
    description="Bring one shard of authorizations up to a day.",
    executor_def=dg.in_process_executor,
)
weekly_sync = dg.define_asset_job(
    "weekly_sync",
    selection=dg.AssetSelection.assets("intervals"),
    description="Bring one shard of authorizations up to a day, over a longer time.",
    executor_def=dg.in_process_executor,
)
