"""Work orders: asking the pipelines for something, taking it up, and saying what came of it."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.work_orders import SyncAttempt, WorkOrder, open_orders
from dcarbon.domain.errors import DCarbonError, ProviderPaused, ProviderUnavailable

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)
SPREAD = timedelta(seconds=30)
"""Those that were told the same moment do not come back in the same one."""
FIRST_LOOK = timedelta(seconds=20)
LONGEST_LOOK = timedelta(minutes=30)
LONGEST_RUN = timedelta(hours=1)
"""Dagster ends a run that takes longer: an attempt open for longer has no process any more."""
RESUME = "resume"
"""In an order's progress: what a collection goes on from. For us, not for people."""
SYNC_RETRY = "the sync did not finish"
COLLECTING = ("collect", "repull")
"""Kinds of orders that bring readings."""


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


def open_retry(
    session: Session,
    authorization_id: UUID,
    *,
    window: tuple[datetime, datetime] | tuple[None, None],
    error_code: str | None,
    not_before: datetime,
    now: datetime,
) -> None:
    """Ask for a collection that a sync began; not when an order that brings the same is open.

    Without a ``window`` the newest readings are wanted, and any open collection brings them.
    """
    start, end = window
    wanted = WorkOrder.kind == ("repull" if start else "collect")
    if start:
        wanted = and_(wanted, WorkOrder.window_start <= start, WorkOrder.window_end >= end)
    same = select(WorkOrder.id).where(
        WorkOrder.authorization_id == authorization_id, WorkOrder.done_at.is_(None), wanted
    )
    if session.scalar(same.limit(1)) is not None:
        return
    session.add(
        WorkOrder(
            id=new_id(),
            kind="repull" if start else "collect",
            authorization_id=authorization_id,
            window_start=start,
            window_end=end,
            reason=SYNC_RETRY,
            opened_at=now,
            not_before=not_before,
            attempts=1,
            last_error_code=error_code,
            progress={},
        )
    )


def close_retries(
    session: Session, authorization_id: UUID, *, before: datetime, now: datetime
) -> None:
    """Close the orders that failed syncs opened ``before`` a time: another one has brought what
    they were for.
    """
    session.execute(
        update(WorkOrder)
        .where(
            WorkOrder.authorization_id == authorization_id,
            WorkOrder.done_at.is_(None),
            WorkOrder.kind == "collect",
            WorkOrder.reason == SYNC_RETRY,
            WorkOrder.opened_at < before,
        )
        .values(done_at=now, outcome="done")
    )


def due(
    sessions: Sessions,
    *,
    now: datetime,
    limit: int = 500,
    kinds: Collection[str] = COLLECTING,
) -> list[tuple[UUID, UUID, int]]:
    """Return ``(order id, authorization id, attempts)`` of the open orders that are due."""
    statement = open_orders(now=now).where(WorkOrder.kind.in_(kinds)).limit(limit)
    columns = statement.with_only_columns(
        WorkOrder.id, WorkOrder.authorization_id, WorkOrder.attempts
    )
    with sessions() as session:
        return [(row.id, row.authorization_id, row.attempts) for row in session.execute(columns)]


def followed_from(sessions: Sessions, order_ids: Collection[UUID]) -> Mapping[UUID, str]:
    """Return the id of the request or run behind each of these orders that has one."""
    columns = select(WorkOrder.id, WorkOrder.correlation_id)
    wanted = columns.where(WorkOrder.id.in_(order_ids), WorkOrder.correlation_id.is_not(None))
    with sessions() as session:
        return {row.id: row.correlation_id for row in session.execute(wanted)}


def back_off(attempts: int, error: DCarbonError) -> timedelta:
    """Return how long to wait before the next try: doubling with jitter, never sooner than told.

    Where the provider is left alone for everybody, the pause decides: this order was not asked for.
    """
    told = error.retry_after if isinstance(error, ProviderUnavailable) else None
    spread = told + SPREAD * random.random() if told else timedelta()  # noqa: S311 — guards nothing
    if isinstance(error, ProviderPaused) and told:
        return spread
    doubled = min(FIRST_WAIT * (1 << min(attempts, 12)), LONGEST_WAIT)
    jittered: timedelta = doubled * random.uniform(0.5, 1.0)  # noqa: S311 — spreads load, guards nothing
    return max(jittered, spread)


def look_again(attempts: int) -> timedelta:
    """Return how long to leave a provider in peace that still prepares an answer, with jitter."""
    doubled = min(FIRST_LOOK * (1 << min(attempts, 12)), LONGEST_LOOK)
    jittered: timedelta = doubled * random.uniform(0.8, 1.0)  # noqa: S311 — spreads load, guards nothing
    return jittered


def close_abandoned(
    session: Session, authorization_id: UUID, *, order_id: UUID | None, now: datetime
) -> None:
    """Close the attempts whose process is gone: of this order (it has one run at a time), or older
    than any run may become.
    """
    is_gone = SyncAttempt.started_at < now - LONGEST_RUN
    if order_id is not None:
        is_gone = or_(is_gone, SyncAttempt.work_order_id == order_id)
    session.execute(
        update(SyncAttempt)
        .where(
            SyncAttempt.authorization_id == authorization_id,
            SyncAttempt.finished_at.is_(None),
            is_gone,
        )
        .values(finished_at=now, error_code="run_ended")
        .execution_options(synchronize_session=False)
    )


def close_all_abandoned(session: Session, now: datetime) -> int:
    """Close the attempts that are older than any run may become; return how many.

    The next attempt of an authorization does so too: this is for those that have no next one.
    """
    result = session.execute(
        update(SyncAttempt)
        .where(SyncAttempt.finished_at.is_(None), SyncAttempt.started_at < now - LONGEST_RUN)
        .values(finished_at=now, error_code="run_ended")
        .returning(SyncAttempt.id)
        .execution_options(synchronize_session=False)
    )
    return len(result.all())


def start_attempt(
    session: Session,
    authorization_id: UUID,
    *,
    order_id: UUID | None,
    run_id: str | None,
    now: datetime,
    sync_key: str | None = None,
) -> SyncAttempt:
    """Write down that a try begins, before anything is asked of the provider."""
    attempt = SyncAttempt(
        id=new_id(),
        authorization_id=authorization_id,
        work_order_id=order_id,
        started_at=now,
        run_id=run_id,
        sync_key=sync_key,
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


def latest_collection(session: Session, authorization_id: UUID) -> WorkOrder | None:
    """Return the collection that was asked for last, open or not."""
    return session.scalar(
        select(WorkOrder)
        .where(WorkOrder.authorization_id == authorization_id, WorkOrder.kind.in_(COLLECTING))
        .order_by(WorkOrder.id.desc())
        .limit(1)
    )


def progress_of(order: WorkOrder | None) -> dict[str, object]:
    """Return how far a collection is; ``state`` is waiting, collecting, done or stopped."""
    if order is None:
        return {}
    shown = {name: value for name, value in order.progress.items() if name != RESUME}
    if order.done_at is not None:
        return {**shown, "state": "done" if order.outcome == "done" else "stopped"}
    return {**shown, "state": "collecting" if shown else "waiting"}


def set_health(
    authorization: Authorization, health: str, *, code: str | None, now: datetime
) -> None:
    """Record sync health; ``since`` moves only when the health changes."""
    if authorization.sync_health != health:
        authorization.sync_health_since = now
    authorization.sync_health = health
    authorization.sync_health_code = code
