"""What is written when an attempt ends: authorized, failed, or still waiting for the provider."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.facilities import Facility
from dcarbon.db.persistence import insist
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import AuthorizationDeclined, DCarbonError, InvalidTransition
from dcarbon.domain.states import AuthStatus, require_move
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.providers.utilityapi.client import UtilityApiClient
from dcarbon.providers.utilityapi.parse import AuthorizationFacts, parse_authorizations
from dcarbon.services import audit, grants, notices, work
from dcarbon.services import authorization_endings as endings
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.open_attempt import Attempt
from dcarbon.services.runtime import Runtime

_PATIENCE_S = 30.0
"""How long a person's browser may wait for the database."""


def authorized_by_tokens(runtime: Runtime, attempt: Attempt, tokens: TokenSet) -> None:
    """Seal tokens, move the state, write the audit entry, open the work order: all or nothing.

    The code is used up: while the database is away for a moment, the tokens are held on to.
    """
    now = runtime.now()

    def write(session: Session) -> bool:
        row = session.get_one(Authorization, attempt.authorization_id, with_for_update=True)
        _never_failed(session, attempt)
        grants.store(session, runtime.keys, row.id, tokens, now=now)
        row.granted_scope = tokens.scope
        row.resource_uri = tokens.resource_uri
        row.authorization_uri = tokens.authorization_uri
        row.customer_resource_uri = tokens.customer_resource_uri
        row.consent_ends_at = parse_scope(tokens.scope or "").ends_at
        external_id = _last_segment(tokens.resource_uri) or _last_segment(tokens.authorization_uri)
        return _authorize(session, row, external_id, actor=Actor(attempt.person_id), now=now)

    if not insist(runtime.sessions, write, limit_s=_PATIENCE_S):
        raise _unwanted()


def resolve_referral(
    runtime: Runtime, authorization_id: UUID, referral: str, client: UtilityApiClient
) -> str:
    """Look for the authorization behind a referral and return the status word that follows.

    Found: ``authorized``. Not there yet: ``pending``, with a work order that looks again.
    """
    pages = client.authorizations_by_referral(referral)
    found = [facts for page in pages for facts in parse_authorizations(page.content)]
    refused = next((f for f in found if f.is_declined or f.is_revoked), None)
    if refused is not None:
        raise AuthorizationDeclined("declined at the provider", code="access_denied")
    if not found:
        return resolve_later(runtime, authorization_id)
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, authorization_id, with_for_update=True)
        facts: AuthorizationFacts = found[0]
        row.consent_ends_at = facts.expires if isinstance(facts.expires, datetime) else None
        row.utility = facts.utility or row.utility
        is_wanted = _authorize(session, row, facts.uid, actor=Actor(row.requested_by), now=now)
    if not is_wanted:
        raise _unwanted()
    return row.status


def resolve_later(runtime: Runtime, authorization_id: UUID) -> str:
    """Open a work order that looks again, and return the status word as it is."""
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, authorization_id)
        work.open_collection(session, row.id, reason="waiting for the provider", now=runtime.now())
        return row.status


def failed(runtime: Runtime, attempt: Attempt, error: DCarbonError) -> None:
    """Write down that an attempt failed and why. An expired authorization stays expired."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        session_row = session.get_one(AuthorizationSession, attempt.session_id)
        session_row.error_code = error.code
        session_row.error_message = error.display_message
        row = session.get_one(Authorization, attempt.authorization_id, with_for_update=True)
        mark_failed(runtime, session, row, error, actor=Actor(attempt.person_id), now=now)


def mark_failed(
    runtime: Runtime,
    session: Session,
    row: Authorization,
    error: DCarbonError,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Move a pending authorization to ``failed`` with the reason people see, and tell them by mail.

    One that works, by another attempt, keeps working: only the audit log tells of this failure.
    """
    if row.status == AuthStatus.PENDING:
        row.status, row.status_at = AuthStatus.FAILED, now
    if row.status in {AuthStatus.FAILED, AuthStatus.EXPIRED}:
        row.reason_code, row.reason = error.code, error.display_message
        url = runtime.settings.public_url
        notices.authorization_failed(session, row, error, actor=actor, public_url=url, now=now)
    endings.show(session, row)
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_FAILED,
        actor=actor,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        code=error.code,
    )


