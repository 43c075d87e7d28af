"""Returns from a utility that cannot be taken: whose they were, and writing down the late ones."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession, session_by_state
from dcarbon.domain.errors import DCarbonError, NotFound
from dcarbon.domain.secrets import hashed
from dcarbon.services import authorization_records as records
from dcarbon.services import facilities
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime


def facility_of(session: Session, state: str | None, *, actor: Actor) -> UUID | None:
    """Return the facility an attempt was for, if the actor may see it."""
    if not state:
        return None
    facility_id = session.scalar(
        select(Authorization.facility_id)
        .join(AuthorizationSession, AuthorizationSession.authorization_id == Authorization.id)
        .where(AuthorizationSession.state_hash == hashed(state))
    )
    if facility_id is None or not is_visible(session, facility_id, actor=actor):
        return None
    return facility_id


def is_visible(session: Session, facility_id: UUID, *, actor: Actor) -> bool:
    """Say whether the actor may see a facility."""
    try:
        facilities.get(session, facility_id, actor=actor)
    except NotFound:
        return False
    return True


def note(runtime: Runtime, state: str | None, error: DCarbonError) -> None:
    """Let a pending authorization fail when its only attempt came back too late; once.

    Another attempt that is still open keeps it pending: that one may yet succeed.
    """
    if error.code != "state_expired" or not state:
        return
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = session_by_state(session, hashed(state))
        if row is None or row.consumed_at is not None:
            return
        row.consumed_at = now
        row.error_code, row.error_message = error.code, error.display_message
        still_open = session.scalar(
            select(AuthorizationSession.id)
            .where(
                AuthorizationSession.authorization_id == row.authorization_id,
                AuthorizationSession.consumed_at.is_(None),
                AuthorizationSession.expires_at > now,
            )
            .limit(1)
        )
        if still_open is None:
            late = session.get_one(Authorization, row.authorization_id, with_for_update=True)
            actor = Actor(row.person_id)
            records.mark_failed(runtime, session, late, error, actor=actor, now=now)
