"""A portfolio with years of quarter hours, as interval days straight into their table.

Days are written in the product's own wire encoding, a UTC day of all series after the other as
nights bring them: a meter's year lies on as many pages as it has days. Same arguments, same
readings.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import LiteralString
from uuid import UUID

import numpy as np
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import interval_wire as wire
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.facilities import FacilityRole
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.interval_rows import NOT_STATED, DayRows
from dcarbon.db.tables import Facility, LandedPayload, Meter, MeterChannel, Series
from dcarbon.services import people
from dcarbon.services.actors import SYSTEM, Actor

READINGS = int(os.environ.get("READINGS", "1000000000"))
SERIES = int(os.environ.get("SERIES", "15000"))
SLOTS = 96
DAYS = max(40, READINGS // (SERIES * SLOTS))
FIRST_DAY = date(2025, 12, 1) - timedelta(days=DAYS)
ZONE = "America/Los_Angeles"
STEP_S = 86_400 // SLOTS
_EPOCH = date(1970, 1, 1)
_METERS_PER_FACILITY = 20
_DAYS_PER_COMMIT = 5
_EXPONENT, _VALIDATED, _ESTIMATED = -3, 17, 8
_DAYS_IN: LiteralString = f"copy interval_days ({wire.COLUMNS}) from stdin (format binary)"


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Meters of one person. The odd ones have two channels, the even ones only what they use."""

    actor: Actor
    meters: list[UUID]
    series: list[UUID]
    payload: UUID


def furnish(sessions: Sessions, count: int, *, last_end: datetime) -> Portfolio:
    """Make a person with facilities, meters and ``count`` series without readings."""
    now = datetime.now(UTC)
    person = people.ensure(
        sessions, email="bench@example.test", account_kind="commercial", actor=SYSTEM, now=now
    )
    directions = [way for number in range(count) for way in _directions(number)][:count]
    first_of = [place for place, way in enumerate(directions) if way == "delivered"]
    meters = [new_id() for _ in first_of]
    sites = [new_id() for _ in range(0, len(meters), _METERS_PER_FACILITY)]
    of_channel = np.repeat(np.arange(len(meters)), np.diff([*first_of, count]))
    channels, series, payload = ([new_id() for _ in directions] for _ in range(3))
    with sessions.begin() as session:
        session.execute(insert(Facility), [_facility(one) for one in sites])
        roles = [
            {"facility_id": one, "person_id": person.id, "role": "owner_operator"} for one in sites
        ]
        session.execute(insert(FacilityRole), roles)
        session.execute(
            insert(Meter),
            [
                _meter(one, sites[number // _METERS_PER_FACILITY], number)
                for number, one in enumerate(meters)
            ],
        )
        session.execute(
            insert(MeterChannel),
            [
                _channel(one, meters[of], way)
                for one, of, way in zip(channels, of_channel, directions, strict=True)
            ],
        )
        session.execute(
            insert(Series),
            [_series(one, of, last_end=last_end) for one, of in zip(series, channels, strict=True)],
        )
        session.execute(insert(LandedPayload), [_payload(payload[0], sites[0], now)])
    return Portfolio(Actor(person.id), meters, series, payload[0])


def fill(sessions: Sessions, portfolio: Portfolio, days: int) -> int:
    """Write so many days of every series, saying how far it is; return how many readings.

    Triggers are off: what they check holds, and nothing is derived here.
    """
    ids = wire.Ids(portfolio.series, [portfolio.payload])
    written, began, said = 0, time.perf_counter(), 0.0
    for first in range(0, days, _DAYS_PER_COMMIT):
        with sessions.begin() as session:
            session.execute(text("set local session_replication_role = replica"))
            for day in range(first, min(first + _DAYS_PER_COMMIT, days)):
                written += _write_day(session, ids, day)
        took = time.perf_counter() - began
        if took - said > 4 or first + _DAYS_PER_COMMIT >= days:
            said = took
            print(f"{written:,} readings in {took:,.0f} s ({written / took:,.0f}/s)", flush=True)
    return written


def night(portfolio: Portfolio, day: int) -> list[SeriesReadings]:
    """Return what a night brings: a day of every series, and the two before it as stored."""
    several = [day_of_all(len(portfolio.series), one) for one in (day - 2, day - 1, day)]
    batches = []
    for place, series_id in enumerate(portfolio.series):
        kept = np.concatenate([rows.present[place] for rows in several])
        starts = several[0].day[place] * 86_400 + np.arange(kept.size, dtype=np.int64) * STEP_S
        batches.append(
            SeriesReadings(
                series_id=series_id,
                interval_s=STEP_S,
                start=starts[kept],
                value=np.concatenate([rows.values[place] for rows in several])[kept],
                exponent=_EXPONENT,
                quality=np.concatenate([rows.quality[place] for rows in several])[kept],
                payload_id=portfolio.payload,
            )
        )
    return batches


def day_of_all(series: int, day: int) -> DayRows:
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
        day=np.full(series, (FIRST_DAY - _EPOCH).days + day),
        values=np.where(present, drawn, 0).astype(np.int64),
        present=present,
        quality=quality,
        exponent=np.full(series, _EXPONENT),
        payload=np.zeros(series, np.int64),
    )


def instant(day: int) -> datetime:
    """Return where a day begins, UTC."""
    return datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC) + timedelta(day)


def _write_day(session: Session, ids: wire.Ids, day: int) -> int:
    rows = day_of_all(len(ids.series_ids), day)
    recorded = np.full(len(rows), int(instant(day + 1).timestamp() * 1e6), np.int64)
    bc.copy_in(bc.connection_of(session), _DAYS_IN, wire.encode(rows, ids, recorded_us=recorded))
    return int(np.count_nonzero(rows.present))


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


def _series(series_id: UUID, channel_id: UUID, *, last_end: datetime) -> dict[str, object]:
    return {
        "id": series_id,
        "channel_id": channel_id,
        "interval_s": STEP_S,
        "first_start": instant(0),
        "last_end": last_end,
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
