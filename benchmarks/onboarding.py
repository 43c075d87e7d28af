"""Many authorizations at once, each with ninety days: from open orders to stored readings.

Run as ``python -m benchmarks.onboarding``; ``SIZE=200`` for fewer than a thousand. Real runs over
ranges of fifty neighbours, two at a time, as the sensor asks for them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from statistics import mean
from uuid import UUID

from sqlalchemy import text

from benchmarks.harness import MEGABYTE, report
from benchmarks.sync_fixture import NOW, busy, channels, furnish, place
from benchmarks.sync_nights import Costs, onboarded
from benchmarks.sync_workers import Range, dagster, workers
from dcarbon.services import work
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.partitions import AUTHORIZATION, BATCH

SIZE = "1000"
DAYS = 90
FIRST_DAY = (NOW - timedelta(days=DAYS)).date()
GOAL = "every order done in one go, nobody left, and every whole day that is due covered"
_ORDERS = "select outcome, count(*) from work_orders group by 1"
_STORED = """
select count(*), coalesce(sum(cardinality(array_remove(readings, null))), 0)::bigint,
       (select sum(pg_total_relation_size(relid))::bigint from pg_partition_tree('interval_days'))
from interval_days
"""
# The first local day is asked for from the hour of asking on.
_COVERED = """
select count(*) filter (where state in ('complete', 'estimated', 'restated')), count(*)
from coverage_days where state <> 'not_due' and meter_day > :first
"""


def main() -> None:
    """Open the orders, carry out their runs, and look at what is stored."""
    size = int(os.environ.get("SIZE", SIZE))
    before = busy()
    with place(history_days=DAYS) as where, where.runtime() as runtime:
        made = furnish(where, runtime, size)
        _order(runtime, made)
        with workers(where) as hands:
            with dagster(where) as instance:
                instance.add_dynamic_partitions(AUTHORIZATION, [str(one) for one in made])
            costs = onboarded(where, hands, _ranges(made), size)
            ready = mean(hand.ready_s for hand in hands)
        figures, holds = _figures(runtime, costs, size)
    figures |= {"seconds_before_a_run_begins": ready, "load": f"{before}; {busy()}"}
    report("onboarding", figures, GOAL, holds)


def _order(runtime: Runtime, made: Sequence[UUID]) -> None:
    with runtime.sessions.begin() as session:
        for identity in made:
            work.open_collection(session, identity, reason="newly authorized", now=NOW)


def _ranges(made: Sequence[UUID]) -> list[Range]:
    batches = [made[first : first + BATCH] for first in range(0, len(made), BATCH)]
    return [Range(str(batch[0]), str(batch[-1])) for batch in batches]


def _figures(runtime: Runtime, costs: Costs, size: int) -> tuple[dict[str, object], bool]:
    with runtime.sessions() as session:
        orders = {str(row[0]): row[1] for row in session.execute(text(_ORDERS))}
        days, readings, stored_bytes = session.execute(text(_STORED)).one()
        covered, due = session.execute(text(_COVERED), {"first": FIRST_DAY}).one()
    figures: dict[str, object] = {
        "authorizations": size,
        "runs": len(costs.runs),
        "channels": channels(runtime),
        "readings": int(readings),
        "wall_s": costs.wall_s,
        "wall_ms_each": costs.each_ms(costs.wall_s),
        "readings_per_s": int(readings) / costs.wall_s,
        "ours_cpu_ms_each": costs.each_ms(costs.ours_cpu_s),
        "database_cpu_ms_each": costs.each_ms(costs.server_cpu_s),
        "sandbox_cpu_ms_each": costs.each_ms(costs.sandbox_cpu_s),
        "peak_mb": costs.peak_bytes / MEGABYTE,
        "interval_days": days,
        "disk_bytes_per_reading": stored_bytes / max(1, int(readings)),
        "orders": orders,
        "covered_days": f"{covered:,} of {due:,}",
    }
    return figures, orders == {"done": size} and covered == due


if __name__ == "__main__":
    main()
