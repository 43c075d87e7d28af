"""Starting an authorization again after it failed, and clearing away attempts nobody finished.

A consent can only be given by a person at the utility: retrying asks the right one for it, by mail.
Where the consent stands and only the collecting is held up, the collecting is tried again at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, aliased

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.facilities import FacilityRole
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import AuthorizationDeclined, InvalidTransition, NotFound
from dcarbon.domain.states import AuthStatus, SyncHealth, require_move
from dcarbon.services import audit, authorization_endings, facilities, notices, work
from dcarbon.services import authorization_records as records
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import MAY_AUTHORIZE
from dcarbon.services.runtime import Runtime

ONCE_WITHIN = timedelta(minutes=1)
"""A second click within this time is the same retry."""
RETURN_TAKES = timedelta(minutes=5)
"""A return older than this is not under way any more: the utility is not waited for so long."""
_MOST_AT_ONCE = 1_000


class RetriedBy(StrEnum):
    """How an authorization was started again."""

    ASKING = "asking"
    """Whoever may authorise was asked by mail to do it again."""
    LOOKING_AGAIN = "looking_again"
    """The consent was given and the provider has not made the authorization yet."""
    COLLECTING = "collecting"
    """The consent stands: the readings are collected at once."""


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry did. ``by`` is ``None`` when the same was asked for within a minute."""

    authorization_id: UUID
    facility_id: UUID
    status: str
    retries: int
    by: RetriedBy | None


@dataclass(frozen=True, slots=True)
class RetryPreview:
    """What a retry would do. ``asks`` are the people who would get a mail."""

    authorization_id: UUID
    by: RetriedBy
    asks: tuple[UUID, ...]


