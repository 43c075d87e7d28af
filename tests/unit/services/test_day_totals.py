"""A reading belongs to one local day, the same on every page."""

from __future__ import annotations

from datetime import UTC, date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa

from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import day_totals

PACIFIC = ZoneInfo("America/Los_Angeles")
FIRST, SECOND = date(2026, 5, 4), date(2026, 5, 5)


def start_of(day: date) -> int:
    return int(day_bounds(day, PACIFIC)[0].timestamp())


def table(*readings: tuple[int, int, int]) -> pa.Table:
    """Return ``(start, seconds, value)`` as the columns that the store reads, at 10 ** -1."""
    start, duration_s, value = zip(*readings, strict=True)
    fields = [
        pa.field("start", pa.timestamp("s", tz="UTC")),
        pa.field("duration_s", pa.int32()),
        pa.field("value", pa.int64(), metadata={"exponent": "-1"}),
    ]
    columns = [pa.array(start, pa.int64()).cast(fields[0].type), duration_s, value]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
    return pa.table(arrays, schema=pa.schema(fields))


def span(first: date, last: date) -> TimeRange:
    return TimeRange(
        *(day_bounds(day, PACIFIC)[n].astimezone(UTC) for n, day in ((0, first), (1, last)))
    )


def test_a_day_stated_a_second_early_belongs_to_the_day_it_nearly_is() -> None:
    early = table((start_of(FIRST) - 1, 86_400, 100), (start_of(SECOND) - 1, 86_400, 205))

    totals = day_totals.by_day(early, span(FIRST, SECOND), PACIFIC)

    assert totals == {FIRST: Decimal("10.0"), SECOND: Decimal("20.5")}


def test_readings_outside_the_range_and_bills_are_in_no_day() -> None:
    readings = table(
        (start_of(FIRST), 900, 1),
        (start_of(FIRST) + 900, 30 * 86_400, 7_000),
        (start_of(SECOND) - 900, 900, 2),
        (start_of(SECOND), 900, 4),
    )

    totals = day_totals.by_day(readings, span(FIRST, FIRST), PACIFIC)

    assert totals == {FIRST: Decimal("0.3")}
