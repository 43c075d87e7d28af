"""Open work orders become runs within seconds. Which runs is decided in ``order_runs``."""

import dagster as dg

from dcarbon.services import work
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import order_runs
from dcarbon_pipelines.jobs import collect_authorizations
from dcarbon_pipelines.order_runs import DueOrder
from dcarbon_pipelines.partitions import AUTHORIZATION

MOST_ORDERS = 10_000


@dg.sensor(
    job=collect_authorizations,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees authorizations that want collecting and starts their runs: one each for a "
    "few, one for fifty neighbours when there are many.",
)
def open_work_orders(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> dg.SensorResult | dg.SkipReason:
    """Ask for a run for every due order whose authorization is not being collected already."""
    if not work.due(runtime.sessions, now=runtime.now(), limit=1):
        return dg.SkipReason("No work order is due.")
    places = _places(context.instance)
    unfinished = context.instance.get_runs(dg.RunsFilter(statuses=order_runs.UNFINISHED))
    busy = order_runs.in_flight(unfinished, places)
    # Read after the runs: an order closed by a run that ended meanwhile is not asked for again.
    due = [
        DueOrder(*row) for row in work.due(runtime.sessions, now=runtime.now(), limit=MOST_ORDERS)
    ]
    orders = order_runs.to_ask_for(due, busy)
    if not orders:
        return dg.SkipReason(f"All {len(due)} due work orders are being worked on.")
    new = [key for order in orders if (key := str(order.authorization_id)) not in places]
    if new:
        context.instance.add_dynamic_partitions(AUTHORIZATION, new)
        places = _places(context.instance)
    return dg.SensorResult(order_runs.run_requests(orders, places, now=runtime.now()))


def _places(instance: dg.DagsterInstance) -> dict[str, int]:
    """Return every authorization partition with its place: they are kept in order of insertion."""
    return {key: place for place, key in enumerate(instance.get_dynamic_partitions(AUTHORIZATION))}
