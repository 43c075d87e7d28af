"""Grants: tokens sealed at rest, opened for one use, refreshed by one process at a time.

An ordinary refresh seals the new tokens into the same grant. A rotation makes a new grant beside
it, *pending* until a call has proven it; until then both are kept, and whoever needs a token takes
the one that works. When grants are rotated is in ``rotation``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import func, update
from sqlalchemy.orm import Session

from dcarbon.db import authorizations, persistence
from dcarbon.db.authorizations import (
    Authorization,
    AuthorizationSession,
    Grant,
    current_grant,
    pending_grant,
)
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.sealing import Sealer
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

    id: UUID
    access_token: Secret
    refresh_token: Secret | None
    scope: str | None
    access_expires_at: datetime | None

    def is_good(self, *, now: datetime) -> bool:
        """Say whether the access token is good for the next minutes, by its date."""
        return self.access_expires_at is None or self.access_expires_at - now > REFRESH_MARGIN


@dataclass(frozen=True, slots=True)
class OpenGrants:
    """What an authorization has: the grant in force, and the one that is to take its place."""

    current: OpenGrant
    pending: OpenGrant | None = None

    @property
    def newest(self) -> OpenGrant:
        """The one to refresh: refreshing may have ended the tokens of the one before."""
        return self.pending or self.current


def store(
    session: Session, keys: Sealer, authorization_id: UUID, tokens: TokenSet, *, now: datetime
) -> None:
    """Seal a new grant; end those before it, if any, and destroy their tokens."""
    for before in (
        current_grant(session, authorization_id),
        pending_grant(session, authorization_id),
    ):
        if before is not None:
            before.ended_at, before.end_reason, before.sealed = now, "replaced", b""
    session.flush()
    session.add(_sealed_row(keys, authorization_id, new_id(), tokens, now=now))


def access_token(
    runtime: Runtime,
    authorization_id: UUID,
    *,
    refused: Secret | None = None,
    is_final: bool = False,
) -> Secret:
    """Return an access token good for the next minutes, refreshing it when it is not.

    ``refused`` is a token the provider just refused: another one is returned whatever its date
    says. ``is_final``: for the last collection of an access that has
    ended here. Raises :class:`ReauthorizationRequired` when there is no
    grant or it is gone, and what the token endpoint raises.
    """
    held = opened(runtime, authorization_id, is_final=is_final)
    if token := _usable(held, refused, now=runtime.now()):
        return token
    with lock(runtime, authorization_id):
        held = opened(runtime, authorization_id, is_final=is_final)
        if token := _usable(held, refused, now=runtime.now()):
            return token
        return refresh(runtime, authorization_id, held, is_final=is_final).access_token


def opened(runtime: Runtime, authorization_id: UUID, *, is_final: bool = False) -> OpenGrants:
    """Return an authorization's grants out of their seals.

    Raises :class:`ReauthorizationRequired` when there is none, or (``access_ended``) when the
    access was ended here, unless ``is_final``.
    """
    current, pending, status = runtime.together.do(_rows, runtime.sessions, authorization_id)
    if current is None:
        raise ReauthorizationRequired("there is no grant")
    if status == AuthStatus.REVOKED and not is_final:
        raise ReauthorizationRequired("the access was ended here", code="access_ended")
    return OpenGrants(
        _opened(runtime.keys, current), _opened(runtime.keys, pending) if pending else None
    )


def _rows(sessions: Sessions, authorization_ids: Sequence[UUID]) -> list[authorizations.OpenGrants]:
    with sessions.begin() as session:
        return authorizations.open_grants(session, authorization_ids)


def refresh(
    runtime: Runtime, authorization_id: UUID, held: OpenGrants, *, is_final: bool = False
) -> OpenGrant:
    """Refresh the newest grant in its place and return what is newest then. Under the lock only.

    Raises :class:`ReauthorizationRequired` when no refresh token is taken any more.
    """
    try:
        return _refreshed(runtime, authorization_id, held.newest, held.newest, is_final=is_final)
    except ReauthorizationRequired:
        now_held = opened(runtime, authorization_id, is_final=is_final)
        if now_held.newest.access_token != held.newest.access_token:
            # The connection with our lock may have broken, and another process was quicker.
            return now_held.newest
        if held.pending is None or held.pending.refresh_token == held.current.refresh_token:
            raise
    # What a rotation stored is dead, but what it was to replace may live.
    end_pending(runtime, authorization_id, reason="refused")
    return _refreshed(runtime, authorization_id, held.current, held.current, is_final=is_final)


def refresh_beside(runtime: Runtime, authorization_id: UUID, held: OpenGrants) -> OpenGrant:
    """Refresh the current grant into a pending one beside it. Under the lock only.

    Raises as :func:`refresh`.
    """
    return _refreshed(runtime, authorization_id, held.current, None, is_final=False)


def promote(session: Session, authorization_id: UUID, pending: OpenGrant, *, now: datetime) -> bool:
    """Let a proven grant take the place of the one in force; ``False`` when it was ended meanwhile,
    as by a new consent.
    """
    row = pending_grant(session, authorization_id)
    before = current_grant(session, authorization_id)
    if row is None or row.id != pending.id or before is None:
        return False
    # Nothing needs the tokens before any more: what is not kept cannot leak.
    before.ended_at, before.end_reason, before.sealed = now, "rotated", b""
    session.flush()
    row.is_pending = False
    return True


def end_pending(runtime: Runtime, authorization_id: UUID, *, reason: str) -> None:
    """End a pending grant that is of no use."""
    with runtime.sessions.begin() as session:
        row = pending_grant(session, authorization_id)
        if row is not None:
            row.ended_at, row.end_reason, row.sealed = runtime.now(), reason, b""


def for_revocation(runtime: Runtime, authorization_id: UUID) -> OpenGrant | None:
    """Return the grant of an authorization that has ended, only to end it at the provider too."""
    with runtime.sessions() as session:
        row = pending_grant(session, authorization_id) or current_grant(session, authorization_id)
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


def oauth_client(runtime: Runtime, provider: str) -> OAuthClient:
    """Return our registration at a utility's authorization server."""
    return OAuthClient(
        runtime.providers.transport(provider),
        runtime.providers.profile(provider),
        runtime.providers.credentials(provider),
    )