def retry(runtime: Runtime, authorization_id: UUID, *, actor: Actor) -> Retried:
    """Start an authorization again: for administrators and whoever may authorise the facility.

    ``failed`` becomes ``pending``; ``expired`` stays until somebody authorises; one that is
    authorized and held up is collected at once. Its success is the usual one: ``authorized``, then
    ``last_sync``. Asked for twice within a minute, it is done once.

    Raises :class:`NotFound`, :class:`InvalidInput` (``operator_needed``) and
    :class:`InvalidTransition` (``ended_on_purpose``, ``nothing_to_retry``, ``already_authorized``,
    ``nobody_may_authorize``).
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = session.get(Authorization, authorization_id, with_for_update=True)
        if row is None:
            raise NotFound("no such authorization")
        facilities.require_may_authorize(session, row.facility_id, actor=actor)
        if row.retried_at is not None and now - row.retried_at < ONCE_WITHIN:
            return Retried(row.id, row.facility_id, row.status, row.retries, None)
        was = row.status
        by = _start_again(runtime, session, row, actor=actor, now=now)
        row.retries, row.retried_at = row.retries + 1, now
        audit.record(
            session,
            AuditEvent.AUTHORIZATION_RETRIED,
            actor=actor,
            at=now,
            facility_id=row.facility_id,
            authorization_id=row.id,
            was=was,
            by=by.value,
            retries=row.retries,
        )
        return Retried(row.id, row.facility_id, row.status, row.retries, by)


def preview(session: Session, authorization_id: UUID, *, actor: Actor) -> RetryPreview:
    """Say what a retry would do now. Changes nothing, and raises what :func:`retry` would raise."""
    row = session.get(Authorization, authorization_id)
    if row is None:
        raise NotFound("no such authorization")
    facilities.require_may_authorize(session, row.facility_id, actor=actor)
    by = _way(session, row)
    asked = _who_may_authorize(session, row) if by is RetriedBy.ASKING else ()
    return RetryPreview(row.id, by, tuple(asked))


def sweep_unanswered(runtime: Runtime) -> int:
    """Let pending authorizations fail whose latest attempt nobody came back from in time, or whose
    return was cut off on our side; tell who started it. Returns how many.

    One that waits for something else stays: for the provider, with an open work order, or for
    somebody who was asked again after the attempt.
    """
    now = runtime.now()
    with runtime.sessions() as session:
        found = session.execute(_unanswered(now)).all()
    return sum(_fail_unanswered(runtime, attempt, identity, now=now) for attempt, identity in found)


def _start_again(
    runtime: Runtime, session: Session, row: Authorization, *, actor: Actor, now: datetime
) -> RetriedBy:
    by = _way(session, row)
    if by is RetriedBy.ASKING:
        _ask_again(runtime, session, row, now=now)
    else:
        _collect_at_once(session, row, actor=actor, now=now)
    return by


def _way(session: Session, row: Authorization) -> RetriedBy:
    """Return how an authorization is started again. Raises :class:`InvalidTransition`."""
    if row.status == AuthStatus.REVOKED:
        raise InvalidTransition("revoked", code="ended_on_purpose")
    if row.status == AuthStatus.AUTHORIZED:
        if row.sync_health == SyncHealth.OK:
            raise InvalidTransition("authorized and in good health", code="nothing_to_retry")
        return RetriedBy.COLLECTING
    if records.is_another_in_force(session, row):
        raise InvalidTransition("another is authorized", code="already_authorized")
    if row.status == AuthStatus.PENDING and session.scalar(_collections(row.id).limit(1)):
        return RetriedBy.LOOKING_AGAIN
    if not _who_may_authorize(session, row):
        raise InvalidTransition("no operator", code="nobody_may_authorize")
    return RetriedBy.ASKING


def _ask_again(runtime: Runtime, session: Session, row: Authorization, *, now: datetime) -> None:
    notices.authorization_retry(
        session,
        row,
        to=_who_may_authorize(session, row),
        reason=row.reason or "",
        public_url=runtime.settings.public_url,
        now=now,
    )
    if row.status == AuthStatus.FAILED:
        require_move(AuthStatus.FAILED, AuthStatus.PENDING)
        row.status, row.status_at = AuthStatus.PENDING, now
        row.reason_code = row.reason = None
        authorization_endings.show(session, row)


def _who_may_authorize(session: Session, row: Authorization) -> list[UUID]:
    """Return who asked for it first, if they still may, else everybody at the facility who may."""
    people = list(
        session.scalars(
            select(FacilityRole.person_id).where(
                FacilityRole.facility_id == row.facility_id, FacilityRole.role.in_(MAY_AUTHORIZE)
            )
        )
    )
    return [row.requested_by] if row.requested_by in people else people


def _collect_at_once(session: Session, row: Authorization, *, actor: Actor, now: datetime) -> None:
    """Put orders that are due now in the place of those that were put off: the waiting between
    tries begins small again, and how far they came is kept.
    """
    orders = _open_collections(session, row.id)
    for old in orders:
        if old.attempts == 0 and old.not_before <= now:
            continue  # on its way already
        old.done_at, old.outcome = now, "cancelled"
        session.flush()
        order = work.open_collection(
            session,
            row.id,
            reason=old.reason,
            kind=old.kind,
            start=old.window_start,
            end=old.window_end,
            requested_by=actor.person_id,
            now=now,
        )
        order.progress = old.progress
    if not orders:
        work.open_collection(
            session, row.id, reason="retried", requested_by=actor.person_id, now=now
        )


def _open_collections(session: Session, authorization_id: UUID) -> list[WorkOrder]:
    orders = _collections(authorization_id).order_by(WorkOrder.id)
    return list(session.scalars(orders.with_for_update()))


def _collections(authorization_id: UUID) -> Select[WorkOrder]:
    return select(WorkOrder).where(
        WorkOrder.authorization_id == authorization_id,
        WorkOrder.kind.in_(work.COLLECTING),
        WorkOrder.done_at.is_(None),
    )


def _unanswered(now: datetime) -> Select[UUID, UUID]:
    """Select the latest attempts of pending authorizations that were left open and are over."""
    attempt, later = AuthorizationSession, aliased(AuthorizationSession)
    newer = exists().where(
        later.authorization_id == attempt.authorization_id, later.id > attempt.id
    )
    is_awaited = exists().where(
        WorkOrder.authorization_id == attempt.authorization_id, WorkOrder.done_at.is_(None)
    )
    return (
        select(attempt.id, attempt.authorization_id)
        .join(Authorization, Authorization.id == attempt.authorization_id)
        .where(
            Authorization.status == AuthStatus.PENDING,
            attempt.error_code.is_(None),
            attempt.referral.is_(None),
            attempt.expires_at <= now,
            attempt.consumed_at.is_(None) | (attempt.consumed_at <= now - RETURN_TAKES),
            Authorization.retried_at.is_(None) | (Authorization.retried_at < attempt.created_at),
            ~newer,
            ~is_awaited,
        )
        .order_by(attempt.id)
        .limit(_MOST_AT_ONCE)
    )


def _fail_unanswered(
    runtime: Runtime, attempt_id: UUID, authorization_id: UUID, *, now: datetime
) -> bool:
    with runtime.sessions.begin() as session:
        attempt = session.get_one(AuthorizationSession, attempt_id, with_for_update=True)
        row = session.get_one(Authorization, authorization_id, with_for_update=True)
        if attempt.error_code is not None or row.status != AuthStatus.PENDING:
            return False
        if attempt.consumed_at is not None and attempt.consumed_at > now - RETURN_TAKES:
            return False  # somebody came back a moment ago
        error = (
            AuthorizationDeclined("nobody came back", code="nobody_came_back")
            if attempt.consumed_at is None
            else AuthorizationDeclined("the return was cut off", code="return_cut_off")
        )
        attempt.consumed_at = attempt.consumed_at or now
        attempt.error_code, attempt.error_message = error.code, error.display_message
        records.mark_failed(runtime, session, row, error, actor=SYSTEM, now=now)
        return True
