"""Retrying or ending many authorizations: asked for once, done one by one, followed to the end.

What is asked for is stored first, so that whoever comes by goes on with it: the page that shows it,
and a sensor when nobody looks. Each authorization is a transaction of its own; one that cannot be
done undoes no other. The lock on its item is held meanwhile: two who go on never do the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import bulk_actions
from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.bulk_actions import BulkAction, BulkActionItem
from dcarbon.db.people import Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.bulk_actions import BulkKind, Effect
from dcarbon.domain.errors import DCarbonError, InvalidInput, NotFound
from dcarbon.services import audit, retrying, revocation
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.authorization_lists import require_admin
from dcarbon.services.bulk_previews import require_some
from dcarbon.services.runtime import Runtime

AT_ONCE = 50
"""So many are done while somebody waits for the page: about a second."""


def start(
    runtime: Runtime,
    kind: BulkKind,
    authorization_ids: Sequence[UUID],
    *,
    actor: Actor,
    reason: str = "",
) -> UUID:
    """Store that all of these are to be retried or ended, and return the id of the action.

    Nothing is done to them yet: :func:`go_on` does it. Ids that name nothing are left out. Others
    than administrators get :class:`NotFound`. Raises :class:`InvalidInput` (``bulk_empty``,
    ``bulk_too_many``, and ``reason_needed`` where access is to be ended).
    """
    require_admin(actor)
    reason = reason.strip()
    if kind is BulkKind.REVOKE and not reason:
        raise InvalidInput("accesses are ended with a reason", code="reason_needed")
    wanted = require_some(authorization_ids)
    now, identity = runtime.now(), new_id()
    with runtime.sessions.begin() as session:
        known = set(session.scalars(select(Authorization.id).where(Authorization.id.in_(wanted))))
        taken = require_some([each for each in wanted if each in known])
        action = BulkAction(
            id=identity,
            kind=kind.value,
            reason=reason,
            requested_by=actor.person_id,
            requested_at=now,
        )
        session.add(action)
        session.flush()
        session.add_all(
            BulkActionItem(bulk_action_id=identity, authorization_id=each, place=place)
            for place, each in enumerate(taken)
        )
        audit.record(
            session,
            AuditEvent.BULK_ACTION_REQUESTED,
            actor=actor,
            at=now,
            bulk_action_id=str(identity),
            action=kind.value,
            authorizations=len(taken),
        )
    return identity


def go_on(runtime: Runtime, bulk_action_id: UUID, *, most: int = AT_ONCE) -> bool:
    """Do up to ``most`` of an action, as whoever asked for it; say whether all is done.

    Raises :class:`NotFound`.
    """
    for _ in range(most):
        if not _do_next(runtime, bulk_action_id):
            break
    return _finish(runtime, bulk_action_id)


def go_on_with_all(runtime: Runtime) -> int:
    """Go on with every action that is not finished, and return how many there were."""
    with runtime.sessions() as session:
        unfinished = [action.id for action in bulk_actions.open_actions(session)]
    for identity in unfinished:
        go_on(runtime, identity)
    return len(unfinished)


def _do_next(runtime: Runtime, bulk_action_id: UUID) -> bool:
    with runtime.sessions.begin() as session:
        action = session.get(BulkAction, bulk_action_id)
        if action is None:
            raise NotFound("no such bulk action")
        item = bulk_actions.take_next(session, bulk_action_id)
        if item is None:
            return False
        actor = _whoever_asked(session, action)
        try:
            item.code = _done(runtime, action, item.authorization_id, actor=actor).value
            item.outcome = "done"
        except DCarbonError as error:
            if error.is_ours:
                raise
            item.outcome, item.code = "refused", error.code
        item.done_at = runtime.now()
    return True


def _done(runtime: Runtime, action: BulkAction, authorization_id: UUID, *, actor: Actor) -> Effect:
    if action.kind == BulkKind.RETRY:
        retried = retrying.retry(runtime, authorization_id, actor=actor)
        return Effect(retried.by.value) if retried.by else Effect.REPEATED
    ended = revocation.revoke(runtime, authorization_id, actor=actor, reason=action.reason)
    return Effect.TELLING if ended.is_ending_at_provider else Effect.ENDING_HERE


def _whoever_asked(session: Session, action: BulkAction) -> Actor:
    """Return who asked, with the rights they have now."""
    if action.requested_by is None:
        return SYSTEM
    person = session.get_one(Person, action.requested_by)
    return Actor(person.id, is_admin=person.is_admin)


def _finish(runtime: Runtime, bulk_action_id: UUID) -> bool:
    with runtime.sessions.begin() as session:
        action = session.get(BulkAction, bulk_action_id, with_for_update=True)
        if action is None:
            raise NotFound("no such bulk action")
        if action.finished_at is not None:
            return True
        left = select(BulkActionItem.place).where(
            BulkActionItem.bulk_action_id == bulk_action_id, BulkActionItem.done_at.is_(None)
        )
        if session.scalar(left.limit(1)) is not None:
            return False
        action.finished_at = runtime.now()
    return True
