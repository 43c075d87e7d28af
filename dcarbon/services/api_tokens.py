"""API tokens: a name, a scope, a secret shown once; only its hash stays."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from dcarbon.db import people
from dcarbon.db.engine import Sessions, read_alone
from dcarbon.db.people import ApiToken, Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import audit
from dcarbon.services.actors import Actor

PREFIX = "dcarbon_"
SCOPES = ("read", "write")
_USE_IS_NOTED_EVERY = timedelta(minutes=1)


def create(
    sessions: Sessions,
    *,
    person_id: UUID,
    name: str,
    scopes: Sequence[str],
    actor: Actor,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which nobody can read again.

    Raises :class:`NotFound` for an unknown person, or another one than the actor unless an admin
    asks; :class:`InvalidInput` for a wrong scope or name.
    """
    if not name.strip() or not scopes or set(scopes) - set(SCOPES):
        raise InvalidInput(
            "token needs a name and known scopes",
            display_message="A token needs a name, and the scopes read, write or both.",
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    with sessions.begin() as session:
        is_own = actor.is_admin or person_id == actor.person_id
        if not is_own or session.get(Person, person_id) is None:
            raise NotFound("no such person")
        token = ApiToken(
            person_id=person_id,
            name=name.strip(),
            secret_hash=_hash(secret),
            scopes=list(scopes),
            created_at=now,
            expires_at=expires_at,
        )
        session.add(token)
        session.flush()
        audit.record(
            session, AuditEvent.API_TOKEN_CREATED, actor=actor, at=now, token=str(token.id)
        )
    return token, secret


def authenticate(sessions: Sessions, secret: str, *, now: datetime, ip: str | None) -> Actor | None:
    """Return who holds this secret, ``None`` when it is unknown, revoked or expired."""
    with sessions() as session:
        read_alone(session)
        found = people.token_by_hash(session, _hash(secret))
    if found is None:
        return None
    token, person = found
    if token.revoked_at is not None or (token.expires_at and token.expires_at <= now):
        return None
    if token.last_used_at is None or now - token.last_used_at > _USE_IS_NOTED_EVERY:
        with sessions.begin() as session:
            used = update(ApiToken).where(ApiToken.id == token.id)
            session.execute(used.values(last_used_at=now))
    return Actor(person.id, is_admin=person.is_admin, ip=ip, scopes=frozenset(token.scopes))


def working(session: Session, *, actor: Actor, now: datetime) -> Sequence[ApiToken]:
    """Return the actor's own tokens that work, the newest first."""
    row = ApiToken
    good = (row.revoked_at.is_(None), or_(row.expires_at.is_(None), row.expires_at > now))
    own = select(row).where(row.person_id == actor.person_id, *good)
    return session.scalars(own.order_by(row.id.desc())).all()


def revoke(sessions: Sessions, token_id: UUID, *, actor: Actor, now: datetime) -> None:
    """End a token at once. Somebody else's is :class:`NotFound`; ending it twice is harmless."""
    with sessions.begin() as session:
        token = session.get(ApiToken, token_id)
        if token is None or not (actor.is_admin or token.person_id == actor.person_id):
            raise NotFound("no such token")
        if token.revoked_at is None:
            token.revoked_at = now
            audit.record(
                session, AuditEvent.API_TOKEN_REVOKED, actor=actor, at=now, token=str(token.id)
            )


def _hash(secret: str) -> bytes:
    # The secret has 256 random bits: a plain hash is enough, nobody can search for it.
    return hashlib.sha256(secret.encode()).digest()
