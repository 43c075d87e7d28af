"""What an administrator ends by revoking an authorization: said before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import InvalidTransition
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.services import authorization_details, authorization_endings, revocation
from dcarbon.services.actors import Actor


@dataclass(frozen=True, slots=True)
class EndingPreview:
    """What is lost, what is kept and who is told. Times are UTC."""

    authorization_id: UUID
    facility_id: UUID
    facility_name: str
    utility: str
    time_zone: str
    meters: int
    readings_from: datetime | None
    readings_to: datetime | None
    last_sync: datetime | None
    is_behind: bool
    """Readings are outstanding; they are fetched once more before the provider is told."""
    is_landed_first: bool
    is_provider_told: bool
    deletes_at_provider: bool
    """The provider deletes its copy of the data when it is told."""
    open_orders: int
    """Collections and renewals under way that are cancelled."""
    units: tuple[str, ...]
    """Generating units that count one of its meters today or later."""
    told: tuple[str, ...]
    """Who gets a mail, by name."""


def of(session: Session, authorization_id: UUID, *, actor: Actor, now: datetime) -> EndingPreview:
    """Return what ending an authorization means.

    Raises :class:`NotFound`, :class:`InvalidTransition` for one that is revoked already.
    """
    row = authorization_details.get(session, authorization_id, actor=actor)
    if row.status == AuthStatus.REVOKED:
        raise InvalidTransition("revoked already", code="ended_on_purpose")
    facility = session.get_one(Facility, row.facility_id)
    meters, first, last = _readings(session, row.id)
    knows = authorization_endings.provider_knows(session, row)
    return EndingPreview(
        authorization_id=row.id,
        facility_id=facility.id,
        facility_name=facility.name,
        utility=row.utility,
        time_zone=facility.time_zone,
        meters=meters,
        readings_from=first,
        readings_to=last,
        last_sync=row.last_sync,
        is_behind=revocation.is_behind(session, row, now=now),
        is_landed_first=row.status == AuthStatus.AUTHORIZED,
        is_provider_told=knows,
        deletes_at_provider=knows and row.method == AuthMethod.UTILITYAPI,
        open_orders=_open_orders(session, row.id),
        units=_units(session, row.id, now),
        told=_told(session, row.facility_id),
    )


def _readings(
    session: Session, authorization_id: UUID
) -> tuple[int, datetime | None, datetime | None]:
    found = session.execute(
        select(
            func.count(Meter.id.distinct()), func.min(Series.first_start), func.max(Series.last_end)
        )
        .outerjoin(MeterChannel, MeterChannel.meter_id == Meter.id)
        .outerjoin(Series, Series.channel_id == MeterChannel.id)
        .where(Meter.authorization_id == authorization_id)
    ).one()
    return found[0], found[1], found[2]


def _open_orders(session: Session, authorization_id: UUID) -> int:
    cancelled = select(func.count(WorkOrder.id)).where(
        WorkOrder.authorization_id == authorization_id,
        WorkOrder.kind.in_(("collect", "repull", "rotate")),
        WorkOrder.done_at.is_(None),
    )
    return session.scalar(cancelled) or 0


def _units(session: Session, authorization_id: UUID, now: datetime) -> tuple[str, ...]:
    counting = (
        select(GeneratingUnit.name)
        .join(MeterClaim, MeterClaim.generating_unit_id == GeneratingUnit.id)
        .join(Meter, Meter.id == MeterClaim.meter_id)
        .where(
            Meter.authorization_id == authorization_id,
            or_(MeterClaim.last_day.is_(None), MeterClaim.last_day >= now.date()),
        )
        .distinct()
        .order_by(GeneratingUnit.name)
    )
    return tuple(session.scalars(counting))


def _told(session: Session, facility_id: UUID) -> tuple[str, ...]:
    people = session.scalars(
        select(Person)
        .join(FacilityRole, FacilityRole.person_id == Person.id)
        .where(FacilityRole.facility_id == facility_id)
        .order_by(Person.id)
    )
    return tuple(one.name or one.email for one in people)
