"""One round of rotations: every order that is due, side by side, each utility at its own pace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from dcarbon.db.authorizations import Authorization
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    DCarbonError,
    ProviderPaused,
    ProviderThrottled,
)
from dcarbon.services import rotation, work
from dcarbon.services.rotation import RotationOutcome
from dcarbon.services.runtime import Runtime

WORKERS = 2
"""At each utility. Those with a limit take one request a second, and every rotation under way
holds a database connection for its lock.
"""
MOST_ORDERS = 10_000
_PUT_OFF = timedelta(hours=1)
_SPREAD = timedelta(minutes=30)
_REFUSES_EVERYBODY = (ClientCredentialsRejected, ProviderPaused, ProviderThrottled)


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to. ``left`` were not begun; ``broken`` is our side, by order."""

    opened: int
    outcomes: Sequence[RotationOutcome] = ()
    left: int = 0
    broken: Mapping[UUID, Exception] = field(default_factory=dict)


def run(runtime: Runtime, *, until: datetime | None = None) -> Round:
    """Open orders for the grants that are due and work every order that is; none is begun after
    ``until``.
    """
    opened = rotation.open_due(runtime)
    orders = _due(runtime)
    lanes = {key: _Lane(runtime, until) for key in orders}
    outcomes: list[RotationOutcome] = []
    broken: dict[UUID, Exception] = {}
    with ExitStack() as pools:
        futures: dict[Future[RotationOutcome | None], UUID] = {}
        for key, lane in lanes.items():
            pool = ThreadPoolExecutor(WORKERS, key)
            # A round that is stopped lets finish what is under way and begins nothing more.
            pools.callback(pool.shutdown, cancel_futures=True)
            # Each knows of which run it is: threads do not by themselves.
            futures |= {
                pool.submit(copy_context().run, lane.rotate, each): each for each in orders[key]
            }
        for future in as_completed(futures):
            error = future.exception()
            if isinstance(error, Exception):
                broken[futures[future]] = error
            elif (outcome := future.result()) is not None:
                outcomes.append(outcome)
    for lane in lanes.values():
        lane.put_off()
    total = sum(len(each) for each in orders.values())
    return Round(opened, outcomes, total - len(outcomes) - len(broken), broken)


@dataclass(slots=True)
class _Lane:
    """One utility's part of a round. It ends for all when the utility refuses everybody."""

    runtime: Runtime
    until: datetime | None
    refusal: DCarbonError | None = None
    refused: list[UUID] = field(default_factory=list)

    def rotate(self, order_id: UUID) -> RotationOutcome | None:
        """Rotate for one order; ``None`` when it is left."""
        if self.refusal is not None:
            self.refused.append(order_id)
            return None
        if self.until is not None and self.runtime.now() >= self.until:
            return None
        outcome = rotation.rotate(self.runtime, order_id)
        if isinstance(outcome.error, _REFUSES_EVERYBODY):
            self.refusal = outcome.error
        return outcome

    def put_off(self) -> None:
        """Leave in peace a utility that refuses everybody: no order of this round is due soon."""
        if self.refusal is None or not self.refused:
            return
        now = self.runtime.now()
        until = now + max(_PUT_OFF, work.back_off(0, self.refusal))
        with self.runtime.sessions.begin() as session:
            session.execute(
                update(WorkOrder)
                .where(WorkOrder.id.in_(self.refused), WorkOrder.done_at.is_(None))
                .values(
                    not_before=until + func.random() * _SPREAD,
                    last_error_code=self.refusal.code,
                )
            )


def _due(runtime: Runtime) -> Mapping[str, Sequence[UUID]]:
    statement = (
        select(Authorization.provider, WorkOrder.id)
        .join(Authorization, Authorization.id == WorkOrder.authorization_id)
        .where(
            WorkOrder.kind == "rotate",
            WorkOrder.done_at.is_(None),
            WorkOrder.not_before <= runtime.now(),
        )
        .order_by(WorkOrder.not_before, WorkOrder.id)
        .limit(MOST_ORDERS)
    )
    found: defaultdict[str, list[UUID]] = defaultdict(list)
    with runtime.sessions() as session:
        for provider, order_id in session.execute(statement):
            found[provider].append(order_id)
    return found
