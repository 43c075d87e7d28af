"""Ending an authorization in our own records: its status, what was under way, what is left to do.

Who may end one, and how the provider is told, is in ``revocation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import (
    Authorization,
    AuthorizationSession,
    current_grant,
    shard_of,
)
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import texts
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.states import AuthMethod, AuthStatus, require_move
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import audit, facilities, grants, work
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime

ENDING = "ending_at_provider"
ENDED = "ended_at_provider"
ENDED_HERE_ONLY = "ended_here_only"
NOTHING_TO_END = "ended"


class EndReason(StrEnum):
    """Why an authorization ended: the code in the audit log."""

    WITHDRAWN = "withdrawn"
    """Somebody with a role at the facility ended it: the consent is gone."""
    ENDED_BY_ADMIN = "ended_by_admin"
    ENDED_AT_PROVIDER = "ended_at_provider"
    """The customer ended it on the utility's side, and we found it so."""
    PROVIDER_CHANGED = "provider_changed"
    NOT_WANTED = "not_wanted"
    """The consent came when nobody wanted it any more."""
    SCOPE_TOO_NARROW = "scope_too_narrow"


_WORDS = {
    ENDING: "Access was ended here. We are telling the utility and ask until it confirms.",
    ENDED: "Access was ended here and at the utility. What was collected is kept.",
    ENDED_HERE_ONLY: "Access was ended here and our keys are destroyed. The utility offers us no "
    "way to end it there too: please end it on the utility's own page.",
    NOTHING_TO_END: "This was ended before the utility gave access. There is nothing to end there.",
}
_LONGEST_REASON = 200
UNSAID = "access ended"
"""The reason of an order where nobody typed one."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What ending did. ``order_id`` is the work order that tells the provider, if it has to be."""

    authorization_id: UUID
    facility_id: UUID
    order_id: UUID | None

    @property
    def is_ending_at_provider(self) -> bool:
        return self.order_id is not None


def end_here(
    session: Session,
    row: Authorization,
    *,
    actor: Actor,
    why: EndReason,
    reason: str = "",
    is_final: bool = False,
    by: str | None = None,
    now: datetime,
) -> Revoked:
    """Move a locked authorization to ``revoked``: no data from now on, a work order for the rest.

    ``reason`` is what a person typed, kept with the order; ``by`` the role that ended it, for the
    audit log. ``is_final``: what is new is landed before the provider is told. Does not touch the
    facility and does not commit. Raises :class:`InvalidTransition`.
    """
    require_move(AuthStatus(row.status), AuthStatus.REVOKED)
    row.status, row.status_at = AuthStatus.REVOKED, now
    _cancel_collections(session, row.id, now=now)
    _close_attempts(session, row.id, now=now)
    order = ask_provider_to_end(
        session, row, actor=actor, reason=reason, is_final=is_final, now=now
    )
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_REVOKED,
        actor=actor,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        method=row.method,
        provider=row.provider,
        reason=why.value,
        by=by or actor.kind,
        is_landed_first=is_final,
    )
    return Revoked(row.id, row.facility_id, order.id if order else None)


def end_as_found(session: Session, row: Authorization, *, code: str, now: datetime) -> None:
    """Move a locked authorization to ``revoked`` that has ended at its provider already.

    There is nobody left to tell, so its tokens are destroyed at once. ``code`` says why to people.
    Raises :class:`InvalidTransition`.
    """
    require_move(AuthStatus(row.status), AuthStatus.REVOKED)
    row.status, row.status_at = AuthStatus.REVOKED, now
    row.reason_code, row.reason = code, texts.of(code).message
    _cancel_collections(session, row.id, now=now)
    _close_attempts(session, row.id, now=now)
    grants.destroy(session, row.id, now=now)
    show(session, row)
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_REVOKED,
        actor=SYSTEM,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        method=row.method,
        provider=row.provider,
        reason=EndReason.ENDED_AT_PROVIDER.value,
        by="provider",
        is_landed_first=False,
    )


def ask_provider_to_end(
    session: Session,
    row: Authorization,
    *,
    actor: Actor,
    reason: str,
    is_final: bool = False,
    now: datetime,
) -> WorkOrder | None:
    """Open the work order that ends a revoked authorization at its provider, if it knows of one."""
    session.flush()
    if not provider_knows(session, row):
        say(row, NOTHING_TO_END)
        return None
    say(row, ENDING)
    order = work.open_collection(
        session,
        row.id,
        kind="revoke",
        reason=reason.strip()[:_LONGEST_REASON] or UNSAID,
        requested_by=actor.person_id,
        now=now,
    )
    order.final = is_final
    return order


def end_unusable(
    runtime: Runtime, authorization_id: UUID, tokens: TokenSet, *, why: EndReason
) -> UUID:
    """End at the utility a consent that was given and is of no use, and return its authorization.

    It gets an authorization of its own, revoked from the start: the one of the attempt may be
    tried again while this one is being ended.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        tried = session.get_one(Authorization, authorization_id)
        identity = new_id()
        row = Authorization(
            id=identity,
            facility_id=tried.facility_id,
            requested_by=tried.requested_by,
            method=tried.method,
            provider=tried.provider,
            utility=tried.utility,
            status=AuthStatus.PENDING,
            granted_scope=tokens.scope,
            resource_uri=tokens.resource_uri,
            authorization_uri=tokens.authorization_uri,
            shard=shard_of(identity),
        )
        session.add(row)
        session.flush()
        grants.store(session, runtime.keys, identity, tokens, now=now)
        end_here(session, row, actor=SYSTEM, why=why, now=now)
    return identity


def ended_by(session: Session, facility_id: UUID, actor: Actor) -> str:
    """Return as what somebody ends an access: the role at the facility, else ``admin``."""
    return facilities.role_at(session, facility_id, actor=actor) or "admin"


def show(session: Session, row: Authorization) -> None:
    """Let the facility show this authorization's status, if that is the one it speaks of."""
    facility = session.get_one(Facility, row.facility_id)
    if (facility.auth_method, facility.auth_provider) == (row.method, row.utility):
        facility.auth_status = row.status


def say(row: Authorization, code: str) -> None:
    """Let an ended authorization tell people how far its end has come."""
    row.reason_code, row.reason = code, _WORDS[code]


def provider_knows(session: Session, row: Authorization) -> bool:
    """Could the provider hold a consent? Then it has to be told, even without a uid yet."""
    if row.method == AuthMethod.GREEN_BUTTON:
        return current_grant(session, row.id) is not None
    referred = select(AuthorizationSession.id).where(
        AuthorizationSession.authorization_id == row.id,
        AuthorizationSession.referral.is_not(None),
    )
    return row.external_id is not None or session.scalar(referred.limit(1)) is not None


def _cancel_collections(session: Session, authorization_id: UUID, *, now: datetime) -> None:
    session.execute(
        update(WorkOrder)
        .where(
            WorkOrder.authorization_id == authorization_id,
            WorkOrder.kind.in_(("collect", "repull", "rotate")),
            WorkOrder.done_at.is_(None),
        )
        .values(done_at=now, outcome="cancelled")
    )


def _close_attempts(session: Session, authorization_id: UUID, *, now: datetime) -> None:
    """Let nobody come back from the utility into an authorization that was ended meanwhile."""
    session.execute(
        update(AuthorizationSession)
        .where(
            AuthorizationSession.authorization_id == authorization_id,
            AuthorizationSession.consumed_at.is_(None),
        )
        .values(consumed_at=now)
    )
