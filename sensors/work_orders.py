"""Open work orders become runs within seconds. Which runs is decided in ``order_runs``.

Two sensors, one decision: Dagster copies a sensor that is given a job of ops among others, and
warns of a parameter of its own.
"""

from collections.abc import Sequence

import dagster as dg

from dcarbon.services import work
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines import order_runs
from dcarbon_pipelines.jobs import collect_authorizations
from dcarbon_pipelines.order_runs import DueOrder
from dcarbon_pipelines.partitions import AUTHORIZATION
from dcarbon_pipelines.scattered import collect_scattered

MOST_ORDERS = 10_000


@dg.sensor(
    job=collect_authorizations,
    # Less than the five seconds of the daemon's round: a tick a moment early would skip a round.
    minimum_interval_seconds=2,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sees authorizations that want collecting and starts their runs: one each for a "
    "few, one for fifty neighbours when there are many.",
)
def open_work_orders(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for a run for every due order whose authorization is not being collected already."""
    return _requests(context.instance, runtime, collect_authorizations.name)


@dg.sensor(
    job_name=collect_scattered.name,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Of many authorizations that want collecting, takes those that are no neighbours, "
    "fifty in a run: mostly those a sync could not reach.",
)
def scattered_work_orders(
    context: dg.SensorEvaluationContext, runtime: dg.ResourceParam[Runtime]
) -> list[dg.RunRequest] | dg.SkipReason:
    """Ask for the runs that ``open_work_orders`` leaves to this sensor."""
    return _requests(context.instance, runtime, collect_scattered.name)


def _requests(
    instance: dg.DagsterInstance, runtime: Runtime, job_name: str
) -> list[dg.RunRequest] | dg.SkipReason:
    if not work.due(runtime.sessions, now=runtime.now(), limit=1):
        return dg.SkipReason("No work order is due.")
    places = _places(instance)
    unfinished = instance.get_runs(dg.RunsFilter(statuses=order_runs.UNFINISHED))
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
        instance.add_dynamic_partitions(AUTHORIZATION, new)
        places = _places(instance)
    if len(orders) <= order_runs.FEW:
        orders = _with_ids(runtime, orders)
    requests = order_runs.run_requests(orders, places, now=runtime.now())
    mine = [request for request in requests if request.job_name == job_name]
    return mine or dg.SkipReason("The other sensor of work orders asks for the runs.")


def _with_ids(runtime: Runtime, orders: Sequence[DueOrder]) -> list[DueOrder]:
    """Have each run say which request it follows from; a run for many follows from many."""
    ids = work.followed_from(runtime.sessions, [order.order_id for order in orders])
    return [order._replace(correlation_id=ids.get(order.order_id)) for order in orders]


def _places(instance: dg.DagsterInstance) -> dict[str, int]:
    """Return every authorization partition with its place: they are kept in order of insertion."""
    return {key: place for place, key in enumerate(instance.get_dynamic_partitions(AUTHORIZATION))}
