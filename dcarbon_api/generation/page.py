"""What the page Generation shows, gathered from the services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dcarbon.domain import eligibility as rules
from dcarbon.domain.eligibility import Eligibility
from dcarbon.services import eligibility, facilities, generating_units, meter_claims
from dcarbon.services.actors import Actor
from dcarbon.services.eligibility import ChannelStanding, MeterStanding
from dcarbon.services.generating_units import UnitView
from dcarbon.services.meter_claims import ClaimView
from dcarbon.services.meters import MeterView
from dcarbon.services.runtime import Runtime
from dcarbon_api.dashboard.facility_page import name_of
from dcarbon_api.generation.wording import ELIGIBILITIES
from dcarbon_api.generation_reports import showing


@dataclass(frozen=True, slots=True)
class ShownUnit:
    """A unit with its claims, newest first, each with the name of its meter."""

    unit: UnitView
    claims: tuple[tuple[ClaimView, str], ...]


@dataclass(frozen=True, slots=True)
class ShownChannel:
    """A channel as it stands: what is shown of it, why, and whether somebody has to decide."""

    standing: ChannelStanding

    @property
    def word(self) -> Eligibility:
        return self.standing.chosen or self.standing.proposed

    @property
    def rule(self) -> rules.Rule:
        return self.standing.chosen_rule or self.standing.proposed_rule

    @property
    def is_open(self) -> bool:
        """Could it count, and has nobody decided?"""
        return self.standing.chosen is None and len(self.standing.refusals) < len(rules.CLAIMABLE)


@dataclass(frozen=True, slots=True)
class ShownMeter:
    meter: MeterView
    name: str
    channels: tuple[ShownChannel, ...]
    counts_as: Eligibility | None
    """The basis by which a claim of this meter counts, if any."""


def of(session: Session, facility_id: UUID, *, runtime: Runtime, actor: Actor) -> dict[str, Any]:
    """Return what the template wants. Somebody else's facility is :class:`NotFound`."""
    facility = facilities.get(session, facility_id, actor=actor)
    units = generating_units.of_facility(session, facility_id, actor=actor)
    claims = meter_claims.of_facility(session, facility_id, actor=actor, now=runtime.now())
    return {
        "facility": facility,
        "units": [
            ShownUnit(unit, tuple((one, name_of(one.meter)) for one in claims[unit.id]))
            for unit in units
        ],
        "meters": meters_of(session, facility_id, runtime=runtime, actor=actor),
        "reports": showing.section(session, facility_id, actor=actor, now=runtime.now()),
    }


def meters_of(
    session: Session, facility_id: UUID, *, runtime: Runtime, actor: Actor
) -> list[ShownMeter]:
    """Return the meters of a facility, those that can count first."""
    found = eligibility.of_facility(session, facility_id, actor=actor, now=runtime.now())
    shown = [_meter(one) for one in found]
    return sorted(
        shown, key=lambda one: not (one.counts_as or any(c.is_open for c in one.channels))
    )


def choices(meters: Sequence[ShownMeter]) -> dict[str, str]:
    """Return the meters a claim can be made of, by id, each with how it would count."""
    return {str(one.meter.id): f"{one.name}: {_use(one)}" for one in meters}


def basis_of(meters: Sequence[ShownMeter], meter_id: UUID) -> str:
    """Return how a meter counts; of one that does not, a claim by export says why."""
    found = next((one.counts_as for one in meters if one.meter.id == meter_id), None)
    return found or Eligibility.HOURLY_EXPORT


def first_day(unit: UnitView, meters: Sequence[ShownMeter]) -> date:
    """Return the day a claim most likely begins: with the readings, but not before the unit."""
    starts = [
        channel.standing.channel.first_start.astimezone(ZoneInfo(one.meter.time_zone)).date()
        for one in meters
        if one.counts_as
        for channel in one.channels
        if channel.standing.counts_as and channel.standing.channel.first_start
    ]
    return max(unit.commercial_operation_date, min(starts, default=date.min))


def _meter(standing: MeterStanding) -> ShownMeter:
    counted = [one.counts_as for one in standing.channels if one.counts_as]
    return ShownMeter(
        standing.meter,
        name_of(standing.meter),
        tuple(ShownChannel(one) for one in standing.channels),
        counted[0] if counted else None,
    )


def _use(meter: ShownMeter) -> str:
    if meter.counts_as:
        return f"counts as {ELIGIBILITIES[meter.counts_as].lower()}"
    if any(channel.is_open for channel in meter.channels):
        return "nobody has decided what it may be used for"
    return "never claimed"
