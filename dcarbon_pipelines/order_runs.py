"""From due work orders to runs: one each for a few, ranges of neighbours for many, and the rest by
name.

Nothing is remembered from one evaluation to the next. An order is asked for while it is due and its
authorization is in no unfinished run; so a lost run, a restart or an interrupted evaluation repairs
itself, and orders committed out of order are never passed over, as a serial cursor would.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

import dagster as dg

from dcarbon_pipelines import scattered
from dcarbon_pipelines.appearance import TITLE
from dcarbon_pipelines.jobs import collect_authorizations
from dcarbon_pipelines.partitions import AUTHORIZATION, BATCH

FEW = 20
"""Up to this many due orders get a visible run each."""
NEIGHBOURS = 10
"""Fewer than so many neighbours make no range of their own: a run costs more than they do."""
MOST_RUNS = 20
"""Runs asked for at once; the rest follow in the next evaluation, a few seconds later."""
AGAIN_AFTER_S = 600
"""The same orders are not asked for twice within this time, should their run end without a word."""

CORRELATION = "dcarbon/correlation"
"""The id that the log of the web app, the work order and the requests to the utility carry."""
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PARTITION = "dagster/partition"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.MANAGED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class DueOrder(NamedTuple):
    """An order as ``services.work.due`` returns it."""

    order_id: UUID
    authorization_id: UUID
    attempts: int
    correlation_id: str | None = None
    """Of the request or run behind it; asked for only where a run is for one order."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Orders whose authorizations stand next to each other in Dagster's list of partitions."""

    orders: Sequence[DueOrder]

    @property
    def first(self) -> str:
        return str(self.orders[0].authorization_id)

    @property
    def last(self) -> str:
        return str(self.orders[-1].authorization_id)


def in_flight(runs: Iterable[dg.DagsterRun], places: Mapping[str, int]) -> set[str]:
    """Return the authorizations of unfinished runs. ``places`` is the order of the partitions."""
    ordered = list(places)
    found: set[str] = set()
    for run in runs:
        if key := run.tags.get(PARTITION):
            found.add(key)
        start = places.get(run.tags.get(RANGE_START, ""))
        end = places.get(run.tags.get(RANGE_END, ""))
        if start is not None and end is not None:
            found.update(ordered[start : end + 1])
        found.update(scattered.named_in(run))
    return found


def to_ask_for(due: Iterable[DueOrder], busy: Collection[str]) -> list[DueOrder]:
    """Return one order for each authorization that is in no unfinished run, longest due first."""
    first: dict[UUID, DueOrder] = {}
    for order in due:
        if str(order.authorization_id) not in busy:
            first.setdefault(order.authorization_id, order)
    return list(first.values())


def run_requests(
    orders: Sequence[DueOrder], places: Mapping[str, int], *, now: datetime
) -> list[dg.RunRequest]:
    """Return the runs for these orders. ``places`` must hold every authorization among them."""
    if len(orders) <= FEW:
        return [_single(order, now) for order in orders]
    stretches = list(_stretches(orders, places))
    ranges = [_range(each, now) for each in stretches if len(each.orders) >= NEIGHBOURS]
    alone = [one for each in stretches if len(each.orders) < NEIGHBOURS for one in each.orders]
    named = [_named(alone[begin : begin + BATCH], now) for begin in range(0, len(alone), BATCH)]
    return [*ranges, *named][:MOST_RUNS]


def _stretches(orders: Sequence[DueOrder], places: Mapping[str, int]) -> Iterator[Stretch]:
    """Cut into runs of neighbours: a range is everything in between, also who is not due."""
    placed = sorted(orders, key=lambda order: places[str(order.authorization_id)])
    neighbours = groupby(
        enumerate(placed), key=lambda pair: places[str(pair[1].authorization_id)] - pair[0]
    )
    for _, pairs in neighbours:
        stretch = [order for _, order in pairs]
        for begin in range(0, len(stretch), BATCH):
            yield Stretch(stretch[begin : begin + BATCH])


def _single(order: DueOrder, now: datetime) -> dg.RunRequest:
    authorization = str(order.authorization_id)
    return dg.RunRequest(
        run_key=f"{order.order_id}:{order.attempts}:{_period(now)}",
        job_name=collect_authorizations.name,
        partition_key=authorization,
        tags={
            f"dcarbon/{AUTHORIZATION}": authorization,
            "dcarbon/order": str(order.order_id),
            TITLE: "Collect one authorization",
            **({CORRELATION: order.correlation_id} if order.correlation_id else {}),
        },
    )


def _range(stretch: Stretch, now: datetime) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=_key_of_many(stretch.orders, now),
        job_name=collect_authorizations.name,
        tags={
            RANGE_START: stretch.first,
            RANGE_END: stretch.last,
            "dcarbon/authorizations": str(len(stretch.orders)),
            TITLE: f"Collect {len(stretch.orders)} authorizations",
        },
    )


def _named(orders: Sequence[DueOrder], now: datetime) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=_key_of_many(orders, now),
        job_name=scattered.collect_scattered.name,
        run_config=scattered.run_config([order.authorization_id for order in orders]),
        tags={
            "dcarbon/authorizations": str(len(orders)),
            TITLE: f"Collect {len(orders)} authorizations here and there",
        },
    )


def _key_of_many(orders: Sequence[DueOrder], now: datetime) -> str:
    parts = "".join(f"{order.order_id}:{order.attempts};" for order in orders)
    return f"batch:{sha256(parts.encode()).hexdigest()[:32]}:{_period(now)}"


def _period(now: datetime) -> int:
    return int(now.timestamp()) // AGAIN_AFTER_S
