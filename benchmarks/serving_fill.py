"""A portfolio with a year of quarter hours for each meter, laid straight into the tables.

Readings are written with the product's own wire encoding, a UTC day of all meters after the other,
as nights bring them: a meter's year is spread over the whole table. The rival's row per reading
holds the very same readings of a part of the meters, in the same order.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, LiteralString
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, insert, text
from sqlalchemy.orm import Session

from benchmarks.serving_rivals import ReadingRow
from dcarbon.db import binary_copy as bc
from dcarbon.db import engine as database_engine
from dcarbon.db import interval_wire as wire
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_rows import NOT_STATED, DayRows
from dcarbon.db.tables import LandedPayload, Meter, MeterChannel, Series
from dcarbon.services import api_tokens, facilities, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails

YEAR = 2025
ZONE = "America/Los_Angeles"
FIRST_DAY = date(YEAR, 1, 1)
DAYS = 366
"""UTC days that a local year touches."""
SLOTS = 96
SERIES_READINGS = DAYS * SLOTS
_EPOCH = date(1970, 1, 1).toordinal()
_METERS_PER_FACILITY = 20
_DAYS_PER_COMMIT = 10
_VALIDATED, _ESTIMATED = 17, 8
_DAYS_IN: LiteralString = f"copy interval_days ({wire.COLUMNS}) from stdin (format binary)"
_ROWS_IN: LiteralString = (
    "copy reading_rows (series_id, start_at, value, exponent, quality) from stdin (format binary)"
)
_ROW = [
    *bc.fixed("series_id", 16),
    *bc.scalar("start_at", ">i8"),
    *bc.scalar("value", ">i8"),
    *bc.scalar("exponent", ">i2"),
    *bc.scalar("quality", ">i2"),
]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What was filled in: meters of one person, who holds ``token``."""

    token: str
    meters: list[UUID]
    """The odd ones have two channels, delivered and received; the even ones only delivered."""
    with_rows: list[UUID]
    """Those whose readings the rival's table holds, too."""
    readings: int
    rows: int


