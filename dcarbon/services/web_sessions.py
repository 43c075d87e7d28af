"""Browsers that are signed in: opening, recognising, listing and ending their sessions.

The cookie holds 256 random bits, the row their hash. Each sign-in makes a new one; a session ends
by signing out, from the list, when it was not used for long, or when it is too old.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import sign_in
from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.db.sign_in import WebSession
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import NotFound
from dcarbon.domain.secrets import hashed
from dcarbon.services import audit
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from dcarbon.settings import Settings

_SEEN_IS_NOTED_EVERY = timedelta(minutes=1)
_KEPT_FOR = timedelta(days=90)
"""Sessions that are over; the audit log says who signed in for much longer."""
_LONGEST_SECRET = 128
_LONGEST_BROWSER = 300
SCOPES = frozenset({"read", "write"})
"""A person at the own browser may do all that the person may do."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session as its person sees it. Instants are UTC."""

    id: UUID
    how: str
    ip: str | None
    browser: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    is_current: bool


def open_session(
    runtime: Runtime, person_id: UUID, *, how: str, ip: str | None, user_agent: str | None
) -> str:
    """Open a session in a transaction of its own and return the secret for the cookie.

    ``how`` is ``link``, ``invitation`` or ``oidc``. Raises :class:`NotFound` for nobody.
    """
    with runtime.sessions.begin() as session:
        person = session.get(Person, person_id)
        if person is None:
            raise NotFound("no such person")
        return opened(session, runtime, person, how=how, ip=ip, user_agent=user_agent)


def opened(
    session: Session,
    runtime: Runtime,
    person: Person,
    *,
    how: str,
    ip: str | None,
    user_agent: str | None,
) -> str:
    """Open a session in the caller's transaction and return the secret for the cookie."""
    secret, now = secrets.token_urlsafe(32), runtime.now()
    row = WebSession(
        id=new_id(),
        person_id=person.id,
        secret_hash=hashed(secret),
        how=how,
        ip=ip,
        browser=_line(user_agent),
        created_at=now,
        last_seen_at=now,
        expires_at=now + longest(runtime.settings, is_admin=person.is_admin),
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        AuditEvent.SIGNED_IN,
        actor=Actor(person.id, is_admin=person.is_admin, ip=ip),
        at=now,
        web_session=str(row.id),
        how=how,
    )
    return secret


def longest(settings: Settings, *, is_admin: bool) -> timedelta:
    """Return how long a session lives however much it is used."""
    hours = settings.admin_session_max_hours if is_admin else settings.session_max_hours
    return timedelta(hours=hours)


def actor_of(runtime: Runtime, session_secret: str, *, ip: str | None) -> Actor | None:
    """Return who is behind a cookie, ``None`` when it is unknown, ended or expired."""
    if not 0 < len(session_secret) <= _LONGEST_SECRET:
        return None
    now = runtime.now()
    with runtime.sessions.begin() as session:
        found = sign_in.session_by_hash(session, hashed(session_secret))
        if found is None:
            return None
        row, person = found
        if row.ended_at is not None or row.expires_at <= now:
            return None
        if row.last_seen_at <= _seen_after(runtime):
            return None
        # Somebody made an administrator meanwhile signs in anew after the shorter time.
        if row.created_at + longest(runtime.settings, is_admin=person.is_admin) <= now:
            return None
        if now - row.last_seen_at > _SEEN_IS_NOTED_EVERY:
            row.last_seen_at, row.ip = now, ip
        return Actor(person.id, is_admin=person.is_admin, ip=ip, scopes=SCOPES)


def sessions_of(runtime: Runtime, actor: Actor, *, current: str | None = None) -> list[SessionView]:
    """Return the actor's working sessions, the last used first; ``current`` is the cookie's."""
    if actor.person_id is None:
        return []
    own = hashed(current) if current else None
    with runtime.sessions() as session:
        rows = sign_in.open_sessions(
            session, actor.person_id, now=runtime.now(), seen_after=_seen_after(runtime)
        )
        return [
            SessionView(
                row.id,
                row.how,
                str(row.ip) if row.ip else None,
                row.browser,
                row.created_at,
                row.last_seen_at,
                row.expires_at,
                is_current=row.secret_hash == own,
            )
            for row in rows
        ]


def end_session(runtime: Runtime, session_id: UUID, actor: Actor) -> None:
    """End a session at once. Somebody else's is :class:`NotFound`; ending it twice is harmless."""
    with runtime.sessions.begin() as session:
        row = session.get(WebSession, session_id)
        if row is None or not (actor.is_admin or row.person_id == actor.person_id):
            raise NotFound("no such session")
        _end(session, row, runtime.now(), AuditEvent.SESSION_ENDED, actor)


def end_other_sessions(runtime: Runtime, actor: Actor, *, current: str | None) -> int:
    """End all of the actor's sessions but the one at hand, and return how many."""
    others = [v for v in sessions_of(runtime, actor, current=current) if not v.is_current]
    for view in others:
        end_session(runtime, view.id, actor)
    return len(others)


def sign_out(runtime: Runtime, session_secret: str, *, ip: str | None) -> None:
    """End the session behind a cookie, if there is one."""
    with runtime.sessions.begin() as session:
        found = sign_in.session_by_hash(session, hashed(session_secret))
        if found is not None:
            row, person = found
            actor = Actor(person.id, is_admin=person.is_admin, ip=ip)
            _end(session, row, runtime.now(), AuditEvent.SIGNED_OUT, actor)


def prune(session: Session, now: datetime) -> int:
    """Forget sessions that are long over, and return how many. Does not commit."""
    return sign_in.delete_sessions(session, over_before=now - _KEPT_FOR)


def _end(session: Session, row: WebSession, now: datetime, event: AuditEvent, actor: Actor) -> None:
    if row.ended_at is None:
        row.ended_at = now
        audit.record(session, event, actor=actor, at=now, web_session=str(row.id))


def _seen_after(runtime: Runtime) -> datetime:
    return runtime.now() - timedelta(hours=runtime.settings.session_idle_hours)


def _line(user_agent: str | None) -> str:
    return "".join(c for c in user_agent or "" if c.isprintable())[:_LONGEST_BROWSER]
