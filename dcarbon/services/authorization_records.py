"""What is written when an attempt ends: authorized, failed, or still waiting for the provider."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.facilities import Facility
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import AuthorizationDeclined, DCarbonError
from dcarbon.domain.states import AuthStatus, require_move
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.providers.utilityapi.client import UtilityApiClient
from dcarbon.providers.utilityapi.parse import AuthorizationFacts, parse_authorizations
from dcarbon.services import audit, grants, work
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.authorization_sessions import Attempt
from dcarbon.services.runtime import Runtime


def authorized_by_tokens(runtime: Runtime, attempt: Attempt, tokens: TokenSet) -> None:
    """Seal tokens, move the state, write the audit entry, open the work order: all or nothing."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, attempt.authorization_id, with_for_update=True)
        grants.store(session, runtime.keys, row.id, tokens, now=now)
        row.granted_scope = tokens.scope
        row.resource_uri = tokens.resource_uri
        row.authorization_uri = tokens.authorization_uri
        row.customer_resource_uri = tokens.customer_resource_uri
        row.consent_ends_at = parse_scope(tokens.scope or "").ends_at
        external_id = _last_segment(tokens.resource_uri) or _last_segment(tokens.authorization_uri)
        _authorize(session, row, external_id, actor=Actor(attempt.person_id), now=now)


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
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, authorization_id, with_for_update=True)
        if not found:
            work.open_collection(session, row.id, reason="waiting for the provider", now=now)
            return row.status
        facts: AuthorizationFacts = found[0]
        row.consent_ends_at = facts.expires if isinstance(facts.expires, datetime) else None
        row.utility = facts.utility or row.utility
        _authorize(session, row, facts.uid, actor=Actor(row.requested_by), now=now)
        return row.status


def failed(runtime: Runtime, attempt: Attempt, error: DCarbonError) -> None:
    """Write down that an attempt failed and why. An expired authorization stays expired."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        session_row = session.get_one(AuthorizationSession, attempt.session_id)
        session_row.error_code = error.code
        session_row.error_message = error.display_message
        row = session.get_one(Authorization, attempt.authorization_id, with_for_update=True)
        mark_failed(session, row, error, actor=Actor(attempt.person_id), now=now)


def mark_failed(
    session: Session, row: Authorization, error: DCarbonError, *, actor: Actor, now: datetime
) -> None:
    """Move a pending authorization to ``failed`` with the reason people see."""
    if row.status == AuthStatus.PENDING:
        row.status, row.status_at = AuthStatus.FAILED, now
    row.reason_code, row.reason = error.code, error.display_message
    session.get_one(Facility, row.facility_id).auth_status = row.status
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
    session: Session, row: Authorization, error: DCarbonError, *, now: datetime
) -> None:
    """Move an authorization to ``expired``: its grant is gone and the customer acts."""
    if row.status != AuthStatus.AUTHORIZED:
        return
    row.status, row.status_at = AuthStatus.EXPIRED, now
    row.reason_code, row.reason = error.code, error.display_message
    session.get_one(Facility, row.facility_id).auth_status = row.status
    audit.record(
        session,
        AuditEvent.AUTHORIZATION_EXPIRED,
        actor=SYSTEM,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        code=error.code,
    )


def _authorize(
    session: Session, row: Authorization, external_id: str | None, *, actor: Actor, now: datetime
) -> None:
    if row.status != AuthStatus.AUTHORIZED:
        require_move(AuthStatus(row.status), AuthStatus.AUTHORIZED)
    row.status, row.status_at, row.authorized_at = AuthStatus.AUTHORIZED, now, now
    row.external_id = external_id
    row.reason_code = row.reason = None
    work.set_health(row, "ok", code=None, now=now)
    facility = session.get_one(Facility, row.facility_id)
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


def _last_segment(uri: str | None) -> str | None:
    return urlsplit(uri).path.rstrip("/").rpartition("/")[2] or None if uri else None
