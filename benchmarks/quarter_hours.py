"""What fills of quarter hours share: one person's facilities, meters and series, and their days.

Days are written in the product's own wire encoding, a UTC day of all series after the other as
nights bring them: a meter's year lies on as many pages as it has days. Same arguments, same
readings.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_wire as wire
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.facilities import FacilityRole
from dcarbon.db.interval_rows import NOT_STATED, DayRows
from dcarbon.db.tables import Facility, LandedPayload, Meter, MeterChannel, Series
from dcarbon.services import people
from dcarbon.services.actors import SYSTEM, Actor

SLOTS = 96
STEP_S = 86_400 // SLOTS
EXPONENT = -3
ZONE = "America/Los_Angeles"
_EPOCH = date(1970, 1, 1)
_METERS_PER_FACILITY = 20
_VALIDATED, _ESTIMATED = 17, 8
_DAYS_IN: LiteralString = f"copy interval_days ({wire.COLUMNS}) from stdin (format binary)"


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Meters of one person. The odd ones have two channels, the even ones only what they use."""

    person_id: UUID
    meters: list[UUID]
    series: list[UUID]
    payload: UUID

    @property
    def actor(self) -> Actor:
        return Actor(self.person_id)

    @property
    def ids(self) -> wire.Ids:
        return wire.Ids(self.series, [self.payload])


def furnish(sessions: Sessions, count: int, *, first: date, days: int) -> Portfolio:
    """Make a person with facilities, meters and ``count`` series, whose readings are to come."""
    now = datetime.now(UTC)
    person = people.ensure(
        sessions, email="bench@example.test", account_kind="commercial", actor=SYSTEM, now=now
    )
    directions = [way for number in range(count) for way in _directions(number)][:count]
    first_of = [place for place, way in enumerate(directions) if way == "delivered"]
    meters = [new_id() for _ in first_of]
    sites = [new_id() for _ in range(0, len(meters), _METERS_PER_FACILITY)]
    of_channel = np.repeat(np.arange(len(meters)), np.diff([*first_of, count]))
    channels, series = ([new_id() for _ in directions] for _ in range(2))
    payload, span = new_id(), (midnight(first), midnight(first, days))
    rows = {
        Facility: [_facility(one) for one in sites],
        FacilityRole: [
            {"facility_id": one, "person_id": person.id, "role": "owner_operator"} for one in sites
        ],
        Meter: [
            _meter(one, sites[number // _METERS_PER_FACILITY], number)
            for number, one in enumerate(meters)
        ],
        MeterChannel: [
            _channel(one, meters[of], way)
            for one, of, way in zip(channels, of_channel, directions, strict=True)
        ],
        Series: [_series(one, of, span) for one, of in zip(series, channels, strict=True)],
        LandedPayload: [_payload(payload, sites[0], now)],
    }
    with sessions.begin() as session:
        for table, several in rows.items():
            session.execute(insert(table), several)
    return Portfolio(person.id, meters, series, payload)


def day_of_all(series: int, *, first: date, day: int) -> DayRows:
    """Return a day's quarter hours, milli-Wh up to 2 kWh; some hours missing, some estimated."""
    ordinal = np.arange(series)
    drawn = np.random.default_rng(day).integers(0, 2_000_000, (series, SLOTS), dtype=np.int32)
    present = np.ones((series, SLOTS), np.bool_)
    quality = np.full((series, SLOTS), _VALIDATED, np.int16)
    # One series in ten lacks an hour once a month, another one has most of a day estimated.
    present[(ordinal % 10 == 3) & (day % 30 == 7), 40:44] = False
    quality[(ordinal % 10 == 6) & (day % 30 == 11), 20:80] = _ESTIMATED
    quality[~present] = NOT_STATED
    return DayRows(
        series=ordinal,
        day=np.full(series, (first - _EPOCH).days + day),
        values=np.where(present, drawn, 0).astype(np.int64),
        present=present,
        quality=quality,
        exponent=np.full(series, EXPONENT),
        payload=np.zeros(series, np.int64),
    )


def write(session: Session, ids: wire.Ids, rows: DayRows, *, recorded_at: datetime) -> int:
    """Write a day of all series; return how many readings it has."""
    recorded = np.full(len(rows), int(recorded_at.timestamp() * 1e6), np.int64)
    bc.copy_in(bc.connection_of(session), _DAYS_IN, wire.encode(rows, ids, recorded_us=recorded))
    return int(np.count_nonzero(rows.present))


def midnight(first: date, days: int = 0) -> datetime:
    """Return where a day begins, UTC."""
    return datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(days)


def say(readings: int, began: float) -> None:
    """Say how many readings were written since ``began``, by the clock of ``perf_counter``."""
    took = time.perf_counter() - began
    print(f"{readings:,} readings in {took:,.0f} s ({readings / took:,.0f} a second)", flush=True)


def _directions(meter: int) -> tuple[str, ...]:
    return ("delivered", "received")[: 1 + meter % 2]


def _facility(facility_id: UUID) -> dict[str, object]:
    return {
        "id": facility_id,
        "name": "Bench Works",
        "account_kind": "commercial",
        "street": "1 Main St",
        "city": "Fresno",
        "state": "CA",
        "postal_code": "93650",
        "time_zone": ZONE,
    }


def _meter(meter_id: UUID, facility_id: UUID, number: int) -> dict[str, object]:
    return {
        "id": meter_id,
        "facility_id": facility_id,
        "provider": "pge",
        "utility": "PG&E",
        "external_id": f"{number:07d}",
        "time_zone": ZONE,
    }


def _channel(channel_id: UUID, meter_id: UUID, direction: str) -> dict[str, object]:
    return {
        "id": channel_id,
        "meter_id": meter_id,
        "direction": direction,
        "unit": "Wh",
        "commodity": "electricity",
        "measure": "usage",
    }


def _series(
    series_id: UUID, channel_id: UUID, span: tuple[datetime, datetime]
) -> dict[str, object]:
    return {
        "id": series_id,
        "channel_id": channel_id,
        "interval_s": STEP_S,
        "first_start": span[0],
        "last_end": span[1],
    }


def _payload(payload_id: UUID, facility_id: UUID, now: datetime) -> dict[str, object]:
    return {
        "id": payload_id,
        "facility_id": facility_id,
        "sha256": bytes(32),
        "media_type": "application/xml",
        "byte_count": 1,
        "source": "bench",
        "received_at": now,
    }
