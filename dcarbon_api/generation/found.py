"""What an address of the page Generation speaks of. Whatever is not of its facility is NotFound."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from dcarbon.db.facilities import Facility
from dcarbon.domain.errors import NotFound
from dcarbon.services import (
    eligibility,
    eligibility_history,
    facilities,
    generating_units,
    meter_claims,
)
from dcarbon.services.generating_units import UnitView
from dcarbon.services.meter_claims import ClaimView
from dcarbon_api.context import current_actor, current_runtime
from dcarbon_api.dashboard.facility_page import name_of
from dcarbon_api.generation import page
from dcarbon_api.generation.page import ShownChannel, ShownMeter


def facility(facility_id: UUID) -> Facility:
    with current_runtime().sessions() as session:
        return facilities.get(session, facility_id, actor=current_actor())


def unit(facility_id: UUID, unit_id: UUID) -> UnitView:
    with current_runtime().sessions() as session:
        view = generating_units.get(session, unit_id, actor=current_actor())
    if view.facility_id != facility_id:
        raise NotFound("a unit of another facility")
    return view


def meters(facility_id: UUID) -> list[ShownMeter]:
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        return page.meters_of(session, facility_id, runtime=runtime, actor=actor)


def claim(facility_id: UUID, claim_id: UUID) -> ClaimView:
    runtime = current_runtime()
    with runtime.sessions() as session:
        view = meter_claims.get(session, claim_id, actor=current_actor(), now=runtime.now())
    if view.meter.facility_id != facility_id:
        raise NotFound("a claim of another facility")
    return view


def channel(facility_id: UUID, channel_id: UUID) -> dict[str, Any]:
    """Return what the page of one channel shows."""
    runtime, actor = current_runtime(), current_actor()
    with runtime.sessions() as session:
        place = facilities.get(session, facility_id, actor=actor)
        meter, standing = eligibility.of_channel(
            session, channel_id, actor=actor, now=runtime.now()
        )
        past = eligibility_history.of_channel(session, channel_id, actor=actor)
    if meter.facility_id != facility_id:
        raise NotFound("a channel of another facility")
    return {
        "facility": place,
        "meter": meter,
        "meter_name": name_of(meter),
        "shown": ShownChannel(standing),
        "history": past,
    }
