"""Readings as JSON: exact, on a regular grid, null where missing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.services.intervals import MeterIntervals, SeriesColumns
from dcarbon_api.intervals import layouts
from dcarbon_api.intervals.messages import IntervalsAnswer

FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)
STEP_S = 900
INT64 = np.iinfo(np.int64)
readings = st.lists(
    st.none() | st.integers(min_value=int(INT64.min), max_value=int(INT64.max)),
    min_size=1,
    max_size=30,
)


def _series(
    values: list[int | None],
    *,
    interval_s: int = STEP_S,
    exponent: int = 0,
    qualities: list[int] | None = None,
    starts: list[int] | None = None,
    durations: list[int] | None = None,
) -> SeriesColumns:
    kept = [n for n, value in enumerate(values) if value is not None]
    first = int(FIRST.timestamp())
    return SeriesColumns(
        channel_id=UUID(int=3),
        direction="delivered",
        unit="Wh",
        commodity="electricity",
        measure="usage",
        interval_s=interval_s,
        exponent=exponent,
        start=np.array(
            [(starts or [first + n * STEP_S for n in range(len(values))])[n] for n in kept],
            np.int64,
        ),
        duration_s=np.array([(durations or [STEP_S] * len(values))[n] for n in kept], np.int32),
        value=np.array([values[n] for n in kept], np.int64),
        quality=np.array([(qualities or [-1] * len(values))[n] for n in kept], np.int16),
    )


def _found(*series: SeriesColumns) -> MeterIntervals:
    return MeterIntervals(
        meter_id=UUID(int=1),
        time_zone="America/Los_Angeles",
        start=FIRST,
        end=FIRST + timedelta(days=1),
        series=series,
    )


def _columns(*series: SeriesColumns) -> dict[str, Any]:
    content = layouts.columns(_found(*series))
    IntervalsAnswer.model_validate_json(content)
    return json.loads(content)  # type: ignore[no-any-return]


def _rows(*series: SeriesColumns) -> list[dict[str, Any]]:
    content = layouts.rows(_found(*series))
    IntervalsAnswer.model_validate_json(content)
    return json.loads(content)["readings"]  # type: ignore[no-any-return]


def test_a_gap_is_null_and_the_grid_goes_on() -> None:
    document = _columns(_series([10, None, None, 13]))

    assert document["series"][0]["values"] == [10, None, None, 13]
    assert document["series"][0]["start"] == "2026-01-05T08:00:00Z"


def test_a_zero_stays_a_zero() -> None:
    assert _columns(_series([0, None, 0]))["series"][0]["values"] == [0, None, 0]


def test_a_series_without_readings_has_no_start() -> None:
    series = _columns(_series([None]))["series"][0]

    assert (series["start"], series["values"], series["qualities"]) == (None, [], None)


@given(values=readings)
def test_columns_give_back_every_reading_exactly(values: list[int | None]) -> None:
    series = _columns(_series(values))["series"][0]

    trimmed = _trimmed(values)
    assert series["values"] == trimmed
    assert all(type(value) is int for value in series["values"] if value is not None)


@given(values=readings, exponent=st.integers(min_value=-9, max_value=6))
def test_both_layouts_say_the_same(values: list[int | None], exponent: int) -> None:
    rows = _rows(_series(values, exponent=exponent))

    kept = [value for value in values if value is not None]
    assert [round(_exact(row["value"], exponent)) for row in rows] == kept


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        ([-1, -1], None),
        ([17, 17], 17),
        ([17, 8], [17, 8]),
        ([17, -1], [17, None]),
    ],
    ids=["not_told", "uniform", "mixed", "partly_told"],
)
def test_qualities_are_told_once_when_they_are_the_same(
    given_values: list[int], expected: object
) -> None:
    series = _columns(_series([1, 2], qualities=given_values))["series"][0]

    assert series["qualities"] == expected


def test_qualities_keep_to_the_grid_of_the_values() -> None:
    series = _columns(_series([1, None, 2], qualities=[17, 0, 8]))["series"][0]

    assert series["qualities"] == [17, None, 8]


def test_periods_are_parallel_arrays() -> None:
    start = int(FIRST.timestamp())
    month = _series([310, 280], interval_s=0, starts=[start, start + 100], durations=[100, 90])

    document = _columns(month)

    assert document["series"] == []
    assert document["periods"][0]["start"] == ["2026-01-05T08:00:00Z", "2026-01-05T08:01:40Z"]
    assert document["periods"][0]["duration_s"] == [100, 90]
    assert document["periods"][0]["value"] == [310, 280]


def test_rows_are_decimal_texts_in_order_of_time() -> None:
    rows = _rows(_series([1, 25], exponent=-2), _series([7], exponent=3))

    assert [row["value"] for row in rows] == ["0.01", "7000", "0.25"]
    assert rows[0]["end"] == "2026-01-05T08:15:00Z"
    assert rows[0]["quality"] is None


def test_the_frame_names_the_zone_of_the_meter() -> None:
    assert ZoneInfo(_columns()["time_zone"]) == ZoneInfo("America/Los_Angeles")


def _trimmed(values: list[int | None]) -> list[int | None]:
    """Drop what is missing before the first and after the last reading."""
    kept = [n for n, value in enumerate(values) if value is not None]
    return values[kept[0] : kept[-1] + 1] if kept else []


def _exact(text: str, exponent: int) -> Decimal:
    with localcontext(prec=60):
        return Decimal(text).scaleb(-exponent)
