"""A solar roof for tests of reports: a unit, and hourly readings in both directions from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from dcarbon.db.facilities import Facility
from dcarbon.db.meters import Meter, MeterChannel
from dcarbon.domain.calendar import day_bounds
from dcarbon.services import (
    derived_energy,
    eligibility,
    generating_units,
    imports,
    meter_claims,
    monthly_generation,
)
from dcarbon.services.actors import Actor
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.runtime import Runtime
from tests.unit.providers.green_button.espi import writing

ZONE = ZoneInfo("America/Los_Angeles")
HOUR_S = 3600
EXPORT, IMPORT = "ReadingType/19", "ReadingType/1"
Hour = Callable[[str, datetime], int | None]
"""Wh of one local hour in one direction, ``None`` where nothing is said."""


def sunny(direction: str, hour: datetime) -> int:
    """Six hours a day 80 kWh out and 10 kWh in, 12.6 MWh a month of 30 days; at night 5 kWh in."""
    is_day = 10 <= hour.hour < 16
    if direction == "received":
        return 80_000 if is_day else 0
    return 10_000 if is_day else 5_000


def feed(first: date, last: date, hour: Hour = sunny, *, point: str = "7") -> bytes:
    """Return a Green Button file of the local days from ``first`` to ``last``, inclusive."""
    href = f"{writing.BASE}/Subscription/1/UsagePoint/{point}"
    entries = [writing.usage_point(href)]
    for number, (direction, kind, flow) in enumerate(
        (("delivered", IMPORT, 1), ("received", EXPORT, 19)), start=1
    ):
        reading = f"{href}/MeterReading/{number}"
        said = _readings(first, last, direction, hour)
        entries += [
            writing.meter_reading(reading, kind),
            writing.reading_type(kind, flowDirection=flow, intervalLength=HOUR_S),
            writing.block(said, f"{reading}/IntervalBlock/1"),
        ]
    return writing.feed(*entries)


def _readings(first: date, last: date, direction: str, hour: Hour) -> str:
    start, end = day_bounds(first, ZONE)[0], day_bounds(last, ZONE)[1]
    found: list[str] = []
    while start < end:
        value = hour(direction, start.astimezone(ZONE))
        if value is not None:
            found.append(writing.reading(value, int(start.timestamp()), HOUR_S, quality=17))
        start += timedelta(hours=1)
    return "".join(found)


@dataclass(frozen=True)
class Roof:
    """A facility with a two-way meter that counts for a unit by hourly export."""

    runtime: Runtime
    facility: Facility
    actor: Actor
    unit_id: UUID
    meter_id: UUID
    folder: Path

    def take_in(self, content: bytes) -> None:
        """Import a file of the utility's, as a person would, and derive what follows from it."""
        import_feed(self.runtime, self.facility, self.folder, content, self.actor)
        derive(self.runtime)


def build(
    runtime: Runtime,
    facility: Facility,
    actor: Actor,
    folder: Path,
    content: bytes,
    *,
    claim_from: date,
    **answers: str,
) -> Roof:
    """Import ``content``, choose its export, register a unit and let the meter count for it."""
    import_feed(runtime, facility, folder, content, actor)
    with runtime.sessions() as session:
        meter = session.scalars(select(Meter).where(Meter.facility_id == facility.id)).one()
        export = session.scalars(
            select(MeterChannel).where(
                MeterChannel.meter_id == meter.id, MeterChannel.direction == "received"
            )
        ).one()
    eligibility.choose(runtime, export.id, wanted="hourly_export", actor=actor)
    unit = generating_units.create(
        runtime, facility.id, answers={**ANSWERS, **answers}, actor=actor
    )
    claimed = NewClaim(meter.id, "hourly_export", claim_from, None)
    meter_claims.claim(runtime, unit.id, new=claimed, actor=actor)
    derive(runtime)
    return Roof(runtime, facility, actor, unit.id, meter.id, folder)


ANSWERS = {
    "name": "Roof",
    "nameplate_kw": "120",
    "commercial_operation_date": "2024-05-01",
    "fuel": "solar",
    "registry": "mrets",
    "registry_id": "M805",
    "reporting_unit_id": "",
}


def import_feed(
    runtime: Runtime, facility: Facility, folder: Path, content: bytes, actor: Actor
) -> None:
    path = folder / f"{datetime.now(UTC):%H%M%S%f}.xml"
    path.write_bytes(content)
    imports.import_file(runtime, facility, path, actor=actor)


def derive(runtime: Runtime) -> None:
    """Do what the derived assets do."""
    derived_energy.derive_changed(runtime.sessions, now=runtime.now())
    monthly_generation.derive_changed(runtime.sessions, now=runtime.now())