def mark_expired(
    runtime: Runtime, session: Session, row: Authorization, error: DCarbonError, *, now: datetime
) -> None:
    """Move an authorization to ``expired``: its grant is gone, and the customer is asked to act."""
    if row.status != AuthStatus.AUTHORIZED:
        return
    row.status, row.status_at = AuthStatus.EXPIRED, now
    row.reason_code, row.reason = error.code, error.display_message
    endings.show(session, row)
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_EXPIRED,
        actor=SYSTEM,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        code=error.code,
    )
    url = runtime.settings.public_url
    notices.reauthorization_needed(session, row, public_url=url, now=now)


def mark_revoked(
    runtime: Runtime, session: Session, row: Authorization, error: DCarbonError, *, now: datetime
) -> None:
    """Move an authorization to ``revoked``: the customer ended it at the provider, and is told."""
    if row.status != AuthStatus.AUTHORIZED:
        return
    endings.end_as_found(session, row, code=error.code, now=now)
    url = runtime.settings.public_url
    notices.access_ended(session, row, by="provider", public_url=url, now=now)


def _never_failed(session: Session, attempt: Attempt) -> None:
    """Forget that an attempt was given up on, where the utility took very long to answer."""
    row = AuthorizationSession
    session.execute(
        update(row)
        .where(row.id == attempt.session_id, row.error_code.is_not(None))
        .values(error_code=None, error_message=None)
    )


def _authorize(
    session: Session, row: Authorization, external_id: str | None, *, actor: Actor, now: datetime
) -> bool:
    """Let a locked authorization be in force; ``False`` when nobody wants it any more.

    Then it was ended meanwhile, or another utility was authorized: the consent just given is ended
    at the provider again.
    """
    facility = session.get_one(Facility, row.facility_id, with_for_update=True)
    row.external_id = external_id
    if row.status == AuthStatus.REVOKED or is_another_in_force(session, row):
        _end_again(session, row, actor=actor, now=now)
        return False
    if row.status == AuthStatus.FAILED:
        # Another attempt failed after this one was opened; each is a retry of its own.
        row.status = AuthStatus.PENDING
    if row.status != AuthStatus.AUTHORIZED:
        require_move(AuthStatus(row.status), AuthStatus.AUTHORIZED)
        notices.authorization_done(session, row, actor=actor, now=now)
    row.status, row.status_at, row.authorized_at = AuthStatus.AUTHORIZED, now, now
    row.reason_code = row.reason = None
    work.set_health(row, "ok", code=None, now=now)
    facility.auth_method, facility.auth_provider = row.method, row.utility
    facility.auth_id, facility.auth_status = external_id, row.status
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_CREATED,
        actor=actor,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        provider=row.provider,
    )
    work.open_collection(session, row.id, reason="newly authorized", now=now)
    return True


def is_another_in_force(session: Session, row: Authorization) -> bool:
    """Is another authorization of the same facility in force?"""
    other = select(Authorization.id).where(
        Authorization.facility_id == row.facility_id,
        Authorization.id != row.id,
        Authorization.status == AuthStatus.AUTHORIZED,
    )
    return session.scalar(other.limit(1)) is not None


def _end_again(session: Session, row: Authorization, *, actor: Actor, now: datetime) -> None:
    reason = "authorized when it was no longer wanted"
    if row.status == AuthStatus.REVOKED:
        endings.ask_provider_to_end(session, row, actor=actor, reason=reason, now=now)
    else:
        why = endings.EndReason.NOT_WANTED
        endings.end_here(session, row, actor=actor, why=why, reason=reason, now=now)


def _unwanted() -> InvalidTransition:
    return InvalidTransition(
        "ended or replaced meanwhile",
        code="authorization_not_wanted",
    )


def _last_segment(uri: str | None) -> str | None:
    return urlsplit(uri).path.rstrip("/").rpartition("/")[2] or None if uri else None
