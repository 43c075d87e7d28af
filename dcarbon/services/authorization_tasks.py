"""What is under way for one authorization, until it is over: collecting, fetching again, renewing,
ending at the provider, and waiting for a person who was asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain import texts
from dcarbon.domain.states import AuthStatus
from dcarbon.domain.text import Text
from dcarbon.services import role_names, work
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_timeline import SYSTEM_NAME, UNKNOWN_NAME

SHOWN_FOR = timedelta(days=1)
"""What is over stays in sight for this long."""
_MOST = 20


class TaskState(StrEnum):
    WAITING = "waiting"
    """Due, and not begun yet; or a person is waited for."""
    WORKING = "working"
    PUT_OFF = "put_off"
    """It did not go, or the provider is not ready: tried again by itself at ``next_try_at``."""
    DONE = "done"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing under way, or over for less than a day. Times are UTC."""

    id: UUID
    kind: str
    """Of the work order; ``ask``: a person was asked to authorize again."""
    state: TaskState
    asked_by: str
    asked_at: datetime
    over_at: datetime | None
    start: datetime | None
    end: datetime | None
    attempts: int
    next_try_at: datetime | None
    code: str | None
    error: Text | None
    progress: Mapping[str, Any]
    run_id: str | None
    outcome: str | None
    is_due: bool

    @property
    def is_over(self) -> bool:
        return self.over_at is not None

    @property
    def is_moving(self) -> bool:
        """Something may happen within seconds."""
        return not self.is_over and (self.is_due or self.state is TaskState.WORKING)

    @property
    def percent(self) -> int | None:
        """How much of the days asked for is here, ``None`` while nothing can be said."""
        wanted, days = self.progress.get("days_wanted"), self.progress.get("days_in")
        if self.state is TaskState.DONE:
            return 100
        if not isinstance(wanted, int) or not isinstance(days, int) or not wanted:
            return None
        return min(99, days * 100 // wanted)


def of(session: Session, row: Authorization, *, actor: Actor, now: datetime) -> tuple[Task, ...]:
    """Return what is under way, then what is over, newest first. The caller checked who asks."""
    orders = session.scalars(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id == row.id,
            or_(WorkOrder.done_at.is_(None), WorkOrder.done_at > now - SHOWN_FOR),
        )
        .order_by(WorkOrder.done_at.is_(None).desc(), WorkOrder.id.desc())
        .limit(_MOST)
    ).all()
    names = role_names.of(
        session, {one.requested_by for one in orders}, facility_id=row.facility_id, actor=actor
    )
    runs = _runs(session, [one.id for one in orders])
    tasks = [_task(one, names, runs.get(one.id), now=now) for one in orders]
    is_looked_for = any(one.done_at is None for one in orders)
    asked = None if is_looked_for else _asked(session, row)
    return tuple([asked, *tasks] if asked else tasks)


def _task(
    order: WorkOrder,
    names: Mapping[UUID, str],
    attempt: tuple[str | None, bool] | None,
    *,
    now: datetime,
) -> Task:
    run_id, is_running = attempt or (None, False)
    progress = work.progress_of(order)
    is_open, is_due = order.done_at is None, order.not_before <= now
    is_failing = is_open and order.attempts > 0 and not is_running
    return Task(
        id=order.id,
        kind=order.kind,
        state=_state(order, is_running=is_running, is_due=is_due),
        asked_by=names.get(order.requested_by, UNKNOWN_NAME) if order.requested_by else SYSTEM_NAME,
        asked_at=order.opened_at,
        over_at=order.done_at,
        start=order.window_start,
        end=order.window_end,
        attempts=order.attempts,
        next_try_at=order.not_before if is_open and not is_due else None,
        code=order.last_error_code if is_failing else None,
        error=texts.of(order.last_error_code) if is_failing and order.last_error_code else None,
        progress={name: value for name, value in progress.items() if name != "state"},
        run_id=run_id,
        outcome=order.outcome,
        is_due=is_open and is_due,
    )


def _state(order: WorkOrder, *, is_running: bool, is_due: bool) -> TaskState:
    if order.done_at is not None:
        return TaskState.STOPPED if order.outcome == "cancelled" else TaskState.DONE
    if is_running:
        return TaskState.WORKING
    return TaskState.WAITING if is_due else TaskState.PUT_OFF


def _runs(session: Session, order_ids: list[UUID]) -> dict[UUID, tuple[str | None, bool]]:
    """Return the run of each order's last attempt, and whether that attempt goes on."""
    last = (
        select(SyncAttempt.work_order_id, SyncAttempt.run_id, SyncAttempt.finished_at)
        .where(SyncAttempt.work_order_id.in_(order_ids))
        .order_by(SyncAttempt.id)
    )
    return {
        order_id: (run_id, finished_at is None)
        for order_id, run_id, finished_at in session.execute(last)
        if order_id is not None
    }


def _asked(session: Session, row: Authorization) -> Task | None:
    """Return the wait for somebody who was asked by mail to authorize again, while it lasts."""
    if row.retried_at is None or row.retried_at < row.status_at:
        return None
    if row.status not in {AuthStatus.PENDING, AuthStatus.EXPIRED}:
        return None
    begun = session.scalar(
        select(AuthorizationSession)
        .where(
            AuthorizationSession.authorization_id == row.id,
            AuthorizationSession.created_at >= row.retried_at,
        )
        .order_by(AuthorizationSession.id.desc())
        .limit(1)
    )
    is_there = begun is not None and begun.error_code is None
    return Task(
        id=row.id,
        kind="ask",
        state=TaskState.WORKING if is_there else TaskState.WAITING,
        asked_by=SYSTEM_NAME,
        asked_at=row.retried_at,
        over_at=None,
        start=None,
        end=None,
        attempts=row.retries,
        next_try_at=None,
        code=None,
        error=None,
        progress={},
        run_id=None,
        outcome=None,
        is_due=False,
    )
