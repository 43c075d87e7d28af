"""Ending an authorization in our own records: its status, what was under way, what is left to do.

Who may end one, and how the provider is told, is in ``revocation``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession, current_grant
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.states import AuthMethod, AuthStatus, require_move
from dcarbon.services import audit, work
from dcarbon.services.actors import Actor

ENDING = "ending_at_provider"
ENDED = "ended_at_provider"
ENDED_HERE_ONLY = "ended_here_only"
NOTHING_TO_END = "ended"

_WORDS = {
    ENDING: "Access was ended here. We are telling the utility and ask until it confirms.",
    ENDED: "Access was ended here and at the utility. What was collected is kept.",
    ENDED_HERE_ONLY: "Access was ended here and our keys are destroyed. The utility offers us no "
    "way to end it there too: please end it on the utility's own page.",
    NOTHING_TO_END: "This was ended before the utility gave access. There is nothing to end there.",
}
_LONGEST_REASON = 200


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
    session: Session, row: Authorization, *, actor: Actor, reason: str, now: datetime
) -> Revoked:
    """Move a locked authorization to ``revoked``: no data from now on, a work order for the rest.

    Does not touch the facility and does not commit. Raises :class:`InvalidTransition`.
    """
    require_move(AuthStatus(row.status), AuthStatus.REVOKED)
    row.status, row.status_at = AuthStatus.REVOKED, now
    _cancel_collections(session, row.id, now=now)
    _close_attempts(session, row.id, now=now)
    order = ask_provider_to_end(session, row, actor=actor, reason=reason, now=now)
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_REVOKED,
        actor=actor,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        method=row.method,
        provider=row.provider,
    )
    return Revoked(row.id, row.facility_id, order.id if order else None)


def ask_provider_to_end(
    session: Session, row: Authorization, *, actor: Actor, reason: str, now: datetime
) -> WorkOrder | None:
    """Open the work order that ends a revoked authorization at its provider, if it knows of one."""
    session.flush()
    if not _provider_knows(session, row):
        say(row, NOTHING_TO_END)
        return None
    say(row, ENDING)
    return work.open_collection(
        session,
        row.id,
        kind="revoke",
        reason=reason.strip()[:_LONGEST_REASON] or "access ended",
        requested_by=actor.person_id,
        now=now,
    )


def say(row: Authorization, code: str) -> None:
    """Let an ended authorization tell people how far its end has come."""
    row.reason_code, row.reason = code, _WORDS[code]


def _provider_knows(session: Session, row: Authorization) -> bool:
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
