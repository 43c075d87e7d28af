"""What a channel measures: direction, unit and commodity, from the ESPI code tables."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Which way energy flows through the meter, seen from the utility's side.

    ``DELIVERED`` is what the customer took, ``RECEIVED`` what the customer gave to the grid.
    """

    DELIVERED = "delivered"
    RECEIVED = "received"
    NET = "net"
    TOTAL = "total"
    OTHER = "other"
    UNKNOWN = "unknown"


class Unit(StrEnum):
    """The unit of a channel's readings, as stored and shown."""

    WH = "Wh"
    W = "W"
    VAH = "VAh"
    VARH = "VArh"
    VA = "VA"
    VAR = "VAr"
    THERM = "therm"
    M3 = "m3"
    FT3 = "ft3"
    US_GALLON = "US gal"
    LITRE = "L"
    BTU = "BTU"
    JOULE = "J"
    CELSIUS = "degC"
    KELVIN = "K"
    OTHER = "other"
    UNKNOWN = "unknown"


class Commodity(StrEnum):
    ELECTRICITY = "electricity"
    GAS = "gas"
    WATER = "water"
    HEAT = "heat"
    OTHER = "other"
    UNKNOWN = "unknown"


class Measure(StrEnum):
    """Whether readings may be summed over time. Only ``USAGE`` may (ESPI accumulationBehaviour)."""

    USAGE = "usage"
    REGISTER = "register"
    DEMAND = "demand"
    OTHER = "other"


_DIRECTIONS = {
    1: Direction.DELIVERED,
    4: Direction.NET,
    19: Direction.RECEIVED,
    20: Direction.TOTAL,
}
_UNITS = {
    6: Unit.KELVIN,
    23: Unit.CELSIUS,
    31: Unit.JOULE,
    38: Unit.W,
    42: Unit.M3,
    61: Unit.VA,
    63: Unit.VAR,
    71: Unit.VAH,
    72: Unit.WH,
    73: Unit.VARH,
    119: Unit.FT3,
    120: Unit.FT3,
    128: Unit.US_GALLON,
    132: Unit.BTU,
    134: Unit.LITRE,
    169: Unit.THERM,
}
_COMMODITIES = {
    1: Commodity.ELECTRICITY,
    2: Commodity.ELECTRICITY,
    26: Commodity.ELECTRICITY,
    7: Commodity.GAS,
    9: Commodity.WATER,
    12: Commodity.HEAT,
}
_SERVICE_KINDS = {
    0: Commodity.ELECTRICITY,
    1: Commodity.GAS,
    2: Commodity.WATER,
    4: Commodity.HEAT,
}
_REGISTERS = frozenset({1, 2, 3, 9, 13, 14})
_DEMAND_KINDS = frozenset({8, 37, 38})
_DEMAND_UNITS = frozenset({38, 61, 63})

ESTIMATED_QUALITIES = frozenset({8, 9, 12})
"""ESPI qualityOfReading codes of values the meter did not measure."""


def direction_of(flow_direction: int | None) -> Direction:
    """Return the direction for an ESPI ``flowDirection`` code; absent or 0 is ``UNKNOWN``."""
    if flow_direction is None or flow_direction == 0:
        return Direction.UNKNOWN
    return _DIRECTIONS.get(flow_direction, Direction.OTHER)


def unit_of(uom: int | None) -> Unit:
    """Return the unit for an ESPI ``uom`` code; absent or 0 is ``UNKNOWN``."""
    if uom is None or uom == 0:
        return Unit.UNKNOWN
    return _UNITS.get(uom, Unit.OTHER)


def commodity_of(
    commodity: int | None, service_kind: int | None = None, unit: Unit | None = None
) -> Commodity:
    """Return the commodity from the ReadingType, else from ServiceCategory.kind, else the unit."""
    if commodity:
        return _COMMODITIES.get(commodity, Commodity.OTHER)
    if service_kind is not None:
        return _SERVICE_KINDS.get(service_kind, Commodity.OTHER)
    if unit in {Unit.WH, Unit.W, Unit.VAH, Unit.VARH}:
        return Commodity.ELECTRICITY
    if unit is Unit.THERM:
        return Commodity.GAS
    return Commodity.UNKNOWN


def measure_of(accumulation: int | None, kind: int | None, uom: int | None) -> Measure:
    """Say whether values may be summed (green-button reference 5.5, accumulationBehaviour).

    Behaviour 1 (bulkQuantity) is a register by the schema. Files that label interval usage with 1
    exist; the parser sees the readings and may overrule with a warning.
    """
    if uom in _DEMAND_UNITS or kind in _DEMAND_KINDS or accumulation == 12:  # noqa: PLR2004 — ESPI code
        return Measure.DEMAND
    if accumulation in _REGISTERS:
        return Measure.REGISTER
    if accumulation in {None, 0, 4}:
        return Measure.USAGE
    return Measure.OTHER
