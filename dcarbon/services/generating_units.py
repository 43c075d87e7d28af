"""Generating units of a facility: registering, changing and removing them, and how they stand.

Anybody with a role at the facility may, and administrators. Which meters count for a unit is in
``meter_claims``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dcarbon.db import generating_units as db
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim
from dcarbon.domain import generating_unit_answers as answers_of_units
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import AnswersInvalid, ClaimRefused, NotFound
from dcarbon.services import audit, eligibility, facilities
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

_COLUMNS = {"registry": "registry_key"}
"""Where a column is called otherwise than the answer."""


@dataclass(frozen=True, slots=True)
class UnitView:
    """A generating unit as the people of its facility see it."""

    id: UUID
    facility_id: UUID
    name: str
    nameplate_kw: Decimal
    commercial_operation_date: date
    fuel: str
    registry: str
    registry_id: str | None
    reporting_unit_id: str | None
    created_at: datetime
    updated_at: datetime


def create(
    runtime: Runtime, facility_id: UUID, *, answers: Mapping[str, str], actor: Actor
) -> UnitView:
    """Register a generating unit, as typed.

    Raises :class:`AnswersInvalid` with a sentence per field, :class:`ClaimRefused`
    (``registry_id_taken``), :class:`NotFound` for others' facilities.
    """
    now = runtime.now()
    values = _read(answers, today=now.date())
    with runtime.sessions.begin() as session:
        facility = facilities.get(session, facility_id, actor=actor)
        unit = GeneratingUnit(facility_id=facility_id, created_at=now, updated_at=now, **values)
        session.add(unit)
        _flush(session)
        eligibility.propose(session, facility, now=now)
        _record(session, AuditEvent.GENERATING_UNIT_CREATED, unit, actor=actor, at=now)
        return view_of(unit)


def change(
    runtime: Runtime, unit_id: UUID, *, answers: Mapping[str, str], actor: Actor
) -> UnitView:
    """Change what is said of a unit; what is not named stays.

    Raises what :func:`create` does, and :class:`ClaimRefused` (``operation_after_claims``).
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        unit = _get(session, unit_id, actor=actor)
        db.hold_claims(session)
        values = _read({**typed(view_of(unit)), **answers}, today=now.date())
        changed = sorted(name for name, value in values.items() if getattr(unit, name) != value)
        if not changed:
            return view_of(unit)
        _require_before_claims(session, unit, values["commercial_operation_date"])
        for name in changed:
            setattr(unit, name, values[name])
        unit.updated_at = now
        _flush(session)
        _record(
            session,
            AuditEvent.GENERATING_UNIT_UPDATED,
            unit,
            actor=actor,
            at=now,
            fields=changed,
        )
        return view_of(unit)


def remove(runtime: Runtime, unit_id: UUID, *, actor: Actor) -> UUID:
    """Remove a unit with its claims while nothing is reported; return its facility.

    Raises :class:`ClaimRefused` (``unit_is_reported``), :class:`NotFound` for others'.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        unit = _get(session, unit_id, actor=actor)
        db.hold_claims(session)
        claims = _claims(session, unit_id)
        session.execute(delete(MeterClaim).where(MeterClaim.generating_unit_id == unit_id))
        session.delete(unit)
        try:
            session.flush()
        except IntegrityError as error:
            raise ClaimRefused("reported", field="unit", code="unit_is_reported") from error
        _record(
            session, AuditEvent.GENERATING_UNIT_REMOVED, unit, actor=actor, at=now, claims=claims
        )
        return unit.facility_id


def of_facility(session: Session, facility_id: UUID, *, actor: Actor) -> list[UnitView]:
    """Return the units of a facility, oldest first. Others' facilities are NotFound."""
    facilities.get(session, facility_id, actor=actor)
    found = select(GeneratingUnit).where(GeneratingUnit.facility_id == facility_id)
    return [view_of(unit) for unit in session.scalars(found.order_by(GeneratingUnit.id))]


def get(session: Session, unit_id: UUID, *, actor: Actor) -> UnitView:
    """Return one unit the actor may see; any other is :class:`NotFound`."""
    return view_of(_get(session, unit_id, actor=actor))


def suggested(facility: Facility, existing: Sequence[UnitView]) -> dict[str, str]:
    """Return what the form for a new unit begins with: what the facility says of its system."""
    if existing:
        return {"fuel": existing[0].fuel, "registry": existing[0].registry}
    size, day = facility.system_size_kw, facility.commercial_operation_date
    return {
        "name": "Solar system",
        "nameplate_kw": f"{size.normalize():f}" if size is not None else "",
        "commercial_operation_date": day.isoformat() if day else "",
        "fuel": "solar",
    }


def typed(view: UnitView) -> dict[str, str]:
    """Return a unit's details as they would be typed."""
    found: dict[str, str] = {}
    for name in answers_of_units.FIELDS:
        value = getattr(view, name)
        shown = f"{value.normalize():f}" if isinstance(value, Decimal) else value
        found[name] = "" if shown is None else str(shown)
    return found


def view_of(unit: GeneratingUnit) -> UnitView:
    known = {name: getattr(unit, _COLUMNS.get(name, name)) for name in UnitView.__slots__}
    return UnitView(**known)


def _get(session: Session, unit_id: UUID, *, actor: Actor) -> GeneratingUnit:
    unit = session.scalar(
        select(GeneratingUnit).where(
            GeneratingUnit.id == unit_id,
            GeneratingUnit.facility_id.in_(facilities.scope(actor)),
        )
    )
    if unit is None:
        raise NotFound("no such generating unit")
    return unit


def _read(answers: Mapping[str, str], *, today: date) -> dict[str, object]:
    found = answers_of_units.read(answers, today=today)
    unknown = set(answers) - set(answers_of_units.FIELDS)
    errors = {**found.errors, **dict.fromkeys(unknown, "This is not something a unit has.")}
    if errors:
        raise AnswersInvalid(errors)
    return {_COLUMNS.get(name, name): value for name, value in found.values.items()}


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if db.constraint_of(error) != db.ONE_UNIT_A_REGISTRY_ID:
            raise
        raise ClaimRefused("taken", field="registry_id", code="registry_id_taken") from error


def _require_before_claims(session: Session, unit: GeneratingUnit, day: object) -> None:
    first = session.scalar(
        select(func.min(MeterClaim.first_day)).where(MeterClaim.generating_unit_id == unit.id)
    )
    if first is not None and isinstance(day, date) and day > first:
        raise ClaimRefused(
            "claimed before", field="commercial_operation_date", code="operation_after_claims"
        )


def _claims(session: Session, unit_id: UUID) -> int:
    counted = select(func.count()).where(MeterClaim.generating_unit_id == unit_id)
    return session.scalar(counted) or 0


def _record(
    session: Session,
    event: AuditEvent,
    unit: GeneratingUnit,
    *,
    actor: Actor,
    at: datetime,
    **more: object,
) -> None:
    details: dict[str, Any] = {"unit": str(unit.id), **more}
    audit.record(session, event, actor=actor, at=at, facility_id=unit.facility_id, **details)
