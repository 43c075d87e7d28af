"""What deleting a person's data means: which facilities go, which stay, and which consents end.

A facility goes with its owner, unless it has another one. Elsewhere only the person goes, and the
consents that the person gave end, as if they had ended them: whose meter it is decides, not who
reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session, aliased

from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.domain.states import AuthStatus
from dcarbon.services import erasure
from dcarbon.services.erasure import Scope
from dcarbon.services.facilities import OWNERS


@dataclass(frozen=True, slots=True)
class PlannedFacility:
    """A facility that goes. Counts are of what is deleted; ``reported`` months are kept."""

    id: UUID
    name: str
    others: int
    """Other people with a role there: they are told."""
    readings: int
    payloads: int
    reported: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class LeftFacility:
    """A facility that stays: the person leaves it, and consents the person gave there end."""

    id: UUID
    name: str
    ends_access: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What carrying out a request would do, as things stand."""

    going: tuple[PlannedFacility, ...]
    left: tuple[LeftFacility, ...]

    @property
    def reported(self) -> int:
        return sum(len(one.reported) for one in self.going)

    @property
    def readings(self) -> int:
        return sum(one.readings for one in self.going)

    @property
    def payloads(self) -> int:
        return sum(one.payloads for one in self.going)


def of(session: Session, person_id: UUID) -> Plan:
    """Return what deleting a person's data would do. Changes nothing."""
    return Plan(
        tuple(_going(session, row, person_id) for row in facilities_going(session, person_id)),
        tuple(
            LeftFacility(row.id, row.name, ends_access=bool(consents))
            for row, consents in facilities_left(session, person_id)
        ),
    )


def facilities_going(session: Session, person_id: UUID) -> Sequence[Facility]:
    """Return the facilities that go with a person: those with no other owner."""
    mine, other = FacilityRole, aliased(FacilityRole)
    another = (other.facility_id == mine.facility_id) & (other.person_id != person_id)
    return session.scalars(
        select(Facility)
        .join(mine, mine.facility_id == Facility.id)
        .where(mine.person_id == person_id, mine.role.in_(OWNERS))
        .where(~exists(select(other.person_id).where(another, other.role.in_(OWNERS))))
        .order_by(Facility.id)
    ).all()


def facilities_left(
    session: Session, person_id: UUID
) -> list[tuple[Facility, Sequence[Authorization]]]:
    """Return the facilities that stay, each with the consents there that the person gave."""
    going = {row.id for row in facilities_going(session, person_id)}
    mine = session.scalars(
        select(Facility)
        .join(FacilityRole, FacilityRole.facility_id == Facility.id)
        .where(FacilityRole.person_id == person_id)
        .order_by(Facility.id)
    )
    return [(row, _consents(session, row.id, person_id)) for row in mine if row.id not in going]


def _consents(session: Session, facility_id: UUID, person_id: UUID) -> Sequence[Authorization]:
    row, attempt = Authorization, AuthorizationSession
    gave = exists(
        select(attempt.id).where(attempt.authorization_id == row.id, attempt.person_id == person_id)
    )
    return session.scalars(
        select(row).where(
            row.facility_id == facility_id,
            row.status != AuthStatus.REVOKED,
            or_(row.requested_by == person_id, gave),
        )
    ).all()


def _going(session: Session, row: Facility, person_id: UUID) -> PlannedFacility:
    found = erasure.look(session, Scope(row.id), payloads=True, readings=True)
    others = session.scalars(
        select(FacilityRole.person_id).where(
            FacilityRole.facility_id == row.id, FacilityRole.person_id != person_id
        )
    ).all()
    return PlannedFacility(
        row.id,
        row.name,
        len(others),
        found.readings.readings,
        len(found.payloads.hashes),
        tuple(sorted({report.month for report in found.held.reports})),
    )
