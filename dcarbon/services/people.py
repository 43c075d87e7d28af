"""People: who may sign in."""

from __future__ import annotations

import re
from datetime import datetime

from dcarbon.db import people
from dcarbon.db.engine import Sessions
from dcarbon.db.people import Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput
from dcarbon.services import audit
from dcarbon.services.actors import Actor

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


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
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address):
        raise InvalidInput(
            "not an e-mail address", display_message="Please give a complete e-mail address."
        )
    if account_kind not in {"commercial", "residential"}:
        raise InvalidInput(
            "unknown account kind",
            display_message="The account kind is either commercial or residential.",
        )
    with sessions.begin() as session:
        found = people.person_by_email(session, address)
        if found is not None:
            return found
        person = Person(email=address, name=name, account_kind=account_kind, is_admin=is_admin)
        session.add(person)
        session.flush()
        audit.record(session, AuditEvent.PERSON_CREATED, actor=actor, at=now, person=str(person.id))
        return person
