"""What has to be so before a meter is claimed: refusals with stable codes that say what to do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim, sharing_days
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.db.meters import Meter
from dcarbon.domain import texts
from dcarbon.domain.eligibility import Eligibility, Refusal
from dcarbon.domain.errors import ClaimRefused
from dcarbon.services import eligibility, facilities, physical_meters
from dcarbon.services.actors import Actor
from dcarbon.services.eligibility import MeterStanding
from dcarbon.services.generating_units import UnitView


@dataclass(frozen=True, slots=True)
class NewClaim:
    """What is claimed: local days at the meter, both inclusive; ``None``: until further notice."""

    meter_id: UUID
    basis: str
    first_day: date
    last_day: date | None = None


def require_operating(unit: UnitView, first_day: date) -> None:
    began = unit.commercial_operation_date
    if first_day < began:
        raise ClaimRefused(
            "before operation",
            field="first_day",
            code="claim_before_operation",
            display_message=f"{unit.name} began commercial operation on {_day(began)}, and nothing "
            "before it can be claimed. Please choose that day or a later one, or put the date "
            "right.",
        )


def require_days(first_day: date, last_day: date | None, *, today: date) -> None:
    if first_day > today:
        raise ClaimRefused("future", field="first_day", code="claim_in_future")
    if last_day is not None and last_day > today:
        raise ClaimRefused("future", field="last_day", code="claim_in_future")
    if last_day is not None and last_day < first_day:
        raise ClaimRefused("reversed", field="last_day", code="claim_days_reversed")


def require_eligible(standing: MeterStanding, basis: Eligibility) -> None:
    """Refuse a meter of which no channel counts by this basis, with the most telling reason."""
    channels = standing.channels
    if any(one.counts_as is basis for one in channels):
        return
    for one in channels:
        if one.chosen is basis and one.doubt is not None:
            raise eligibility.refused(one.doubt, field="meter_id")
    refusals = [one.refusals[basis] for one in channels if basis in one.refusals]
    if channels and len(refusals) == len(channels):
        raise eligibility.refused(_most_telling(refusals), field="meter_id")
    raise ClaimRefused("not chosen", field="meter_id", code="eligibility_not_chosen")


_TELLING = ("estimates_never_claimed", "not_a_production_meter", "net_never_claimed")


def _most_telling(refusals: Collection[Refusal]) -> Refusal:
    by_code = {refusal.code: refusal for refusal in refusals}
    return next((by_code[code] for code in _TELLING if code in by_code), next(iter(refusals)))


def require_free(session: Session, new: NewClaim, *, actor: Actor) -> None:
    if _overlapping(session, new):
        raise overlap(session, new)
    same = physical_meters.claims_of_the_same(session, new.meter_id, new.first_day, new.last_day)
    if not same:
        return
    seen = session.scalars(
        select(Meter.id).where(
            Meter.id.in_([one.meter_id for one in same]),
            Meter.facility_id.in_(facilities.scope(actor)),
        )
    ).first()
    words = texts.of("claimed_elsewhere").message
    if seen is not None:
        row = next(one for one in same if one.meter_id == seen)
        meter, unit = session.get_one(Meter, seen), _unit_of(session, row)
        place = session.get_one(Facility, unit.facility_id).name
        words = (
            f"The same meter is known as {_name(meter)} at {place}, and counts there for "
            f"{unit.name} {_span(row)}. Please end that claim first, or choose other days."
        )
    raise ClaimRefused(
        "the same meter by another row",
        field="meter_id",
        code="claimed_elsewhere",
        display_message=words,
    )


def require_one_basis(session: Session, unit: UnitView, new: NewClaim) -> None:
    other = session.scalars(
        select(MeterClaim).where(
            MeterClaim.generating_unit_id == unit.id,
            MeterClaim.basis != new.basis,
            sharing_days(new.first_day, new.last_day),
        )
    ).first()
    if other is not None:
        raise ClaimRefused("mixed bases", field="basis", code="claim_mixes_bases")


def _overlapping(session: Session, new: NewClaim) -> MeterClaim | None:
    return session.scalars(
        select(MeterClaim)
        .where(MeterClaim.meter_id == new.meter_id, sharing_days(new.first_day, new.last_day))
        .order_by(MeterClaim.first_day)
    ).first()


def require_unreported(session: Session, row: MeterClaim) -> None:
    """Refuse to take a claim back once a final report counted days of it."""
    reported = select(GenerationReport.id).where(
        GenerationReport.generating_unit_id == row.generating_unit_id,
        GenerationReport.state == "final",
        GenerationReport.month >= row.first_day.replace(day=1),
    )
    if row.last_day is not None:
        reported = reported.where(GenerationReport.month <= row.last_day)
    if session.scalars(reported).first() is not None:
        raise ClaimRefused("reported", field="claim", code="claim_is_reported")


def overlap(session: Session, new: NewClaim) -> ClaimRefused:
    """Return the refusal of a second claim, naming the first."""
    row = _overlapping(session, new)
    words = texts.of("claim_overlaps").message
    if row is not None:
        name = _name(session.get_one(Meter, row.meter_id))
        words = (
            f"Meter {name} counts for {_unit_of(session, row).name} {_span(row)} already, and "
            "each day is claimed once only. Please choose other days, or end that claim first."
        )
    return ClaimRefused(
        "overlapping claim", field="first_day", code="claim_overlaps", display_message=words
    )


def _unit_of(session: Session, row: MeterClaim) -> GeneratingUnit:
    return session.get_one(GeneratingUnit, row.generating_unit_id)


def _name(meter: Meter) -> str:
    return ", ".join(meter.meter_numbers) or meter.external_id


def _span(row: MeterClaim) -> str:
    first = _day(row.first_day)
    return f"from {first} on" if row.last_day is None else f"from {first} to {_day(row.last_day)}"


def _day(day: date) -> str:
    return f"{day:%b} {day.day}, {day.year}"
