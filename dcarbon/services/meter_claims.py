"""Which meter counts for which generating unit, from which local day to which. Each day of a meter
is claimed once only: the database refuses a second claim, and we the same meter by another name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dcarbon.db import generating_units as db
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import MeterClaim
from dcarbon.db.meters import Meter
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.eligibility import CLAIMABLE, Eligibility
from dcarbon.domain.errors import ClaimRefused, InvalidInput, NotFound
from dcarbon.services import (
    audit,
    claim_checks,
    eligibility,
    generating_units,
    meters,
    physical_meters,
    role_names,
)
from dcarbon.services.actors import Actor
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.eligibility import MeterStanding
from dcarbon.services.generating_units import UnitView
from dcarbon.services.meters import MeterView
from dcarbon.services.runtime import Runtime


@dataclass(frozen=True, slots=True)
class ClaimView:
    """A claim as the people of the facility see it."""

    id: UUID
    generating_unit_id: UUID
    meter: MeterView
    basis: Eligibility
    first_day: date
    last_day: date | None
    created_by: str | None
    created_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    doubt: str | None
    """A sentence about why it does not count as it stands, if so: facts have changed since."""


def claim(runtime: Runtime, unit_id: UUID, *, new: NewClaim, actor: Actor) -> UUID:
    """Let a meter count for a unit; return the claim's id.

    Anybody with a role at the facility, and administrators. Raises :class:`ClaimRefused` with one
    of the codes of ``texts_claiming``, for nobody's sake otherwise; :class:`NotFound` for others'.
    """
    try:
        with runtime.sessions.begin() as session:
            return _claim(session, unit_id, new, actor=actor, now=runtime.now())
    except IntegrityError as error:
        if db.constraint_of(error) != db.ONE_CLAIM_A_DAY:
            raise
        # Somebody was faster. They have committed: what they claimed can be named now.
        with runtime.sessions() as session:
            raise claim_checks.overlap(session, new) from error


def end(runtime: Runtime, claim_id: UUID, *, last_day: date, actor: Actor) -> None:
    """Let a meter count no longer than a local day, inclusive.

    Raises :class:`ClaimRefused` (``claim_has_ended``, ``claim_days_reversed``,
    ``claim_in_future``), :class:`NotFound` for others'.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        db.hold_claims(session)
        row, unit = _get(session, claim_id, actor=actor)
        if row.last_day is not None:
            raise ClaimRefused("ended", field="last_day", code="claim_has_ended")
        meter = session.get_one(Meter, row.meter_id)
        claim_checks.require_days(row.first_day, last_day, today=_today(meter.time_zone, now))
        row.last_day, row.ended_by, row.ended_at = last_day, actor.person_id, now
        _record(session, AuditEvent.METER_CLAIM_ENDED, row, unit, actor=actor, at=now)


def withdraw(runtime: Runtime, claim_id: UUID, *, actor: Actor) -> None:
    """Take back a claim made by mistake, as if it had not been.

    Raises :class:`ClaimRefused` (``claim_is_reported``), :class:`NotFound` for others'.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        db.hold_claims(session)
        row, unit = _get(session, claim_id, actor=actor)
        claim_checks.require_unreported(session, row)
        session.delete(row)
        _record(session, AuditEvent.METER_CLAIM_WITHDRAWN, row, unit, actor=actor, at=now)


def of_facility(
    session: Session, facility_id: UUID, *, actor: Actor, now: datetime
) -> dict[UUID, list[ClaimView]]:
    """Return the claims of a facility's units, by unit, the newest first in each."""
    units = {one.id for one in generating_units.of_facility(session, facility_id, actor=actor)}
    rows = session.scalars(
        select(MeterClaim)
        .where(MeterClaim.generating_unit_id.in_(units))
        .order_by(MeterClaim.first_day.desc(), MeterClaim.id)
    ).all()
    standings = eligibility.of_facility(session, facility_id, actor=actor, now=now)
    by_meter = {one.meter.id: one for one in standings}
    names = role_names.of(
        session,
        [person for row in rows for person in (row.created_by, row.ended_by)],
        facility_id=facility_id,
        actor=actor,
    )
    found: dict[UUID, list[ClaimView]] = {unit: [] for unit in units}
    for row in rows:
        view = _view(session, row, by_meter[row.meter_id], names)
        found[row.generating_unit_id].append(view)
    return found


