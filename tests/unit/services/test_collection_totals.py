"""Energy of a collection: of what starts in its window, and no time of a channel twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest

from dcarbon.db.coverage_counting import SeriesColumns
from dcarbon.db.coverage_reading import ChannelSeries
from dcarbon.db.interval_days_reading import Columns
from dcarbon.services.collection_totals import energy_kwh

START = datetime(2026, 3, 10, 7, tzinfo=UTC)
WINDOW = (START, START + timedelta(days=1))
HOUR_S, DAY_S = 3600, 86_400


def _series(
    length_s: int, values: Sequence[int], *, first: int = 0, exponent: int = 0
) -> SeriesColumns:
    """Return consecutive readings, the first of them so many lengths after the window begins."""
    start = int(START.timestamp()) + length_s * (first + np.arange(len(values), dtype=np.int64))
    columns = Columns(
        start,
        np.full(len(values), length_s, np.int32),
        np.array(values, np.int64),
        np.zeros(len(values), np.int16),
        exponent,
    )
    return SeriesColumns(length_s, float(start[-1] + length_s), columns, np.zeros(0, np.int64))


def _channel(
    *series: SeriesColumns, direction: str = "delivered", unit: str = "Wh"
) -> ChannelSeries:
    return ChannelSeries(uuid4(), direction, unit, list(series))


HOURS = _series(HOUR_S, [500] * 24)


@pytest.mark.parametrize(
    "series",
    [
        [HOURS],
        [_series(HOUR_S, [500] * 26, first=-1)],
        [_series(HOUR_S, [5] * 24, exponent=2)],
        [HOURS, _series(900, [125] * 96)],
        [HOURS, _series(30 * DAY_S, [360_000])],
        [HOURS, _series(DAY_S, [12_000])],
    ],
    ids=["hours", "around it", "hundreds of Wh", "and quarters", "and a bill", "and a day"],
)
def test_no_time_counts_twice(series: Sequence[SeriesColumns]) -> None:
    assert energy_kwh([_channel(*series)], WINDOW)["delivered"] == Decimal(12)


def test_only_electricity_counts_each_direction_for_itself() -> None:
    channels = [
        _channel(HOURS),
        _channel(HOURS),
        _channel(_series(HOUR_S, [250] * 24), direction="received"),
        _channel(HOURS, direction="net"),
        _channel(HOURS, unit="therm"),
        _channel(),
    ]

    assert energy_kwh(channels, WINDOW) == {"delivered": Decimal(24), "received": Decimal(6)}


def test_what_has_no_common_exponent_is_not_added_up() -> None:
    senseless = _series(900, [10**12] * 4, first=8, exponent=9)

    channels = [_channel(HOURS), _channel(HOURS, senseless)]

    assert energy_kwh(channels, WINDOW)["delivered"] == Decimal(12)
