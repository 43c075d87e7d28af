"""The operator's side of an invitation: what a link says, and accepting it, once.

Looking at a link never uses it up: mail scanners open links too. Sending is in ``invitations``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import people as people_table
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.db.registrations import Invitation
from dcarbon.domain import texts
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidTransition
from dcarbon.domain.secrets import hashed
from dcarbon.services import audit, facility_cards, mails, people, web_sessions
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

State = Literal["good", "accepted", "expired", "replaced", "withdrawn", "unknown"]

_LONGEST_SECRET = 128


class InvitationRefused(InvalidTransition):
    """The person clicking acts: the invitation can no longer be accepted."""

    code = "invitation_unknown"


REFUSALS: dict[State, str] = {
    state: texts.of(f"invitation_{state}").message
    for state in ("accepted", "expired", "replaced", "withdrawn", "unknown")
}
"""What happened and what to do, for each state in which a link cannot be used."""


@dataclass(frozen=True, slots=True)
class InvitedFacility:
    """What an invited person sees of a facility before accepting."""

    id: UUID
    name: str
    address: str
    owner: str
    time_zone: str


@dataclass(frozen=True, slots=True)
class InvitationState:
    """How an invitation stands. Facility and address are shown for known links only."""

    state: State
    facility: InvitedFacility | None = None
    email: str | None = None
    expires_at: datetime | None = None
    is_new_person: bool = False
    """Accepting makes an account for this address."""
    signs_in: bool = True
    """Accepting signs the browser in: not for administrators."""

    @property
    def words(self) -> str | None:
        """What happened and what to do, where the link cannot be used."""
        return REFUSALS.get(self.state)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Somebody is a facility's operator now. ``session_secret`` is for the cookie.

    It is ``None`` for administrators: an invitation lives too long to open the house with.
    """

    person: Person
    facility_id: UUID
    session_secret: str | None = field(repr=False)


def look(runtime: Runtime, secret: str) -> InvitationState:
    """Say how an invitation stands and change nothing: mail scanners open links too."""
    with runtime.sessions() as session:
        row = _found(session, secret)
        if row is None:
            return InvitationState("unknown")
        state = _state(row, now=runtime.now())
        if state != "good":
            return InvitationState(state)
        facility = session.get_one(Facility, row.facility_id)
        person = people_table.person_by_email(session, row.email)
        return InvitationState(
            state,
            facility=InvitedFacility(
                facility.id,
                facility.name,
                facility_cards.address_of(facility),
                called(session.get_one(Person, row.invited_by)),
                facility.time_zone,
            ),
            email=row.email,
            expires_at=row.expires_at,
            is_new_person=person is None,
            signs_in=person is None or not person.is_admin,
        )


def accept(runtime: Runtime, secret: str, *, ip: str | None, user_agent: str | None) -> Accepted:
    """Make the invited person the facility's operator and open a session, once.

    A person who is new gets a commercial account. Raises :class:`InvitationRefused` with
    ``invitation_accepted``, ``_expired``, ``_replaced``, ``_withdrawn`` or ``_unknown``.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = _found(session, secret, lock=True)
        state: State = "unknown" if row is None else _state(row, now=now)
        if row is None or state != "good":
            raise InvitationRefused(
                state, code=f"invitation_{state}", display_message=REFUSALS[state]
            )
        person = people.reader_of(session, row.email, account_kind="commercial", ip=ip, now=now)
        row.accepted_at, row.accepted_by = now, person.id
        _give_role(session, row.facility_id, person.id, now=now)
        actor = Actor(person.id, ip=ip)
        secret_of_session = None
        if not person.is_admin:
            secret_of_session = web_sessions.opened(
                session, runtime, person, how="invitation", ip=ip, user_agent=user_agent
            )
        _tell_owner(session, row, person, now=now)
        audit.record(
            session,
            AuditEvent.INVITATION_ACCEPTED,
            actor=actor,
            at=now,
            facility_id=row.facility_id,
            invitation=str(row.id),
        )
        return Accepted(person, row.facility_id, secret_of_session)


def _found(session: Session, secret: str, *, lock: bool = False) -> Invitation | None:
    if not 0 < len(secret) <= _LONGEST_SECRET:
        return None
    statement = select(Invitation).where(Invitation.secret_hash == hashed(secret))
    return session.scalar(statement.with_for_update() if lock else statement)


def _state(row: Invitation, *, now: datetime) -> State:
    if row.accepted_at is not None:
        return "accepted"
    if row.ended_at is not None:
        return "withdrawn" if row.end_reason == "withdrawn" else "replaced"
    return "expired" if row.expires_at <= now else "good"


def _give_role(session: Session, facility_id: UUID, person_id: UUID, *, now: datetime) -> None:
    held = session.get(FacilityRole, (facility_id, person_id))
    if held is None:
        role = FacilityRole(
            facility_id=facility_id, person_id=person_id, role="operator", since=now
        )
        session.add(role)
    elif held.role == "owner":
        held.role, held.since = "owner_operator", now


def _tell_owner(session: Session, row: Invitation, operator: Person, *, now: datetime) -> None:
    facility = session.get_one(Facility, row.facility_id)
    mails.queue(
        session,
        to=session.get_one(Person, row.invited_by).email,
        kind="invitation_accepted",
        context={"facility": facility.name, "operator": called(operator)},
        now=now,
        facility_id=facility.id,
    )


def called(person: Person) -> str:
    return person.name or person.email
