"""ESPI codes: what they mean, and that an unknown one is never taken for a known one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.flows import (
    Commodity,
    Direction,
    Measure,
    Unit,
    commodity_of,
    direction_of,
    measure_of,
    unit_of,
)

CODES = st.integers(-5, 70_000)


@pytest.mark.parametrize(
    ("code", "direction"),
    [
        (None, Direction.UNKNOWN),
        (0, Direction.UNKNOWN),
        (1, Direction.DELIVERED),
        (4, Direction.NET),
        (19, Direction.RECEIVED),
        (20, Direction.TOTAL),
        (2, Direction.OTHER),
    ],
)
def test_flow_direction(code: int | None, direction: Direction) -> None:
    assert direction_of(code) is direction


@pytest.mark.parametrize(
    ("code", "unit"),
    [(None, Unit.UNKNOWN), (0, Unit.UNKNOWN), (72, Unit.WH), (169, Unit.THERM), (9999, Unit.OTHER)],
)
def test_unit(code: int | None, unit: Unit) -> None:
    assert unit_of(code) is unit


@pytest.mark.parametrize(
    ("commodity", "kind", "unit", "found"),
    [
        (1, None, None, Commodity.ELECTRICITY),
        (7, 0, Unit.WH, Commodity.GAS),
        (0, 1, None, Commodity.GAS),
        (None, 2, None, Commodity.WATER),
        (None, 99, Unit.WH, Commodity.OTHER),
        (None, None, Unit.WH, Commodity.ELECTRICITY),
        (None, None, Unit.THERM, Commodity.GAS),
        (None, None, Unit.M3, Commodity.UNKNOWN),
        (99, 0, Unit.WH, Commodity.OTHER),
    ],
)
def test_commodity_goes_by_the_reading_type_then_the_service_then_the_unit(
    commodity: int | None, kind: int | None, unit: Unit | None, found: Commodity
) -> None:
    assert commodity_of(commodity, kind, unit) is found


@pytest.mark.parametrize(
    ("accumulation", "kind", "uom", "measure"),
    [
        (4, 12, 72, Measure.USAGE),
        (None, None, 72, Measure.USAGE),
        (0, None, 169, Measure.USAGE),
        (1, 12, 72, Measure.REGISTER),
        (3, 12, 72, Measure.REGISTER),
        (4, 12, 38, Measure.DEMAND),
        (4, 37, 72, Measure.DEMAND),
        (12, 12, 72, Measure.DEMAND),
        (6, 12, 72, Measure.OTHER),
    ],
)
def test_measure(
    accumulation: int | None, kind: int | None, uom: int | None, measure: Measure
) -> None:
    assert measure_of(accumulation, kind, uom) is measure


@given(CODES, CODES, CODES)
def test_only_interval_usage_may_be_summed(accumulation: int, kind: int, uom: int) -> None:
    if measure_of(accumulation, kind, uom) is Measure.USAGE:
        assert accumulation in {0, 4}
        assert uom not in {38, 61, 63}


@given(CODES)
def test_every_code_has_an_answer(code: int) -> None:
    assert direction_of(code) in Direction
    assert unit_of(code) in Unit
    assert commodity_of(code) in Commodity
