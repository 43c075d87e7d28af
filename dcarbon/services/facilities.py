"""Facilities: registering one and finding the ones a person may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from dcarbon.db import facilities
from dcarbon.db.engine import Sessions
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.domain import facility_answers
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import AnswersInvalid, InvalidInput, NotFound
from dcarbon.services import audit
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

MAY_AUTHORIZE = frozenset({"operator", "owner_operator"})
"""Roles that may authorise a utility; a plain owner invites an operator instead."""
OWNERS = frozenset({"owner", "owner_operator"})
MAY_EDIT = OWNERS
"""Roles that may change what is said of a facility, and invite an operator."""


@dataclass(frozen=True, slots=True)
class FacilityDetails:
    """What is asked when a facility is registered. Only the name is needed."""

    name: str
    street: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    time_zone: str = "America/Los_Angeles"
    finance_type: str | None = None
    finance_company: str | None = None
    installer: str | None = None
    system_size_kw: Decimal | None = None
    commercial_operation_date: date | None = None


def create(
    sessions: Sessions,
    details: FacilityDetails,
    *,
    account_kind: str,
    role: str,
    actor: Actor,
    now: datetime,
    person_id: UUID | None = None,
) -> Facility:
    """Register a facility with one person in a role (the actor, unless an admin names another).

    Raises :class:`InvalidInput` for an empty name, an unknown role, kind, time zone or person.
    """
    _require_sensible(details, account_kind=account_kind, role=role)
    owner = person_id if actor.is_admin and person_id else actor.person_id
    if owner is None:
        raise InvalidInput("a facility needs a person")
    with sessions.begin() as session:
        if session.get(Person, owner) is None:
            raise InvalidInput("unknown person", display_message="There is no person with this id.")
        return add(
            session,
            _columns(details),
            account_kind=account_kind,
            role=role,
            person_id=owner,
            actor=actor,
            now=now,
        )


def add(
    session: Session,
    values: Mapping[str, object],
    *,
    account_kind: str,
    role: str,
    person_id: UUID,
    actor: Actor,
    now: datetime,
) -> Facility:
    """Add a facility with one person in a role; ``values`` were found good. Does not commit."""
    facility = Facility(account_kind=account_kind, created_at=now, **values, auth_status=None)
    session.add(facility)
    session.flush()
    session.add(FacilityRole(facility_id=facility.id, person_id=person_id, role=role, since=now))
    audit.record(session, AuditEvent.FACILITY_CREATED, actor=actor, at=now, facility_id=facility.id)
    return facility


def get(session: Session, facility_id: UUID, *, actor: Actor) -> Facility:
    """Return a facility the actor may see; any other is :class:`NotFound`."""
    facility = session.scalar(
        select(Facility).where(Facility.id == facility_id, Facility.id.in_(scope(actor)))
    )
    if facility is None:
        raise NotFound("no such facility")
    return facility


def visible(session: Session, *, actor: Actor) -> Sequence[Facility]:
    """Return the facilities the actor may see, newest first."""
    return session.scalars(
        select(Facility).where(Facility.id.in_(scope(actor))).order_by(Facility.id.desc())
    ).all()


def require_may_authorize(session: Session, facility_id: UUID, *, actor: Actor) -> Facility:
    """Return the facility if the actor may authorise a utility for it.

    Not visible is :class:`NotFound`; visible but only owned is :class:`InvalidInput` with words.
    """
    facility = get(session, facility_id, actor=actor)
    if actor.is_admin:
        return facility
    if role_at(session, facility_id, actor=actor) not in MAY_AUTHORIZE:
        raise InvalidInput(
            "role may not authorize",
            code="operator_needed",
        )
    return facility


def require_may_edit(session: Session, facility_id: UUID, *, actor: Actor) -> Facility:
    """Return the facility if the actor owns it; one they only operate is :class:`InvalidInput`."""
    facility = get(session, facility_id, actor=actor)
    if not actor.is_admin and role_at(session, facility_id, actor=actor) not in MAY_EDIT:
        raise InvalidInput(
            "role may not edit",
            code="owner_needed",
        )
    return facility


def role_at(session: Session, facility_id: UUID, *, actor: Actor) -> str | None:
    """Return the actor's role at a facility, ``None`` without one (as for most admins)."""
    if actor.person_id is None:
        return None
    return facilities.role_of(session, facility_id, actor.person_id)


def update(
    runtime: Runtime, facility_id: UUID, *, answers: Mapping[str, str], actor: Actor
) -> Facility:
    """Change some details of a facility, as typed; what is not named stays. Owners only.

    Raises :class:`AnswersInvalid` with a sentence per field, and changes nothing then.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        facility = require_may_edit(session, facility_id, actor=actor)
        found = facility_answers.read({**answers_of(facility), **answers}, today=now.date())
        # Imported and older facilities may lack what is asked today: only what is sent is judged.
        errors = {name: words for name, words in found.errors.items() if name in answers}
        if unknown := set(answers) - set(facility_answers.FIELDS):
            errors |= dict.fromkeys(unknown, "This is not something a facility has.")
        if errors:
            raise AnswersInvalid(errors)
        write_details(session, facility, {n: found.values[n] for n in answers}, actor=actor, at=now)
        return facility


def write_details(
    session: Session,
    facility: Facility,
    values: Mapping[str, object],
    *,
    actor: Actor,
    at: datetime,
) -> None:
    """Write details that were found good, and which fields changed into the audit log."""
    changed = sorted(name for name, value in values.items() if getattr(facility, name) != value)
    for name in changed:
        setattr(facility, name, values[name])
    if changed:
        audit.record(
            session,
            AuditEvent.FACILITY_UPDATED,
            actor=actor,
            at=at,
            facility_id=facility.id,
            fields=changed,
        )


def answers_of(facility: Facility) -> dict[str, str]:
    """Return a facility's details as they would be typed."""
    found: dict[str, str] = {}
    for name in facility_answers.FIELDS:
        value = getattr(facility, name)
        if isinstance(value, Decimal):
            found[name] = f"{value.normalize():f}"
        else:
            found[name] = "" if value is None else str(value)
    return found


def scope(actor: Actor) -> Select[UUID]:
    """Select the ids of the facilities an actor may see."""
    person = actor.person_id or UUID(int=0)
    return facilities.visible_to(person, is_admin=actor.is_admin)


def _require_sensible(details: FacilityDetails, *, account_kind: str, role: str) -> None:
    if not details.name.strip():
        raise InvalidInput("no name", display_message="Please give the facility a name.")
    if account_kind not in {"commercial", "residential"}:
        raise InvalidInput("unknown account kind")
    if role not in {"owner", "operator", "owner_operator"}:
        raise InvalidInput(
            "unknown role", display_message="The role is owner, operator or owner_operator."
        )
    try:
        ZoneInfo(details.time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(
            "unknown time zone", display_message="This time zone is not known."
        ) from error


def _columns(details: FacilityDetails) -> dict[str, object]:
    return {name: getattr(details, name) for name in FacilityDetails.__slots__}
