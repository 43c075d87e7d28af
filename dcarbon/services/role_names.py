"""Who did something at a facility, by the name its people may know them by."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.facilities import FacilityRole
from dcarbon.db.people import Person
from dcarbon.services.actors import Actor

_ADMIN = "an administrator of DCarbon"
_LEFT = "somebody who was here before"


def of(
    session: Session, person_ids: Collection[UUID | None], *, facility_id: UUID, actor: Actor
) -> dict[UUID, str]:
    """Return a name for each person: of those without a role here, only administrators see it."""
    wanted = {one for one in person_ids if one is not None}
    found = session.execute(
        select(Person, FacilityRole.role)
        .outerjoin(
            FacilityRole,
            (FacilityRole.person_id == Person.id) & (FacilityRole.facility_id == facility_id),
        )
        .where(Person.id.in_(wanted))
    )
    names: dict[UUID, str] = {}
    for person, role in found:
        is_known = role is not None or actor.is_admin or person.id == actor.person_id
        is_known = is_known and person.erased_at is None
        hidden = _ADMIN if person.is_admin else _LEFT
        names[person.id] = (person.name or person.email) if is_known else hidden
    return names
