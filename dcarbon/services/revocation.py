"""Ending an authorization: here at once, then at the provider, asked again until it confirms.

How each provider is told stands in ``ending_at_provider``. After somebody at the facility has
withdrawn the consent nothing more is fetched, not even what is still outstanding, unless they
choose so. What is landed last, and when, is in ``final_landing``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import correlation
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    DCarbonError,
    InvalidInput,
    InvalidTransition,
    NotFound,
    ProviderUnavailable,
)
from dcarbon.domain.states import AuthStatus
from dcarbon.services import (
    audit,
    ending_at_provider,
    facilities,
    final_landing,
    grants,
    notices,
    work,
)
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.authorization_endings import (
    ENDED,
    ENDED_HERE_ONLY,
    EndReason,
    Revoked,
    end_here,
    ended_by,
    say,
    show,
)
from dcarbon.services.ending_at_provider import Ending
from dcarbon.services.runtime import Runtime

_BEHIND_AFTER = timedelta(hours=36)
"""A daily sync this old is late."""
_BLOCKED_RETRY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class EndOutcome:
    """How one try to end an authorization at its provider went. ``error`` is never ours."""

    order_id: UUID
    authorization_id: UUID | None
    is_confirmed: bool
    error: DCarbonError | None = None


def revoke(
    runtime: Runtime,
    authorization_id: UUID,
    *,
    actor: Actor,
    reason: str = "",
    land_first: bool = False,
) -> Revoked:
    """End an authorization here at once and ask for its end at the provider. All who have a role
    at the facility may, and administrators with a reason; everybody there is told by mail.

    ``reason`` is kept with the work order and stands in the mail. ``land_first``: somebody at
    the facility lets us land what is outstanding before the provider is told; when an administrator
    ends it that is always done, for the customer's consent still stands.

    Raises :class:`NotFound` for somebody else's, :class:`InvalidTransition` for one that is revoked
    already, :class:`InvalidInput` (``reason_needed``) when an administrator gives none.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = session.get(Authorization, authorization_id, with_for_update=True)
        if row is None:
            raise NotFound("no such authorization")
        facilities.get(session, row.facility_id, actor=actor)
        by = ended_by(session, row.facility_id, actor)
        is_admins = by == "admin"
        if is_admins and not reason.strip():
            raise InvalidInput("an administrator ends with a reason", code="reason_needed")
        was_authorized = row.status == AuthStatus.AUTHORIZED
        ended = end_here(
            session,
            row,
            actor=actor,
            why=EndReason.ENDED_BY_ADMIN if is_admins else EndReason.WITHDRAWN,
            reason=reason,
            is_final=was_authorized and (is_admins or land_first),
            by=by,
            now=now,
        )
        show(session, row)
        notices.access_ended(
            session,
            row,
            by=by,
            reason=reason.strip(),
            public_url=runtime.settings.public_url,
            now=now,
        )
        return ended


def end_at_provider(runtime: Runtime, order_id: UUID) -> EndOutcome:
    """Tell the provider that an authorization has ended; once confirmed, destroy our tokens.

    An order that is ``final`` lands what is new first, for a day at most. A failure of the
    provider's is stored, with when to try again, and returned; ours is raised. An order that is
    closed already counts as confirmed. Raises :class:`NotFound`.
    """
    with runtime.sessions() as session:
        order = session.get(WorkOrder, order_id)
        if order is None or order.kind != "revoke":
            raise NotFound("no such order")
        if order.done_at is not None:
            return EndOutcome(order_id, order.authorization_id, is_confirmed=True)
        row = session.get_one(Authorization, order.authorization_id)
    try:
        with correlation.following(order.correlation_id, order=order_id, authorization=row.id):
            final_landing.require_landed(runtime, order)
            ending = ending_at_provider.end(runtime, row)
    except DCarbonError as error:
        if error.is_ours:
            raise
        _postpone(runtime, order_id, error)
        return EndOutcome(order_id, row.id, is_confirmed=False, error=error)
    _confirmed(runtime, order_id, ending)
    return EndOutcome(order_id, row.id, is_confirmed=True)


def collect_first(runtime: Runtime, facility_id: UUID, *, actor: Actor) -> None:
    """Ask for the newest readings before the access is ended.

    Raises :class:`NotFound`, :class:`InvalidInput` (a role that may not authorise) and
    :class:`InvalidTransition` where no authorization is in force.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        facilities.require_may_authorize(session, facility_id, actor=actor)
        row = session.scalar(
            select(Authorization).where(
                Authorization.facility_id == facility_id,
                Authorization.status == AuthStatus.AUTHORIZED,
            )
        )
        if row is None:
            raise InvalidTransition(
                "not authorized",
                code="not_authorized",
            )
        work.open_collection(
            session,
            row.id,
            reason="the newest readings, before access ends",
            requested_by=actor.person_id,
            now=now,
        )
        audit.record(
            session,
            AuditEvent.COLLECTION_REQUESTED,
            actor=actor,
            at=now,
            facility_id=facility_id,
            authorization_id=row.id,
        )


def is_behind(session: Session, row: Authorization, *, now: datetime) -> bool:
    """Say whether readings are outstanding: a collection is under way, or the last one is old."""
    if row.status != AuthStatus.AUTHORIZED:
        return False
    if row.last_sync is None or now - row.last_sync > _BEHIND_AFTER:
        return True
    waiting = select(WorkOrder.id).where(
        WorkOrder.authorization_id == row.id,
        WorkOrder.kind.in_(work.COLLECTING),
        WorkOrder.done_at.is_(None),
    )
    return session.scalar(waiting.limit(1)) is not None


def _confirmed(runtime: Runtime, order_id: UUID, ending: Ending) -> None:
    now = runtime.now()
    with runtime.sessions.begin() as session:
        order = session.get_one(WorkOrder, order_id, with_for_update=True)
        if order.done_at is not None:
            return
        row = session.get_one(Authorization, order.authorization_id, with_for_update=True)
        grants.destroy(session, row.id, now=now)
        is_offered = ending is not Ending.NOT_OFFERED
        say(row, ENDED if is_offered else ENDED_HERE_ONLY)
        work.close_order(session, order_id, outcome="done" if is_offered else "given_up", now=now)
        audit.record(
            session,
            AuditEvent.AUTHORIZATION_ENDED_AT_PROVIDER,
            actor=SYSTEM,
            at=now,
            facility_id=row.facility_id,
            authorization_id=row.id,
            how=ending.value,
            attempts=order.attempts + 1,
        )


def _postpone(runtime: Runtime, order_id: UUID, error: DCarbonError) -> None:
    with runtime.sessions.begin() as session:
        order = session.get_one(WorkOrder, order_id, with_for_update=True)
        until = runtime.now() + _wait(order.attempts, error)
        work.postpone(session, order_id, until=until, error=error)


def _wait(attempts: int, error: DCarbonError) -> timedelta:
    if isinstance(error, ProviderUnavailable):
        return work.back_off(attempts, error)
    return _BLOCKED_RETRY if isinstance(error, ClientCredentialsRejected) else work.LONGEST_WAIT
