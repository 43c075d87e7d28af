"""Grants: tokens sealed at rest, opened for one use, refreshed by one process at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import func, text, update
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, AuthorizationSession, Grant, current_grant
from dcarbon.db.base import new_id
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.errors import ReauthorizationRequired
from dcarbon.domain.secrets import Secret
from dcarbon.domain.states import AuthStatus
from dcarbon.providers.green_button.oauth import OAuthClient
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services.runtime import Runtime

REFRESH_MARGIN = timedelta(minutes=5)
"""An access token this close to its end is refreshed before it is used."""


@dataclass(frozen=True, slots=True)
class OpenGrant:
    """A grant out of its seal, for as long as a call needs it."""

    access_token: Secret
    refresh_token: Secret | None
    scope: str | None
    access_expires_at: datetime | None


def store(
    session: Session, keys: KeyRing, authorization_id: UUID, tokens: TokenSet, *, now: datetime
) -> None:
    """Seal a new grant and end the one before it, if any."""
    before = current_grant(session, authorization_id)
    if before is not None:
        before.ended_at = now
        before.end_reason = "replaced"
        session.flush()
    session.add(
        Grant(
            id=new_id(),
            authorization_id=authorization_id,
            sealed=_seal(keys, authorization_id, tokens),
            access_expires_at=tokens.expires_at,
            obtained_at=now,
        )
    )


def access_token(
    runtime: Runtime, authorization_id: UUID, *, refused: Secret | None = None
) -> Secret:
    """Return an access token good for the next minutes, refreshing it when it is not.

    ``refused`` is a token the provider just refused: it is refreshed whatever its date says, unless
    another process did so meanwhile. Raises :class:`ReauthorizationRequired` when there is no
    grant or it is gone, and what the token endpoint raises.
    """
    grant = _open_current(runtime, authorization_id)
    if _good(grant, refused, now=runtime.now()):
        return grant.access_token
    with _lock(runtime, authorization_id):
        grant = _open_current(runtime, authorization_id)
        if _good(grant, refused, now=runtime.now()):
            return grant.access_token
        return _refresh(runtime, authorization_id, grant)


def for_revocation(runtime: Runtime, authorization_id: UUID) -> OpenGrant | None:
    """Return the grant of an authorization that has ended, only to end it at the provider too."""
    with runtime.sessions() as session:
        row = current_grant(session, authorization_id)
        return _opened(runtime.keys, row) if row else None


def destroy(session: Session, authorization_id: UUID, *, now: datetime) -> None:
    """Destroy every token an authorization ever had, and what was sealed beside them; the rows stay
    and say when each grant ended.
    """
    session.execute(
        update(Grant)
        .where(Grant.authorization_id == authorization_id)
        .values(
            sealed=b"",
            ended_at=func.coalesce(Grant.ended_at, now),
            end_reason=func.coalesce(Grant.end_reason, "revoked"),
        )
    )
    session.execute(
        update(AuthorizationSession)
        .where(AuthorizationSession.authorization_id == authorization_id)
        .values(code_verifier_sealed=None)
    )


def _good(grant: OpenGrant, refused: Secret | None, *, now: datetime) -> bool:
    if refused is not None and grant.access_token == refused:
        return False
    return grant.access_expires_at is None or grant.access_expires_at - now > REFRESH_MARGIN


def _refresh(runtime: Runtime, authorization_id: UUID, grant: OpenGrant) -> Secret:
    if grant.refresh_token is None:
        raise ReauthorizationRequired("the access token ended and there is no refresh token")
    with runtime.sessions() as session:
        provider = session.get_one(Authorization, authorization_id).provider
    client = oauth_client(runtime, provider)
    tokens = client.refresh(grant.refresh_token, granted_scope=grant.scope, now=runtime.now())
    # The old refresh token may be dead from here on: the new one is durable before anything else.
    with runtime.sessions.begin() as session:
        row = current_grant(session, authorization_id)
        if row is None:
            raise ReauthorizationRequired("the grant was ended while it was refreshed")
        row.sealed = _seal(runtime.keys, authorization_id, tokens)
        row.access_expires_at = tokens.expires_at
    return tokens.access_token


def oauth_client(runtime: Runtime, provider: str) -> OAuthClient:
    """Return our registration at a utility's authorization server."""
    return OAuthClient(
        runtime.providers.transport(provider),
        runtime.providers.profile(provider),
        runtime.providers.credentials(provider),
    )


def _open_current(runtime: Runtime, authorization_id: UUID) -> OpenGrant:
    with runtime.sessions() as session:
        row = current_grant(session, authorization_id)
        if row is None:
            raise ReauthorizationRequired("there is no grant")
        if session.get_one(Authorization, authorization_id).status == AuthStatus.REVOKED:
            raise ReauthorizationRequired("the access was ended here", code="access_ended")
        return _opened(runtime.keys, row)


def _opened(keys: KeyRing, row: Grant) -> OpenGrant:
    plain = orjson.loads(keys.open(row.sealed, bound_to=row.authorization_id))
    return OpenGrant(
        access_token=Secret(plain["access_token"]),
        refresh_token=Secret(plain["refresh_token"]) if plain["refresh_token"] else None,
        scope=plain["scope"],
        access_expires_at=row.access_expires_at,
    )


def _seal(keys: KeyRing, authorization_id: UUID, tokens: TokenSet) -> bytes:
    plain = {
        "access_token": tokens.access_token.reveal(),
        "refresh_token": tokens.refresh_token.reveal() if tokens.refresh_token else None,
        "scope": tokens.scope,
    }
    return keys.seal(orjson.dumps(plain), bound_to=authorization_id)


@contextmanager
def _lock(runtime: Runtime, authorization_id: UUID) -> Iterator[None]:
    """Hold a lock on this grant in all processes; no transaction stays open meanwhile."""
    digest = hashlib.sha256(b"grant" + authorization_id.bytes).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    with runtime.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": key})
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": key})
