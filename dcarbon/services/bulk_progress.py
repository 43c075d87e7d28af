"""How far bulk actions have come: what was done to each, and whether its provider confirmed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import authorization_lists as lists
from dcarbon.db import bulk_actions
from dcarbon.db.bulk_actions import BulkAction, BulkActionItem
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.admin_status import AdminStatus
from dcarbon.domain.bulk_actions import IN_MOTION, BulkKind, Effect, Stage
from dcarbon.domain.errors import NotFound
from dcarbon.services import work
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_endings import ENDED
from dcarbon.services.authorization_lists import ListedAuthorization, require_admin, shown

_BY_COLLECTING = frozenset({Effect.COLLECTING, Effect.LOOKING_AGAIN})


@dataclass(frozen=True, slots=True)
class ItemProgress:
    """One authorization of the action as it stands now."""

    authorization: ListedAuthorization
    stage: Stage
    code: str | None
    """Why it was refused; or of one that waits, why the last try did not succeed."""
    next_try_at: datetime | None
    tries: int


@dataclass(frozen=True, slots=True)
class BulkProgress:
    """A bulk action with all its authorizations. Times are UTC."""

    id: UUID
    kind: BulkKind
    reason: str
    requested_by: str | None
    """The name or address of whoever asked."""
    requested_at: datetime
    finished_at: datetime | None
    """When all was asked for here; providers may take longer."""
    items: tuple[ItemProgress, ...]
    by_stage: Mapping[Stage, int]

    @property
    def settled(self) -> int:
        """How many nothing will change at by itself."""
        return sum(count for stage, count in self.by_stage.items() if stage not in IN_MOTION)

    @property
    def is_in_motion(self) -> bool:
        return self.settled < len(self.items)


def of(session: Session, bulk_action_id: UUID, *, actor: Actor, now: datetime) -> BulkProgress:
    """Return a bulk action as it stands. Others than administrators get :class:`NotFound`."""
    require_admin(actor)
    action = session.get(BulkAction, bulk_action_id)
    if action is None:
        raise NotFound("no such bulk action")
    items = {each.authorization_id: each for each in bulk_actions.items_of(session, action.id)}
    found = lists.rows(session, list(items))
    orders = _open_orders(session, action.kind, list(items))
    progress = tuple(
        _progress(shown(one, now=now), items[one.authorization.id], orders) for one in found
    )
    person = session.get(Person, action.requested_by) if action.requested_by else None
    return BulkProgress(
        id=action.id,
        kind=BulkKind(action.kind),
        reason=action.reason,
        requested_by=(person.name or person.email) if person else None,
        requested_at=action.requested_at,
        finished_at=action.finished_at,
        items=progress,
        by_stage=Counter(one.stage for one in progress),
    )


def unfinished(session: Session, *, actor: Actor) -> Sequence[BulkAction]:
    """Return the actions of which some are still to be done, oldest first."""
    require_admin(actor)
    return bulk_actions.open_actions(session)


def _open_orders(
    session: Session, kind: str, authorization_ids: Sequence[UUID]
) -> dict[UUID, WorkOrder]:
    kinds = ("revoke",) if kind == BulkKind.REVOKE else work.COLLECTING
    rows = session.scalars(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id.in_(authorization_ids),
            WorkOrder.kind.in_(kinds),
            WorkOrder.done_at.is_(None),
        )
        .order_by(WorkOrder.id)
    )
    return {row.authorization_id: row for row in rows}


def _progress(
    one: ListedAuthorization, item: BulkActionItem, orders: Mapping[UUID, WorkOrder]
) -> ItemProgress:
    if item.outcome == "refused":
        return ItemProgress(one, Stage.REFUSED, item.code, None, 0)
    order = orders.get(one.id)
    if item.done_at is None or item.code is None:
        return ItemProgress(one, Stage.NOT_YET, None, None, 0)
    stage = _stage(one, Effect(item.code), is_order_open=order is not None)
    if order is None or stage not in IN_MOTION:
        return ItemProgress(one, stage, None, None, 0)
    return ItemProgress(one, stage, order.last_error_code, order.not_before, order.attempts)


def _stage(one: ListedAuthorization, effect: Effect, *, is_order_open: bool) -> Stage:
    if effect in {Effect.TELLING, Effect.ENDING_HERE}:
        if one.status is AdminStatus.ENDING:
            return Stage.WAITING_FOR_PROVIDER
        return Stage.CONFIRMED if one.reason_code == ENDED else Stage.ENDED_HERE
    if effect in _BY_COLLECTING and is_order_open:
        return Stage.COLLECTING
    if effect is Effect.ASKING and one.status is not AdminStatus.ACTIVE:
        return Stage.WAITING_FOR_CUSTOMER
    return Stage.DONE
