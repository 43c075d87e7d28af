"""People: who may sign in."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import people
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.people import Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import audit
from dcarbon.services.actors import Actor

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST_ADDRESS = 254
_LONGEST_NAME = 120


def address_of(text: str) -> str:
    """Return an e-mail address as we keep it. Raises :class:`InvalidInput` if it cannot be one."""
    address = text.strip().lower()
    if not _EMAIL.fullmatch(address) or len(address) > _LONGEST_ADDRESS:
        raise InvalidInput(
            "not an e-mail address", display_message="Please give a complete e-mail address."
        )
    return address


def ensure(
    sessions: Sessions,
    *,
    email: str,
    account_kind: str,
    actor: Actor,
    now: datetime,
    name: str = "",
    is_admin: bool = False,
) -> Person:
    """Return the person with this address, created when new.

    Raises :class:`InvalidInput` for an address that cannot be one or an unknown account kind.
    """
    address = address_of(email)
    _require_kind(account_kind)
    with sessions.begin() as session:
        found = people.person_by_email(session, address)
        if found is not None:
            return found
        person = Person(email=address, name=name, account_kind=account_kind, is_admin=is_admin)
        return _add(session, person, actor=actor, now=now)


def reader_of(
    session: Session, address: str, *, account_kind: str, ip: str | None, now: datetime
) -> Person:
    """Return who reads the mail of this address, created by themselves when new: they came by a
    link in one. Does not commit.
    """
    found = people.person_by_email(session, address)
    if found is not None:
        return found
    person = Person(id=new_id(), email=address, name="", account_kind=account_kind, is_admin=False)
    return _add(session, person, actor=Actor(person.id, ip=ip), now=now)


def one(session: Session, person_id: UUID) -> Person | None:
    return session.get(Person, person_id)


def describe(
    sessions: Sessions, *, name: str, account_kind: str, actor: Actor, now: datetime
) -> None:
    """Keep what a person says of themselves: a name and the kind of account.

    Raises :class:`InvalidInput` for an empty or overlong name or an unknown kind.
    """
    told = " ".join(name.split())
    if not told or len(told) > _LONGEST_NAME or not told.isprintable():
        raise InvalidInput(
            "name missing or too long", display_message="Please give a name of up to 120 letters."
        )
    _require_kind(account_kind)
    with sessions.begin() as session:
        person = session.get(Person, actor.person_id)
        if person is None:
            raise NotFound("no such person")
        person.name, person.account_kind = told, account_kind
        audit.record(session, AuditEvent.PERSON_UPDATED, actor=actor, at=now, person=str(person.id))


def make_admin(sessions: Sessions, *, email: str, actor: Actor, now: datetime) -> Person:
    """Return the person with this address as an administrator, created or promoted as needed.

    Raises :class:`InvalidInput` for what cannot be an address.
    """
    person = ensure(sessions, email=email, account_kind="commercial", actor=actor, now=now)
    with sessions.begin() as session:
        row = session.get_one(Person, person.id, with_for_update=True)
        if not row.is_admin:
            row.is_admin = True
            audit.record(session, AuditEvent.ADMIN_CREATED, actor=actor, at=now, person=str(row.id))
        return row


def _add(session: Session, person: Person, *, actor: Actor, now: datetime) -> Person:
    session.add(person)
    session.flush()
    audit.record(session, AuditEvent.PERSON_CREATED, actor=actor, at=now, person=str(person.id))
    return person


def _require_kind(account_kind: str) -> None:
    if account_kind not in {"commercial", "residential"}:
        raise InvalidInput(
            "unknown account kind",
            display_message="The account kind is either commercial or residential.",
        )
