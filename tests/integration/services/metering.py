"""Meters with channels, for tests of what may be claimed from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.providers.profiles import PROFILES
from dcarbon.services.runtime import Runtime

PACIFIC = "America/Los_Angeles"


def meter(
    runtime: Runtime,
    facility_id: UUID,
    *directions: str,
    numbers: Sequence[str] = (),
    **columns: Any,
) -> UUID:
    """Create a meter with a channel of electric energy for each direction; return its id."""
    known: dict[str, Any] = {
        "provider": "pge",
        "utility": "PG&E",
        "external_id": new_id().hex,
        "commodity": "electricity",
        "time_zone": PACIFIC,
        "blocks": {},
    }
    with runtime.sessions.begin() as session:
        row = Meter(facility_id=facility_id, meter_numbers=list(numbers), **{**known, **columns})
        session.add(row)
        session.flush()
        for direction in directions:
            session.add(
                MeterChannel(
                    meter_id=row.id,
                    direction=direction,
                    unit="Wh",
                    commodity="electricity",
                    measure="usage",
                )
            )
        return row.id


def authorization(runtime: Runtime, facility_id: UUID, *, provider: str = "pge") -> UUID:
    """Create another consent, in force; return its id."""
    identity = new_id()
    with runtime.sessions.begin() as session:
        session.add(
            Authorization(
                id=identity,
                facility_id=facility_id,
                method="green_button",
                provider=provider,
                utility=PROFILES[provider].known_as,
                status="authorized",
                shard=shard_of(identity),
            )
        )
    return identity


def channel(runtime: Runtime, meter_id: UUID, direction: str) -> UUID:
    """Return the channel of a meter in one direction."""
    with runtime.sessions() as session:
        found = session.query(MeterChannel).filter_by(meter_id=meter_id, direction=direction)
        return found.one().id


def count_days(
    runtime: Runtime, channel_id: UUID, day: date, *, present: int, estimated: int
) -> None:
    """Say how many readings a channel has on a local day, and how many are estimates."""
    with runtime.sessions.begin() as session:
        session.add(
            CoverageDay(
                channel_id=channel_id,
                meter_day=day,
                state="estimated" if estimated else "complete",
                expected=96,
                present=present,
                estimated=estimated,
                updated_at=runtime.now(),
            )
        )
