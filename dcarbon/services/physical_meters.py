"""Which rows of meters are one physical meter: the same one can come by two authorizations, by two
providers, at two facilities. Counting it twice would claim the same energy twice.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, String, case, cast, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session, aliased

from dcarbon.db.generating_units import MeterClaim, sharing_days
from dcarbon.db.meters import Meter
from dcarbon.services.imports import PROVIDER as FILE
from dcarbon.services.readings_storing import UNNAMED

_OWN_IDS = ("utilityapi", FILE)
"""Providers whose ids of meters are not the utility's ids of service points."""


def claims_of_the_same(
    session: Session, meter_id: UUID, first_day: date, last_day: date | None
) -> list[MeterClaim]:
    """Return the claims, sharing a day, of other rows that are this physical meter.

    Two rows are one meter when, at the same utility, they have a meter number in common, or come by
    different authorizations and have a service agreement or service point in common: within one
    authorization the utility itself tells its meters apart. A file does not say whose it is, so
    its meters are compared with those of every utility.
    """
    this, other = aliased(Meter), aliased(Meter)
    same_utility = or_(
        func.lower(this.utility) == func.lower(other.utility),
        this.provider == FILE,
        other.provider == FILE,
    )
    same_source = this.authorization_id.is_not_distinct_from(other.authorization_id) & (
        this.facility_id == other.facility_id
    )
    same_service = _services(this).overlap(_services(other)) & ~same_source
    found = (
        select(MeterClaim)
        .join(other, other.id == MeterClaim.meter_id)
        .join(this, this.id == meter_id)
        .where(
            other.id != meter_id,
            sharing_days(first_day, last_day),
            same_utility,
            or_(_numbers(this).overlap(_numbers(other)), same_service),
        )
    )
    return list(session.scalars(found.order_by(MeterClaim.first_day)))


def doubt(session: Session, meter_id: UUID, first_day: date, last_day: date | None) -> str | None:
    """Say why a claim of these local days, both inclusive, is in doubt: a number learnt since it
    was made can show that another claim counts the same meter.
    """
    if not claims_of_the_same(session, meter_id, first_day, last_day):
        return None
    return (
        "The utility has since said that this is the same meter as another that is claimed on "
        "some of these days. Please end one of the two claims."
    )


def _numbers(meter: type[Meter]) -> ColumnElement[list[str]]:
    """Return the numbers on a meter as they compare: however they are padded or cased."""
    number = func.unnest(meter.meter_numbers).column_valued("number")
    plain = func.ltrim(func.upper(func.btrim(cast(number, String))), literal("0 "))
    found = select(func.array_agg(plain)).where(plain != "").scalar_subquery()
    return func.coalesce(found, literal([], ARRAY(String)), type_=ARRAY(String))


def _services(meter: type[Meter]) -> ColumnElement[list[str]]:
    """Return the utility's ids of the service a meter measures."""
    point = case(
        (meter.provider.not_in(_OWN_IDS) & (meter.external_id != UNNAMED), meter.external_id)
    )
    known = func.array_append(literal([], ARRAY(String)), meter.agreement_id)
    return func.array_remove(func.array_append(known, point), None, type_=ARRAY(String))