@contextmanager
def lock(runtime: Runtime, authorization_id: UUID) -> Iterator[None]:
    """Hold a lock on these grants in all processes; no transaction stays open meanwhile."""
    digest = hashlib.sha256(b"grant" + authorization_id.bytes).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    with runtime.locks.hold(key):
        yield


def _usable(held: OpenGrants, refused: Secret | None, *, now: datetime) -> Secret | None:
    """Return the first token that is good by its date and comes after the one that was refused."""
    tokens = [held.current, *([held.pending] if held.pending else [])]
    places = [place for place, each in enumerate(tokens) if each.access_token == refused]
    after = tokens[places[-1] + 1 :] if places else tokens
    return next((each.access_token for each in after if each.is_good(now=now)), None)


def _refreshed(
    runtime: Runtime,
    authorization_id: UUID,
    grant: OpenGrant,
    into: OpenGrant | None,
    *,
    is_final: bool,
) -> OpenGrant:
    """Refresh ``grant`` and seal what comes ``into`` a grant, or into a new pending one."""
    if grant.refresh_token is None:
        raise ReauthorizationRequired("the access token ended and there is no refresh token")
    with runtime.sessions() as session:
        provider = session.get_one(Authorization, authorization_id).provider
    client = oauth_client(runtime, provider)
    tokens = client.refresh(grant.refresh_token, granted_scope=grant.scope, now=runtime.now())
    kept_as, now = into.id if into else new_id(), runtime.now()

    def keep(session: Session) -> bool:
        row = session.get(Grant, kept_as, with_for_update=True)
        if row is None and session.get_one(Grant, grant.id, with_for_update=True).ended_at is None:
            row = _sealed_row(runtime.keys, authorization_id, kept_as, tokens, now=now)
            row.is_pending = True
            session.add(row)
        if row is None or row.ended_at is not None:
            return False  # a new consent, or the end of this one, came meanwhile
        row.sealed = _seal(runtime.keys, authorization_id, tokens)
        row.access_expires_at, row.refreshed_at = tokens.expires_at, now
        return True

    # The old refresh token may be dead from here on, and the new one is nowhere else: it is durable
    # before anything else, however long the database takes to come back.
    if not persistence.insist(runtime.sessions, keep):
        return opened(runtime, authorization_id, is_final=is_final).newest
    return OpenGrant(
        kept_as, tokens.access_token, tokens.refresh_token, tokens.scope, tokens.expires_at
    )


def _opened(keys: Sealer, row: Grant) -> OpenGrant:
    plain = orjson.loads(keys.open(row.sealed, bound_to=row.authorization_id))
    return OpenGrant(
        id=row.id,
        access_token=Secret(plain["access_token"]),
        refresh_token=Secret(plain["refresh_token"]) if plain["refresh_token"] else None,
        scope=plain["scope"],
        access_expires_at=row.access_expires_at,
    )


def _sealed_row(
    keys: Sealer, authorization_id: UUID, identity: UUID, tokens: TokenSet, *, now: datetime
) -> Grant:
    return Grant(
        id=identity,
        authorization_id=authorization_id,
        sealed=_seal(keys, authorization_id, tokens),
        access_expires_at=tokens.expires_at,
        obtained_at=now,
        refreshed_at=now,
    )


def _seal(keys: Sealer, authorization_id: UUID, tokens: TokenSet) -> bytes:
    plain = {
        "access_token": tokens.access_token.reveal(),
        "refresh_token": tokens.refresh_token.reveal() if tokens.refresh_token else None,
        "scope": tokens.scope,
    }
    return keys.seal(orjson.dumps(plain), bound_to=authorization_id)
