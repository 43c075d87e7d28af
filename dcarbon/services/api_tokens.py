"""API tokens: a name, a scope, a secret shown once; only its hash stays."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from dcarbon.db import people
from dcarbon.db.engine import Sessions, read_alone
from dcarbon.db.people import ApiToken, Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.domain.secrets import hashed
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

    It ends with the token that asks for it, if not before (``expires_at``).
    Raises :class:`NotFound` for an unknown person, or another one than the actor unless an admin
    asks; :class:`InvalidInput` for a wrong scope or name.
    """
    if not name.strip() or not scopes or set(scopes) - set(SCOPES):
        raise InvalidInput(
            "token needs a name and known scopes",
            display_message="A token needs a name, and the scopes read, write or both.",
        )
    ends = [at for at in (expires_at, actor.good_until) if at is not None]
    secret = PREFIX + secrets.token_urlsafe(32)
    with sessions.begin() as session:
        is_own = actor.is_admin or person_id == actor.person_id
        if not is_own or session.get(Person, person_id) is None:
            raise NotFound("no such person")
        token = ApiToken(
            person_id=person_id,
            name=name.strip(),
            secret_hash=hashed(secret),
            scopes=list(scopes),
            created_at=now,
            expires_at=min(ends, default=None),
        )
        session.add(token)
        session.flush()
        audit.record(
            session, AuditEvent.API_TOKEN_CREATED, actor=actor, at=now, token=str(token.id)
        )
    return token, secret


def require_own(scopes: Iterable[str], *, actor: Actor) -> None:
    """Raise :class:`InvalidInput` (``scope_not_yours``) for scopes that the actor does not have."""
    if not actor.scopes.issuperset(scopes):
        raise InvalidInput(
            "more than the asker has",
            code="scope_not_yours",
            display_message="A token cannot allow more than the one that asks for it.",
        )


def authenticate(sessions: Sessions, secret: str, *, now: datetime, ip: str | None) -> Actor | None:
    """Return who holds this secret, ``None`` when it is unknown, revoked or expired."""
    with sessions() as session:
        read_alone(session)
        found = people.token_by_hash(session, hashed(secret))
    if found is None:
        return None
    token, person = found
    if token.revoked_at is not None or (token.expires_at and token.expires_at <= now):
        return None
    if token.last_used_at is None or now - token.last_used_at > _USE_IS_NOTED_EVERY:
        with sessions.begin() as session:
            used = update(ApiToken).where(ApiToken.id == token.id)
            session.execute(used.values(last_used_at=now))
    return Actor(
        person.id,
        is_admin=person.is_admin,
        ip=ip,
        scopes=frozenset(token.scopes),
        good_until=token.expires_at,
    )


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
