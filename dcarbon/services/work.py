"""Work orders: asking the pipelines for something, taking it up, and saying what came of it."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.work_orders import SyncAttempt, WorkOrder, open_orders
from dcarbon.domain.errors import DCarbonError, ProviderUnavailable

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)


def open_collection(
    session: Session,
    authorization_id: UUID,
    *,
    reason: str,
    now: datetime,
    kind: str = "collect",
    start: datetime | None = None,
    end: datetime | None = None,
    requested_by: UUID | None = None,
) -> WorkOrder:
    """Ask for a collection; an open order of the same kind and window is returned instead."""
    same = session.scalar(
        select(WorkOrder).where(
            WorkOrder.authorization_id == authorization_id,
            WorkOrder.kind == kind,
            WorkOrder.done_at.is_(None),
            WorkOrder.window_start.is_not_distinct_from(start),
            WorkOrder.window_end.is_not_distinct_from(end),
        )
    )
    if same is not None:
        same.not_before = min(same.not_before, now)
        return same
    order = WorkOrder(
        id=new_id(),
        kind=kind,
        authorization_id=authorization_id,
        window_start=start,
        window_end=end,
        reason=reason,
        requested_by=requested_by,
        opened_at=now,
        not_before=now,
        progress={},
    )
    session.add(order)
    return order


def due(
    sessions: Sessions,
    *,
    now: datetime,
    limit: int = 500,
    kinds: Collection[str] = ("collect", "repull"),
) -> list[tuple[UUID, UUID, int]]:
    """Return ``(order id, authorization id, attempts)`` of the open orders that are due."""
    statement = open_orders(now=now).where(WorkOrder.kind.in_(kinds)).limit(limit)
    columns = statement.with_only_columns(
        WorkOrder.id, WorkOrder.authorization_id, WorkOrder.attempts
    )
    with sessions() as session:
        return [(row.id, row.authorization_id, row.attempts) for row in session.execute(columns)]


def back_off(attempts: int, error: DCarbonError) -> timedelta:
    """Return how long to wait before the next try: doubling with jitter, never sooner than told."""
    doubled = min(FIRST_WAIT * (1 << min(attempts, 12)), LONGEST_WAIT)
    jittered: timedelta = doubled * random.uniform(0.5, 1.0)  # noqa: S311 — spreads load, guards nothing
    told = error.retry_after if isinstance(error, ProviderUnavailable) else None
    return max(jittered, told) if told else jittered


def start_attempt(
    session: Session,
    authorization_id: UUID,
    *,
    order_id: UUID | None,
    run_id: str | None,
    now: datetime,
) -> SyncAttempt:
    """Write down that a try begins, before anything is asked of the provider."""
    attempt = SyncAttempt(
        id=new_id(),
        authorization_id=authorization_id,
        work_order_id=order_id,
        started_at=now,
        run_id=run_id,
    )
    session.add(attempt)
    return attempt


def close_order(session: Session, order_id: UUID, *, outcome: str, now: datetime) -> None:
    """Close an order: ``done``, ``given_up`` or ``cancelled``."""
    order = session.get_one(WorkOrder, order_id)
    order.done_at = now
    order.outcome = outcome


def postpone(session: Session, order_id: UUID, *, until: datetime, error: DCarbonError) -> None:
    """Put an order off; the sensor takes it up again when it is due."""
    order = session.get_one(WorkOrder, order_id)
    order.attempts += 1
    order.not_before = until
    order.last_error_code = error.code


def note_progress(sessions: Sessions, order_id: UUID | None, **progress: object) -> None:
    """Show people how far a collection is."""
    if order_id is None:
        return
    with sessions.begin() as session:
        order = session.get_one(WorkOrder, order_id)
        order.progress = {**order.progress, **progress}


def progress_of(order: WorkOrder | None) -> dict[str, object]:
    """Return how far a collection is; ``state`` is waiting, collecting, done or stopped."""
    if order is None:
        return {}
    if order.done_at is not None:
        return {**order.progress, "state": "done" if order.outcome == "done" else "stopped"}
    return {**order.progress, "state": "collecting" if order.progress else "waiting"}


def set_health(
    authorization: Authorization, health: str, *, code: str | None, now: datetime
) -> None:
    """Record sync health; ``since`` moves only when the health changes."""
    if authorization.sync_health != health:
        authorization.sync_health_since = now
    authorization.sync_health = health
    authorization.sync_health_code = code