def fill(engine: Engine, *, readings: int, rows: int) -> Portfolio:
    """Fill a migrated, empty database with about so many readings and rows, saying how far it is.

    Same arguments, same readings.
    """
    sessions = database_engine.sessions(engine)
    token, meters, series = _furnish(sessions, max(3, readings // SERIES_READINGS))
    with_rows, row_series = _with_rows(meters, max(3, rows // SERIES_READINGS), len(series))
    with sessions.begin() as session:
        payload = session.execute(text("select id from landed_payloads")).scalar_one()
        ReadingRow.metadata.create_all(session.connection())
        session.execute(text("alter table reading_rows drop constraint reading_rows_pkey"))
    ids, counted, began = wire.Ids(series, [payload]), [0, 0], time.perf_counter()
    for first in range(0, DAYS, _DAYS_PER_COMMIT):
        with sessions.begin() as session:
            for day in range(first, min(first + _DAYS_PER_COMMIT, DAYS)):
                written = _write_day(session, ids, day, row_series)
                counted = [one + more for one, more in zip(counted, written, strict=True)]
        if (first // _DAYS_PER_COMMIT) % 6 == 5:
            _say(counted[0], began)
    _settle(engine)
    _say(counted[0], began)
    return Portfolio(token, meters, with_rows, *counted)


def _furnish(sessions: Sessions, count: int) -> tuple[str, list[UUID], list[UUID]]:
    """Make a person with facilities, meters and ``count`` series; return token, meters, series."""
    now = datetime.now(UTC)
    person = people.ensure(
        sessions, email="bench@example.test", account_kind="commercial", actor=SYSTEM, now=now
    )
    actor = Actor(person.id)
    _, token = api_tokens.create(
        sessions, person_id=person.id, name="bench", scopes=["read"], actor=actor, now=now
    )
    meters: list[UUID] = []
    series: list[UUID] = []
    facility_id = new_id()
    while len(series) < count:
        if len(meters) % _METERS_PER_FACILITY == 0:
            facility_id = facilities.create(
                sessions,
                FacilityDetails(name=f"Site {len(meters)}", time_zone=ZONE),
                account_kind="commercial",
                role="owner_operator",
                actor=actor,
                now=now,
            ).id
        with sessions.begin() as session:
            meter, own = _meter(session, facility_id, len(meters))
        meters.append(meter)
        series += own
    with sessions.begin() as session:
        session.execute(insert(LandedPayload), [_payload(facility_id, now)])
    return token, meters, series


def _meter(session: Session, facility_id: UUID, number: int) -> tuple[UUID, list[UUID]]:
    meter = Meter(
        id=new_id(),
        facility_id=facility_id,
        provider="pge",
        utility="PG&E",
        external_id=str(number),
        time_zone=ZONE,
    )
    session.add(meter)
    session.flush()
    channels = [
        MeterChannel(
            id=new_id(),
            meter_id=meter.id,
            direction=direction,
            unit="Wh",
            commodity="electricity",
            measure="usage",
        )
        for direction in ("delivered", "received")[: 1 + number % 2]
    ]
    session.add_all(channels)
    session.flush()
    series = [Series(id=new_id(), channel_id=one.id, interval_s=900) for one in channels]
    session.add_all(series)
    return meter.id, [one.id for one in series]


def _payload(facility_id: UUID, now: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "facility_id": facility_id,
        "sha256": bytes(32),
        "media_type": "application/xml",
        "byte_count": 1,
        "source": "bench",
        "received_at": now,
    }


def _with_rows(meters: Sequence[UUID], wanted: int, available: int) -> tuple[list[UUID], int]:
    """Return the first meters that together have ``wanted`` series, and how many those are."""
    count = have = 0
    while count < len(meters) and have < min(wanted, available):
        have += 1 + count % 2
        count += 1
    return list(meters[:count]), min(have, available)


def _write_day(session: Session, ids: wire.Ids, day: int, row_series: int) -> tuple[int, int]:
    """Write one UTC day of all series; return how many readings and rows that were."""
    rows = _day_of_all(len(ids.series_ids), day)
    connection = bc.connection_of(session)
    recorded = np.full(len(rows), int(datetime.now(UTC).timestamp() * 1e6), np.int64)
    bc.copy_in(connection, _DAYS_IN, wire.encode(rows, ids, recorded_us=recorded))
    part = rows.take(np.arange(row_series))
    bc.copy_in(connection, _ROWS_IN, _as_rows(part, ids))
    return int(np.count_nonzero(rows.present)), int(np.count_nonzero(part.present))


def _day_of_all(series: int, day: int) -> DayRows:
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
        day=np.full(series, FIRST_DAY.toordinal() - _EPOCH + day),
        values=np.where(present, drawn, 0).astype(np.int64),
        present=present,
        quality=quality,
        exponent=np.full(series, -3),
        payload=np.zeros(series, np.int64),
    )


def _as_rows(part: DayRows, ids: wire.Ids) -> Iterator[bytes]:
    start = part.day[:, None] * 86_400 + np.arange(0, 86_400, 86_400 // SLOTS)
    kept = part.present
    records: NDArray[np.void] = bc.blank(_ROW, int(np.count_nonzero(kept)))
    series: NDArray[Any] = np.broadcast_to(part.series[:, None], kept.shape)[kept]
    records["series_id"] = bc.uuid_bytes(ids.series_ids)[series]
    records["start_at"] = start[kept] * 1_000_000 - bc.EPOCH_US
    records["value"] = part.values[kept]
    records["exponent"] = -3
    records["quality"] = part.quality[kept]
    yield records.tobytes()


def _settle(engine: Engine) -> None:
    """Give the rival its index, and both tables what a running server's autovacuum would."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in (
            "alter table reading_rows add primary key (series_id, start_at)",
            "vacuum analyze",
            "checkpoint",
        ):
            connection.execute(text(statement))


def _say(readings: int, began: float) -> None:
    took = time.perf_counter() - began
    print(f"{readings:,} readings in {took:,.0f} s ({readings / took:,.0f} a second)", flush=True)
