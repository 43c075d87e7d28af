"""Due orders become runs: one each for a few, ranges of neighbours for many, none twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import dagster as dg
import pytest

from dcarbon.db.base import new_id
from dcarbon_pipelines import order_runs, scattered
from dcarbon_pipelines.order_runs import FEW, MOST_RUNS, RANGE_END, RANGE_START, DueOrder
from dcarbon_pipelines.partitions import BATCH

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


def orders_for(authorizations: Sequence[UUID], *, attempts: int = 0) -> list[DueOrder]:
    return [DueOrder(new_id(), authorization, attempts) for authorization in authorizations]


def placed(authorizations: Sequence[UUID]) -> dict[str, int]:
    return {str(authorization): place for place, authorization in enumerate(authorizations)}


def ids(count: int) -> list[UUID]:
    return [new_id() for _ in range(count)]


def test_a_few_orders_get_a_run_each_that_says_whom_it_collects() -> None:
    authorizations = ids(3)
    orders = orders_for(authorizations)

    requests = order_runs.run_requests(orders, placed(authorizations), now=NOW)

    assert [request.partition_key for request in requests] == [str(a) for a in authorizations]
    assert requests[0].tags["dcarbon/order"] == str(orders[0].order_id)
    assert requests[0].tags["dcarbon/authorization"] == str(authorizations[0])


def test_many_orders_get_ranges_that_hold_each_authorization_once() -> None:
    authorizations = ids(2 * BATCH + 7)
    places = placed(authorizations)
    orders = orders_for(list(reversed(authorizations)))

    requests = order_runs.run_requests(orders, places, now=NOW)

    covered = [place for request in requests[:2] for place in span(request, places)]
    assert covered == list(range(2 * BATCH))
    assert named(requests[2]) == [str(authorization) for authorization in authorizations[-7:]]


def test_a_range_never_holds_an_authorization_that_is_not_due() -> None:
    authorizations = ids(60)
    due = authorizations[:25] + authorizations[30:50] + authorizations[55:]
    places = placed(authorizations)

    requests = order_runs.run_requests(orders_for(due), places, now=NOW)

    ranges = [request for request in requests if RANGE_START in request.tags]
    covered = {place for request in ranges for place in span(request, places)}
    assert covered == {*range(25), *range(30, 50)}
    assert [named(request) for request in requests if request not in ranges] == [
        [str(authorization) for authorization in authorizations[55:]]
    ]


def test_many_here_and_there_are_named_in_a_few_runs() -> None:
    authorizations = ids(40 * BATCH)
    scattered_ones = authorizations[::20]

    requests = order_runs.run_requests(orders_for(scattered_ones), placed(authorizations), now=NOW)

    assert [len(named(request)) for request in requests] == [BATCH, BATCH]
    assert [key for request in requests for key in named(request)] == [
        str(authorization) for authorization in scattered_ones
    ]


def test_no_more_runs_are_asked_for_at_once_than_the_daemon_makes_in_good_time() -> None:
    authorizations = ids((MOST_RUNS + 5) * BATCH)

    requests = order_runs.run_requests(orders_for(authorizations), placed(authorizations), now=NOW)

    assert len(authorizations) > FEW
    assert len(requests) == MOST_RUNS


@pytest.mark.parametrize("count", [1, FEW + 1], ids=["single", "range"])
def test_the_same_orders_have_the_same_key_until_enough_time_has_passed(count: int) -> None:
    authorizations = ids(count)
    orders, places = orders_for(authorizations), placed(authorizations)

    def keys(at: datetime) -> list[str | None]:
        return [request.run_key for request in order_runs.run_requests(orders, places, now=at)]

    assert keys(NOW) == keys(NOW + timedelta(seconds=5))
    assert keys(NOW) != keys(NOW + timedelta(seconds=order_runs.AGAIN_AFTER_S))


def test_another_attempt_of_an_order_is_another_run() -> None:
    order = orders_for(ids(1))[0]
    places = placed([order.authorization_id])

    first = order_runs.run_requests([order], places, now=NOW)
    second = order_runs.run_requests([order._replace(attempts=1)], places, now=NOW)

    assert first[0].run_key != second[0].run_key


def test_authorizations_of_unfinished_runs_are_left_alone() -> None:
    authorizations = ids(6)
    places = placed(authorizations)
    keys = list(places)
    runs = [
        dg.DagsterRun("job", tags={order_runs.PARTITION: keys[0]}),
        dg.DagsterRun("job", tags={RANGE_START: keys[2], RANGE_END: keys[4]}),
        dg.DagsterRun("job", tags={RANGE_START: "gone", RANGE_END: keys[5]}),
        dg.DagsterRun("job", run_config=scattered.run_config([authorizations[1]])),
        dg.DagsterRun("job"),
    ]

    busy = order_runs.in_flight(runs, places)
    asked = order_runs.to_ask_for(orders_for(authorizations), busy)

    assert busy == set(keys[:5])
    assert [order.authorization_id for order in asked] == [authorizations[5]]


def test_two_orders_of_one_authorization_are_collected_one_after_the_other() -> None:
    authorization = new_id()
    first, second = orders_for([authorization, authorization])

    assert order_runs.to_ask_for([first, second], set()) == [first]


def span(request: dg.RunRequest, places: dict[str, int]) -> range:
    return range(places[request.tags[RANGE_START]], places[request.tags[RANGE_END]] + 1)


def named(request: dg.RunRequest) -> list[str]:
    return scattered.named_in(dg.DagsterRun("job", run_config=request.run_config))
