"""Attempts to authorise: each has a state that works once, for half an hour, in one browser."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import (
    Authorization,
    AuthorizationSession,
    session_by_state,
    shard_of,
)
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import AuthorizationDeclined, InvalidTransition
from dcarbon.domain.secrets import hashed
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.services import audit, consent, facilities
from dcarbon.services.actors import Actor
from dcarbon.services.open_attempt import Attempt
from dcarbon.services.runtime import Runtime

GOOD_FOR = timedelta(minutes=30)
"""How long a person may take at the utility's pages."""


def open_attempt(
    runtime: Runtime,
    *,
    facility_id: UUID,
    method: AuthMethod,
    provider: str,
    utility: str,
    redirect_uri: str,
    actor: Actor,
    browser: str | None,
) -> Attempt:
    """Write an attempt down before anybody is sent anywhere.

    A pending, failed or expired authorization of the same facility and utility is taken up again,
    so that the facility keeps its identity, and so is one in force that is to be renewed; any other
    that is authorized is :class:`InvalidTransition`.
    """
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    now = runtime.now()
    with runtime.sessions.begin() as session:
        facility = facilities.require_may_authorize(session, facility_id, actor=actor)
        authorization = _authorization(
            session,
            facility.id,
            method=method,
            provider=provider,
            utility=utility,
            actor=actor,
            now=now,
        )
        if authorization.status == AuthStatus.FAILED:
            authorization.status = AuthStatus.PENDING
            authorization.status_at = now
            authorization.reason_code = authorization.reason = None
        row = AuthorizationSession(
            id=new_id(),
            authorization_id=authorization.id,
            person_id=actor.person_id or authorization.requested_by,
            state_hash=hashed(state),
            browser_hash=hashed(browser) if browser else None,
            code_verifier_sealed=runtime.keys.seal(verifier.encode(), bound_to=authorization.id),
            redirect_uri=redirect_uri,
            created_at=now,
            expires_at=now + GOOD_FOR,
        )
        session.add(row)
        facility.auth_method, facility.auth_provider = method.value, utility
        facility.auth_status = authorization.status
        audit.record(
            session,
            AuditEvent.AUTHORIZATION_STARTED,
            actor=actor,
            at=now,
            facility_id=facility.id,
            authorization_id=authorization.id,
            provider=provider,
            attempt=str(row.id),
        )
        return _attempt(row, authorization, state, verifier)


def take(runtime: Runtime, state: str | None, *, browser: str | None) -> Attempt:
    """Consume the attempt a state belongs to.

    Raises :class:`AuthorizationDeclined` with a code and words for each way it can be wrong:
    ``state_missing``, ``state_unknown``, ``state_used``, ``state_expired`` and
    ``state_other_browser``.
    """
    if not state:
        raise _refused("state_missing")
    with runtime.sessions.begin() as session:
        row = session_by_state(session, hashed(state))
        if row is None:
            raise _refused("state_unknown")
        if row.consumed_at is not None:
            raise _refused("state_used")
        if row.expires_at <= runtime.now():
            raise expired()
        if row.browser_hash is not None and (
            browser is None or not secrets.compare_digest(row.browser_hash, hashed(browser))
        ):
            raise _refused("state_other_browser")
        row.consumed_at = runtime.now()
        authorization = session.get_one(Authorization, row.authorization_id)
        sealed = row.code_verifier_sealed
        verifier = runtime.keys.open(sealed, bound_to=authorization.id) if sealed else None
        return _attempt(row, authorization, state, verifier.decode() if verifier else None)


def remember_form(runtime: Runtime, session_id: UUID, form_uid: str) -> None:
    with runtime.sessions.begin() as session:
        session.get_one(AuthorizationSession, session_id).form_uid = form_uid


def remember_referral(runtime: Runtime, session_id: UUID, referral: str) -> None:
    with runtime.sessions.begin() as session:
        session.get_one(AuthorizationSession, session_id).referral = referral


def expired() -> AuthorizationDeclined:
    """Return the error of an attempt nobody finished in time."""
    return _refused("state_expired")


def _authorization(
    session: Session,
    facility_id: UUID,
    *,
    method: AuthMethod,
    provider: str,
    utility: str,
    actor: Actor,
    now: datetime,
) -> Authorization:
    rows = session.scalars(
        select(Authorization)
        .where(Authorization.facility_id == facility_id, Authorization.status != AuthStatus.REVOKED)
        .order_by(Authorization.id.desc())
        .with_for_update()
    ).all()
    same = [row for row in rows if row.provider == provider and row.utility == utility]
    in_force = next((row for row in rows if row.status == AuthStatus.AUTHORIZED), None)
    if in_force is not None:
        if in_force in same and consent.renewal(session, in_force, now=now):
            return in_force
        raise InvalidTransition(
            "already authorized",
            code="already_authorized",
        )
    if same:
        return same[0]
    # Two tabs starting at once: the second waits here and takes up what the first has made.
    session.scalar(select(Facility.id).where(Facility.id == facility_id).with_for_update())
    made = session.scalar(
        select(Authorization).where(
            Authorization.facility_id == facility_id,
            Authorization.provider == provider,
            Authorization.utility == utility,
            Authorization.status == AuthStatus.PENDING,
        )
    )
    if made is not None:
        return made
    identity = new_id()
    authorization = Authorization(
        id=identity,
        facility_id=facility_id,
        requested_by=actor.person_id,
        method=method.value,
        provider=provider,
        utility=utility,
        status=AuthStatus.PENDING,
        shard=shard_of(identity),
    )
    session.add(authorization)
    session.flush()
    return authorization


def _attempt(
    row: AuthorizationSession, authorization: Authorization, state: str, verifier: str | None
) -> Attempt:
    return Attempt(
        session_id=row.id,
        authorization_id=authorization.id,
        facility_id=authorization.facility_id,
        person_id=row.person_id,
        provider=authorization.provider,
        redirect_uri=row.redirect_uri,
        state=state,
        code_verifier=verifier,
        renews=authorization.external_id,
    )


def _refused(code: str) -> AuthorizationDeclined:
    return AuthorizationDeclined(code, code=code)
