"""A facility whose readings have every difficulty there is, and exports of it read back as rows."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import text

from dcarbon.db import interval_days_writing
from dcarbon.db.base import new_id
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.db.payloads import LandedPayload
from dcarbon.services import exports
from dcarbon.services.actors import Actor
from dcarbon.services.exports import Format
from dcarbon.services.exports_columns import COLUMNS
from dcarbon.services.exports_plan import Wish
from dcarbon.services.runtime import Runtime

NAMES = [column.name for column in COLUMNS]
DAY = 86_400
SPRING = datetime(2025, 3, 8, 8, tzinfo=UTC)
"""Local midnight in California of the day before clocks go forward."""
AUTUMN = datetime(2025, 11, 1, 7, tzinfo=UTC)
"""The same before they go back."""
FIRST, AGAIN = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, 9, tzinfo=UTC)


@dataclass
class Site:
    """Makes meters, channels and statements of one facility."""

    runtime: Runtime
    facility_id: UUID
    payload_hashes: dict[UUID, str] = field(default_factory=dict)

    def meter(self, number: str, zone: str = "America/Los_Angeles", **columns: Any) -> UUID:
        row = Meter(
            facility_id=self.facility_id,
            provider="pge",
            utility="PG&E",
            external_id=number,
            meter_numbers=[number],
            time_zone=zone,
            **columns,
        )
        with self.runtime.sessions.begin() as session:
            session.add(row)
        return row.id

    def channel(self, meter_id: UUID, direction: str = "delivered", unit: str = "Wh") -> UUID:
        row = MeterChannel(
            meter_id=meter_id,
            direction=direction,
            unit=unit,
            commodity="electricity" if unit == "Wh" else "gas",
            measure="usage",
        )
        with self.runtime.sessions.begin() as session:
            session.add(row)
        return row.id

    def series(self, channel_id: UUID, interval_s: int) -> UUID:
        row = Series(id=new_id(), channel_id=channel_id, interval_s=interval_s)
        with self.runtime.sessions.begin() as session:
            session.add(row)
        return row.id

    def payload(self) -> UUID:
        sha256 = hashlib.sha256(new_id().bytes).digest()
        row = LandedPayload(
            id=new_id(),
            facility_id=self.facility_id,
            sha256=sha256,
            media_type="application/xml",
            byte_count=1,
            source="feed.xml",
            received_at=FIRST,
        )
        with self.runtime.sessions.begin() as session:
            session.add(row)
        self.payload_hashes[row.id] = sha256.hex()
        return row.id

    def state(
        self,
        series_id: UUID,
        first: datetime,
        values: Sequence[int | None],
        *,
        interval_s: int,
        exponent: int = 0,
        quality: int = 17,
        at: datetime = FIRST,
        durations_s: Sequence[int] | None = None,
    ) -> UUID:
        """Write consecutive readings, ``None`` a missing one; return the payload they came in."""
        payload_id = self.payload()
        steps = np.array(durations_s or [interval_s] * len(values))
        starts = int(first.timestamp()) + np.concatenate(([0], np.cumsum(steps)[:-1]))
        kept = np.array([value is not None for value in values])
        batch = SeriesReadings(
            series_id=series_id,
            interval_s=0 if durations_s else interval_s,
            start=starts[kept].astype(np.int64),
            value=np.array([value for value in values if value is not None], np.int64),
            exponent=exponent,
            quality=np.full(int(kept.sum()), quality, np.int16),
            payload_id=payload_id,
            duration_s=steps[kept].astype(np.int32),
        )
        with self.runtime.sessions.begin() as session:
            interval_days_writing.write(session, [batch], recorded_at=at)
            row = session.get_one(Series, series_id)
            end = first + timedelta(seconds=int(steps.sum()))
            row.first_start = min(filter(None, [row.first_start, first]))
            row.last_end = max(filter(None, [row.last_end, end]))
        return payload_id


def difficult(site: Site) -> tuple[UUID, UUID]:
    """Fill a facility: both clock changes, gaps, exponents, qualities, restatements, gas days."""
    solar, gas = site.meter("1001"), site.meter("0002", tariff="G-1")
    for direction, base in (("delivered", 1), ("received", 7_000)):
        series = site.series(site.channel(solar, direction), 900)
        for first in (SPRING, AUTUMN):
            values: list[int | None] = [base + 1_250 * n for n in range(3 * 96)]
            values[5] = values[100] = values[101] = None
            site.state(series, first, values, interval_s=900, exponent=-3)
        # Another answer, at another exponent, estimated: the days before it stay as they are.
        later = SPRING + timedelta(days=4)
        site.state(series, later, list(range(96)), interval_s=900, exponent=0, quality=8)
        # The utility thinks again about some quarter hours of the day clocks went forward.
        again = [base + 99] * 4
        start = SPRING + timedelta(days=1, hours=2)
        site.state(series, start, again, interval_s=900, exponent=-3, at=AGAIN)
    therms = site.series(site.channel(gas, unit="therm"), 0)
    lengths = [DAY, DAY - 3600, DAY, DAY]
    site.state(therms, SPRING, [11, 120, 13, 14], interval_s=0, exponent=-1, durations_s=lengths)
    return solar, gas


def made(
    runtime: Runtime,
    wish: Wish,
    kind: Format,
    actor: Actor,
) -> bytes:
    return b"".join(exports.begin(runtime, wish, kind=kind, actor=actor).chunks)


Rows = list[dict[str, Any]]
"""Rows of an export in terms of Python: aware UTC start, naive local start, Decimal value."""


def rows_of(content: bytes, kind: Format) -> Rows:
    """Read an export with a library that has nothing to do with how it was written."""
    readers = {
        Format.CSV: _csv,
        Format.ZIP: _zip,
        Format.EXCEL: _excel,
        Format.PARQUET: _parquet,
    }
    return readers[kind](content)


def _zip(content: bytes) -> Rows:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["about.txt", "readings.csv"]
        return _csv(archive.read("readings.csv"))


def _csv(content: bytes) -> Rows:
    assert b"\n" not in content.replace(b"\r\n", b"")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    return [
        {
            **row,
            "local_start": datetime.fromisoformat(row["local_start"]).replace(tzinfo=None),
            "utc_start": datetime.fromisoformat(row["utc_start"]),
            "duration_s": int(row["duration_s"]),
            "value": Decimal(row["value"]),
            "quality_code": int(row["quality_code"]) if row["quality_code"] else None,
            "restated": {"true": True, "false": False}[row["restated"]],
        }
        for row in rows
    ]


def _excel(content: bytes) -> Rows:
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=False)
    rows: Rows = []
    for name in book.sheetnames:
        if name == "About":
            continue
        header, *lines = book[name].iter_rows()
        assert [cell.value for cell in header] == NAMES
        rows += [dict(zip(NAMES, (cell.value for cell in line), strict=True)) for line in lines]
    return [
        {
            **row,
            "utc_start": _second(row["utc_start"]).replace(tzinfo=UTC),
            "local_start": _second(row["local_start"]),
            "value": Decimal(str(row["value"])),
        }
        for row in rows
    ]


def _second(moment: datetime) -> datetime:
    """A sheet's time is a fraction of a day: it is right to the second."""
    assert isinstance(moment, datetime)
    return (moment + timedelta(milliseconds=500)).replace(microsecond=0)


def _parquet(content: bytes) -> Rows:
    table = pq.read_table(pa.BufferReader(content))
    rows: Rows = table.to_pylist()
    return rows


def stored(site: Site) -> Rows:
    """Return what the database holds today by its own view: SQL that exports do not use."""
    statement = text(
        "select i.*, m.external_id, m.time_zone, i.start_local as local_start from intervals i"
        " join meters m on m.id = i.meter_id where m.facility_id = :facility"
        " order by m.external_id, i.direction, i.channel_id, i.start_utc"
    )
    with site.runtime.sessions() as session:
        found = session.execute(statement, {"facility": site.facility_id}).mappings().all()
    return [
        {
            "utc_start": row["start_utc"],
            "local_start": row["local_start"],
            "duration_s": row["duration_s"],
            "value": Decimal(row["value"]),
            "unit": row["unit"],
            "direction": row["direction"],
            "quality_code": row["quality"],
            "payload_sha256": site.payload_hashes[row["payload_id"]],
            "meter_id": str(row["meter_id"]),
            "meter": row["external_id"],
        }
        for row in found
    ]
