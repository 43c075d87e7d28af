"""Readings that arrived by themselves: stored as collected ones are, payload by payload."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select

from dcarbon.db.meters import Meter
from dcarbon.services.ingestion import Ingested
from dcarbon.services.runtime import Runtime
from tests.integration.services.histories import DIRECTIONS, HOUR_S, Payload, Said, land, midnight

ZONE = ZoneInfo("America/Los_Angeles")
POINT = "usage point 7"
HOUR = timedelta(hours=1)


def hours(
    first: date,
    days: int,
    *,
    value: int = 1000,
    odd: Mapping[datetime, tuple[int | None, int | None]] | None = None,
) -> list[Said]:
    """Return hourly readings of whole local days, both directions; ``odd`` has the value and the
    quality of some starts, ``None`` for a missing one.
    """
    start, end = midnight(first, ZONE), midnight(first + timedelta(days=days), ZONE)
    said = []
    for n in range(int((end - start) / HOUR)):
        at = start + n * HOUR
        stated, quality = (odd or {}).get(at, (value, 17))
        if stated is not None:
            said += [Said(one, at, HOUR_S, stated, quality) for one in DIRECTIONS]
    return said


def state(
    runtime: Runtime,
    facility_id: UUID,
    readings: list[Said],
    *,
    at: datetime,
    asked: tuple[date, date] | None = None,
) -> Ingested:
    """Store what a utility stated at a time, of one meter."""
    return land(runtime, facility_id, POINT, ZONE, Payload(at, 0, tuple(readings), asked))


def meter_of(runtime: Runtime, facility_id: UUID) -> UUID:
    with runtime.sessions() as session:
        return session.scalars(select(Meter.id).where(Meter.facility_id == facility_id)).one()
