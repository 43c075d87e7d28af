"""Plans and blocks of readings made without a database, as large as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from dcarbon.db.sourced_readings import SeriesRef
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import exports_csv, exports_excel, exports_parquet, exports_zip
from dcarbon.services.exports import Format
from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_plan import Plan, PlannedChannel, PlannedMeter
from dcarbon.services.exports_reading import Line

START = datetime(2021, 1, 1, 8, tzinfo=UTC)
ZONE = ZoneInfo("America/Los_Angeles")
BLOCK = 32_768


def plan_of(readings: int, name: str = "1001") -> Plan:
    channel = PlannedChannel(
        id=UUID(int=2),
        commodity="electricity",
        direction="delivered",
        unit="Wh",
        measure="usage",
        name="delivered Wh usage",
        line=Line((SeriesRef(UUID(int=3), 900),), timedelta()),
        readings=readings,
        exponent=-3,
        newest=START,
    )
    span = TimeRange(START, START + timedelta(seconds=900 * max(1, readings)))
    meter = PlannedMeter(UUID(int=1), name, "PG&E", ZONE, span, (channel,) if readings else ())
    return Plan(UUID(int=4), "Hall", (meter,), ZONE, START, is_as_reported=False)


def blocks_of(plan: Plan, size: int = BLOCK) -> Iterator[Block]:
    (meter,) = plan.meters
    for first in range(0, plan.readings, size):
        count = min(size, plan.readings - first)
        numbers = np.arange(first, first + count, dtype=np.int64)
        yield Block(
            meter=meter,
            channel=meter.channels[0],
            start_s=int(START.timestamp()) + 900 * numbers,
            duration_s=np.full(count, 900, np.int32),
            value=numbers * 7_919 % 2_000_003,
            exponent=-3,
            offset=np.zeros(count, np.intp),
            offsets_s=(-28_800,),
            quality=numbers % 2,
            qualities=(None, 17),
            is_restated=numbers % 5 == 0,
            payload=numbers // 96 % 2,
            payload_hashes=("0f" * 32, "a0" * 32),
        )


def write(kind: Format, readings: int) -> int:
    """Make an export of so many readings and let it go; return its size."""
    plan = plan_of(readings)
    chunks = {
        Format.CSV: lambda: exports_csv.chunks(blocks_of(plan)),
        Format.ZIP: lambda: exports_zip.chunks(plan, blocks_of(plan)),
        Format.EXCEL: lambda: exports_excel.chunks(plan, blocks_of(plan)),
        Format.PARQUET: lambda: exports_parquet.chunks(plan, blocks_of(plan)),
    }[kind]()
    return sum(map(len, chunks))
