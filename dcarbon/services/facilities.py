"""Facilities: registering one and finding the ones a person may see."""

from __future__ import annotations

from collections.abc import Sequence
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
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import audit
from dcarbon.services.actors import Actor

MAY_AUTHORIZE = frozenset({"operator", "owner_operator"})
"""Roles that may authorise a utility; a plain owner invites an operator instead."""


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

    Raises :class:`InvalidInput` for an empty name, an unknown role, kind or time zone.
    """
    _require_sensible(details, account_kind=account_kind, role=role)
    owner = person_id if actor.is_admin and person_id else actor.person_id
    if owner is None:
        raise InvalidInput("a facility needs a person")
    with sessions.begin() as session:
        facility = Facility(
            account_kind=account_kind, created_at=now, **_columns(details), auth_status=None
        )
        session.add(facility)
        session.flush()
        session.add(FacilityRole(facility_id=facility.id, person_id=owner, role=role, since=now))
        audit.record(
            session, AuditEvent.FACILITY_CREATED, actor=actor, at=now, facility_id=facility.id
        )
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
    role = facilities.role_of(session, facility_id, actor.person_id) if actor.person_id else None
    if role not in MAY_AUTHORIZE:
        raise InvalidInput(
            "role may not authorize",
            code="operator_needed",
            display_message="The operator of this facility authorizes the utility. Please invite "
            "the operator, or take the role Owner + Operator.",
        )
    return facility


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
