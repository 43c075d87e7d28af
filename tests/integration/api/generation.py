"""Generating units, meters that may count and claims, as tests of routes want them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from dcarbon.services import (
    eligibility,
    generating_units,
    generation_reports,
    meter_claims,
)
from dcarbon.services.actors import Actor
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.runtime import Runtime
from tests.integration.services import metering

UNIT = {
    "name": "Roof",
    "nameplate_kw": "49.5",
    "commercial_operation_date": "2024-05-31",
    "fuel": "solar",
    "registry": "wregis",
}


def unit(runtime: Runtime, facility_id: UUID, actor: Actor) -> UUID:
    return generating_units.create(runtime, facility_id, answers=UNIT, actor=actor).id


def export_meter(runtime: Runtime, facility_id: UUID, actor: Actor) -> UUID:
    """Return a new two-way meter whose channel to the grid was chosen as export."""
    made = metering.meter(runtime, facility_id, "delivered", "received", "net")
    eligibility.choose(runtime, channel(runtime, made), wanted="hourly_export", actor=actor)
    return made


def channel(runtime: Runtime, meter_id: UUID, direction: str = "received") -> UUID:
    return metering.channel(runtime, meter_id, direction)


def report(runtime: Runtime, unit_id: UUID, actor: Actor) -> UUID:
    """Prepare March 2026, which is not over."""
    return generation_reports.prepare(runtime, unit_id, date(2026, 3, 1), actor=actor)


def claim(runtime: Runtime, unit_id: UUID, meter_id: UUID, actor: Actor) -> UUID:
    """Claim a meter from March 1, 2026 on."""
    new = NewClaim(meter_id, "hourly_export", date(2026, 3, 1))
    return meter_claims.claim(runtime, unit_id, new=new, actor=actor)