def get(session: Session, claim_id: UUID, *, actor: Actor, now: datetime) -> ClaimView:
    """Return one claim of a unit the actor may see; any other is :class:`NotFound`."""
    row, unit = _get(session, claim_id, actor=actor)
    claims = of_facility(session, unit.facility_id, actor=actor, now=now)[unit.id]
    return next(one for one in claims if one.id == row.id)


def _claim(session: Session, unit_id: UUID, new: NewClaim, *, actor: Actor, now: datetime) -> UUID:
    unit = generating_units.get(session, unit_id, actor=actor)
    meter = meters.get(session, new.meter_id, actor=actor)
    if meter.facility_id != unit.facility_id:
        raise NotFound("a meter of another facility")
    basis = _basis(new.basis)
    db.hold_claims(session)
    claim_checks.require_operating(unit, new.first_day)
    claim_checks.require_days(new.first_day, new.last_day, today=_today(meter.time_zone, now))
    facility = session.get_one(Facility, unit.facility_id)
    eligibility.propose(session, facility, now=now)
    (standing,) = eligibility.standings(session, [meter], actor=actor, now=now)
    claim_checks.require_eligible(standing, basis)
    claim_checks.require_free(session, new, actor=actor)
    claim_checks.require_one_basis(session, unit, new)
    row = MeterClaim(
        generating_unit_id=unit.id,
        meter_id=meter.id,
        basis=basis.value,
        first_day=new.first_day,
        last_day=new.last_day,
        created_by=actor.person_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    _record(session, AuditEvent.METER_CLAIMED, row, unit, actor=actor, at=now)
    return row.id


def _basis(word: str) -> Eligibility:
    if word not in CLAIMABLE:
        raise InvalidInput(
            "unknown basis", display_message="The basis is production or hourly_export."
        )
    return Eligibility(word)


def _today(zone: str, now: datetime) -> date:
    return now.astimezone(ZoneInfo(zone)).date()


def _get(session: Session, claim_id: UUID, *, actor: Actor) -> tuple[MeterClaim, UnitView]:
    """Return a claim with its unit."""
    row = session.get(MeterClaim, claim_id)
    if row is None:
        raise NotFound("no such claim")
    return row, generating_units.get(session, row.generating_unit_id, actor=actor)


def _view(
    session: Session, row: MeterClaim, standing: MeterStanding, names: dict[UUID, str]
) -> ClaimView:
    return ClaimView(
        id=row.id,
        generating_unit_id=row.generating_unit_id,
        meter=standing.meter,
        basis=Eligibility(row.basis),
        first_day=row.first_day,
        last_day=row.last_day,
        created_by=names.get(row.created_by) if row.created_by else None,
        created_at=row.created_at,
        ended_by=names.get(row.ended_by) if row.ended_by else None,
        ended_at=row.ended_at,
        doubt=_doubt(session, row, standing),
    )


def _doubt(session: Session, row: MeterClaim, standing: MeterStanding) -> str | None:
    """Say why a claim that was good is not any more: what utilities say of a meter changes."""
    try:
        claim_checks.require_eligible(standing, Eligibility(row.basis))
    except ClaimRefused as refused:
        return refused.display_message
    return physical_meters.doubt(session, row.meter_id, row.first_day, row.last_day)


def _record(
    session: Session,
    event: AuditEvent,
    row: MeterClaim,
    unit: UnitView,
    *,
    actor: Actor,
    at: datetime,
) -> None:
    audit.record(
        session,
        event,
        actor=actor,
        at=at,
        facility_id=unit.facility_id,
        unit=str(unit.id),
        meter=str(row.meter_id),
        claim=str(row.id),
        basis=row.basis,
        first_day=row.first_day.isoformat(),
        last_day=row.last_day.isoformat() if row.last_day else None,
    )
