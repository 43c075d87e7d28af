"""A store filled with synthetic readings, and the rival every storage figure is measured against.

The rival is a table with a row per reading and its primary key, filled by binary COPY whose bytes
are packed by numpy: the fastest way to load rows we know of (and not idempotent).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database_engine
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.tables import Facility, LandedPayload, Meter, MeterChannel, Series

START = datetime(2025, 1, 1, tzinfo=UTC)
STEP_S = 900
YEAR = 35_040
ROW_TABLE = """
create table reading_rows (
    start_ts timestamptz not null, value bigint not null, meter_id int not null,
    flow smallint not null, quality smallint not null,
    primary key (meter_id, flow, start_ts)
)
"""
_ROW = [
    *bc.scalar("start_ts", ">i8"),
    *bc.scalar("value", ">i8"),
    *bc.scalar("meter_id", ">i4"),
    *bc.scalar("flow", ">i2"),
    *bc.scalar("quality", ">i2"),
]


@dataclass(frozen=True, slots=True)
class Store:
    """A migrated database with meters that have no readings yet, and the rival's empty table."""

    url: str
    engine: Engine
    sessions: Sessions
    series_ids: list[UUID]
    payload_ids: list[UUID]

    def scalar(self, statement: str) -> Any:
        with self.sessions() as session:
            return session.scalar(text(statement))

    def run(self, *statements: str) -> None:
        """Execute each statement by itself, outside a transaction (VACUUM, CHECKPOINT)."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))

    def batches(self, count: int = YEAR, *, seed: int = 0) -> list[SeriesReadings]:
        """Return ``count`` quarter hours for each meter: whole days of plausible milli-kWh."""
        random = np.random.default_rng(seed)
        start = int(START.timestamp()) + np.arange(count, dtype=np.int64) * STEP_S
        return [
            SeriesReadings(
                series_id=series_id,
                interval_s=STEP_S,
                start=start,
                value=random.integers(0, 2_000_000, count),
                exponent=-3,
                quality=np.full(count, 17, np.int16),
                payload_id=payload_id,
            )
            for series_id, payload_id in zip(self.series_ids, self.payload_ids, strict=True)
        ]


@contextmanager
def store(meters: int) -> Iterator[Store]:
    """Start the embedded server in a temporary folder, with ``meters`` meters of one series."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.server(Path(folder)) as urls,
    ):
        url = urls[embedded.PRODUCT_DATABASE]
        engine = database_engine.create(url)
        migrate.upgrade(engine)
        sessions = database_engine.sessions(engine)
        with sessions.begin() as session:
            session.execute(text(ROW_TABLE))
            series_ids, payload_ids = _furnish(session, meters)
        try:
            yield Store(url, engine, sessions, series_ids, payload_ids)
        finally:
            engine.dispose()


def copy_rows(session: Session, batches: Sequence[SeriesReadings], table: str) -> None:
    """Load readings as rows: numpy packs each meter's, binary COPY takes them."""
    statement: Any = f"copy {table} from stdin (format binary)"
    packed = (_pack_rows(number, batch) for number, batch in enumerate(batches))
    bc.copy_in(bc.connection_of(session), statement, packed)


def rows_to_arrow(session: Session, meter: int, start: datetime, end: datetime) -> pa.Table:
    """Read one meter's rows back the fastest way we know: binary COPY, parsed by numpy."""
    content = bc.copy_out(
        bc.connection_of(session),
        "copy (select start_ts, value, quality from reading_rows where meter_id = %s and flow = 1"
        " and start_ts >= %s and start_ts < %s order by start_ts) to stdout (format binary)",
        (meter, start, end),
    )
    layout = [
        ("fields", ">i2"),
        *bc.scalar("start_ts", ">i8"),
        *bc.scalar("value", ">i8"),
        *bc.scalar("quality", ">i2"),
    ]
    rows = np.frombuffer(content, layout)
    seconds = (rows["start_ts"].astype(np.int64) + bc.EPOCH_US) // 1_000_000
    return pa.table(
        {
            "start": pa.array(seconds.view("datetime64[s]")).cast(pa.timestamp("s", tz="UTC")),
            "value": rows["value"].astype(np.int64),
            "quality": rows["quality"].astype(np.int16),
        }
    )


def _pack_rows(meter: int, batch: SeriesReadings) -> bytes:
    records: NDArray[np.void] = bc.blank(_ROW, len(batch.start))
    records["start_ts"] = batch.start * 1_000_000 - bc.EPOCH_US
    records["value"] = batch.value
    records["meter_id"] = meter
    records["flow"] = 1
    records["quality"] = batch.quality
    return records.tobytes()


def _furnish(session: Session, meters: int) -> tuple[list[UUID], list[UUID]]:
    facility = Facility(
        id=new_id(),
        name="Bench",
        account_kind="commercial",
        street="1 Main St",
        city="Fresno",
        state="CA",
        postal_code="93650",
        time_zone="America/Los_Angeles",
    )
    session.add(facility)
    session.flush()
    series_ids: list[UUID] = []
    payload_ids: list[UUID] = []
    for number in range(meters):
        meter = Meter(
            id=new_id(),
            facility_id=facility.id,
            provider="green_button",
            utility="PG&E",
            external_id=str(number),
            time_zone="America/Los_Angeles",
        )
        payload = LandedPayload(
            id=new_id(),
            facility_id=facility.id,
            sha256=number.to_bytes(32, "big"),
            media_type="application/xml",
            byte_count=1,
            source="bench",
            received_at=START,
        )
        session.add_all([meter, payload])
        session.flush()
        channel = MeterChannel(
            id=new_id(),
            meter_id=meter.id,
            direction="delivered",
            unit="Wh",
            commodity="electricity",
            measure="usage",
        )
        session.add(channel)
        session.flush()
        session.add(series := Series(id=new_id(), channel_id=channel.id, interval_s=STEP_S))
        series_ids.append(series.id)
        payload_ids.append(payload.id)
    return series_ids, payload_ids
