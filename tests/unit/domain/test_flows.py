"""ESPI codes: what they mean, and that an unknown one is never taken for a known one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.flows import (
    ESTIMATED_QUALITIES,
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
    [
        (None, Unit.UNKNOWN),
        (0, Unit.UNKNOWN),
        (5, Unit.OTHER),
        (6, Unit.KELVIN),
        (23, Unit.CELSIUS),
        (31, Unit.JOULE),
        (38, Unit.W),
        (42, Unit.M3),
        (61, Unit.VA),
        (63, Unit.VAR),
        (71, Unit.VAH),
        (72, Unit.WH),
        (73, Unit.VARH),
        (119, Unit.FT3),
        (120, Unit.FT3),
        (128, Unit.US_GALLON),
        (132, Unit.BTU),
        (134, Unit.LITRE),
        (169, Unit.THERM),
    ],
)
def test_unit(code: int | None, unit: Unit) -> None:
    assert unit_of(code) is unit


def test_no_other_code_is_a_unit_we_know() -> None:
    known = {6, 23, 31, 38, 42, 61, 63, 71, 72, 73, 119, 120, 128, 132, 134, 169}

    assert {code for code in range(-5, 256) if unit_of(code) is not Unit.OTHER} == known | {0}


def test_an_estimate_is_by_a_reference_day_by_interpolation_or_a_projection() -> None:
    assert {8, 9, 12} == ESTIMATED_QUALITIES


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
        (2, None, None, Commodity.ELECTRICITY),
        (26, None, None, Commodity.ELECTRICITY),
        (9, None, None, Commodity.WATER),
        (12, None, None, Commodity.HEAT),
        (None, 0, Unit.THERM, Commodity.ELECTRICITY),
        (None, 4, Unit.WH, Commodity.HEAT),
        (None, None, Unit.W, Commodity.ELECTRICITY),
        (None, None, Unit.VAH, Commodity.ELECTRICITY),
        (None, None, Unit.VARH, Commodity.ELECTRICITY),
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


def test_what_adds_up_behind_a_reading_is_a_register_and_what_is_a_rate_is_a_demand() -> None:
    def measured_as(wanted: Measure, **codes: range) -> set[int]:
        ((name, tried),) = codes.items()
        plain = {"accumulation": 4, "kind": 12, "uom": 72}
        return {code for code in tried if measure_of(**plain | {name: code}) is wanted}

    assert measured_as(Measure.REGISTER, accumulation=range(20)) == {1, 2, 3, 9, 13, 14}
    assert measured_as(Measure.USAGE, accumulation=range(-1, 20)) == {0, 4}
    assert measured_as(Measure.DEMAND, accumulation=range(20)) == {12}
    assert measured_as(Measure.DEMAND, kind=range(60)) == {8, 37, 38}
    assert measured_as(Measure.DEMAND, uom=range(200)) == {38, 61, 63}


def test_no_other_code_is_a_commodity_or_service_we_know() -> None:
    def known(found: Callable[[int], Commodity]) -> set[int]:
        return {code for code in range(1, 60) if found(code) is not Commodity.OTHER}

    assert known(commodity_of) == {1, 2, 7, 9, 12, 26}
    assert known(lambda kind: commodity_of(None, kind)) == {1, 2, 4}
    assert {code for code in range(-5, 60) if direction_of(code) is not Direction.OTHER} == {
        *(0, 1, 4, 19, 20),
    }


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
