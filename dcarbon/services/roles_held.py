"""Which roles a person has anywhere, so that pages offer only what can hold something."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.facilities import FacilityRole
from dcarbon.services.actors import Actor


def by(session: Session, actor: Actor) -> frozenset[str]:
    """Return the roles the actor has at any facility."""
    found = select(FacilityRole.role).where(FacilityRole.person_id == actor.person_id).distinct()
    return frozenset(session.scalars(found))
