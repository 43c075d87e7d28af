"""What a UtilityAPI datapoint measures: its type and unit as direction, unit, measure, exponent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from types import MappingProxyType

from dcarbon.domain.flows import Commodity, Direction, Measure, Unit, commodity_of
from dcarbon.providers.columns import ChannelFacts

SCALE_EXPONENT = -6
"""Printed values are kept as millionths of their unit: kWh * 10**6 is milli-Wh, as in ESPI."""


class DatapointType(StrEnum):
    """Which view of what was measured. An open set: other words are ``UNKNOWN``."""

    FWD = "fwd"
    REV = "rev"
    NET = "net"
    MAX = "max"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> DatapointType:
        return cls._value2member_map_.get(_word(value), cls.UNKNOWN)  # type: ignore[return-value]


class DatapointUnit(StrEnum):
    """The units we know. An open set: other words are ``UNKNOWN``."""

    KWH = "kwh"
    KW = "kw"
    KVA = "kva"
    KVAH = "kvah"
    KVAR = "kvar"
    KVARH = "kvarh"
    THERMS = "therms"
    CCF = "ccf"
    HCF = "hcf"
    MCF = "mcf"
    GALLONS = "gallons"
    M3 = "m3"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> DatapointUnit:
        return cls._value2member_map_.get(_word(value), cls.UNKNOWN)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Kind:
    """One view of what a meter measured; views of the same energy are never added."""

    direction: Direction
    unit: Unit
    measure: Measure
    exponent: int

    def channel(self, meter_uid: str, commodity: Commodity) -> ChannelFacts:
        """Return the channel of this kind at a meter whose own commodity may be known."""
        known = commodity_of(None, None, self.unit)
        if known is Commodity.UNKNOWN:
            known = Commodity.WATER if self.unit is Unit.US_GALLON else commodity
        return ChannelFacts(
            usage_point=meter_uid,
            direction=self.direction,
            unit=self.unit,
            commodity=known,
            measure=self.measure,
            exponent=self.exponent,
        )


def _word(value: object) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


_DIRECTIONS: Mapping[DatapointType, Direction] = MappingProxyType(
    {
        DatapointType.FWD: Direction.DELIVERED,
        DatapointType.REV: Direction.RECEIVED,
        DatapointType.NET: Direction.NET,
        # A maximum of demand; nothing says of which flow.
        DatapointType.MAX: Direction.UNKNOWN,
    }
)
# The unit and its power of ten: 1 kWh is 10**3 Wh, 1 ccf or hcf is 10**2 cubic feet.
_UNITS: Mapping[DatapointUnit, tuple[Unit, int]] = MappingProxyType(
    {
        DatapointUnit.KWH: (Unit.WH, 3),
        DatapointUnit.KW: (Unit.W, 3),
        DatapointUnit.KVA: (Unit.VA, 3),
        DatapointUnit.KVAH: (Unit.VAH, 3),
        DatapointUnit.KVAR: (Unit.VAR, 3),
        DatapointUnit.KVARH: (Unit.VARH, 3),
        DatapointUnit.THERMS: (Unit.THERM, 0),
        DatapointUnit.CCF: (Unit.FT3, 2),
        DatapointUnit.HCF: (Unit.FT3, 2),
        DatapointUnit.MCF: (Unit.FT3, 3),
        DatapointUnit.GALLONS: (Unit.US_GALLON, 0),
        DatapointUnit.M3: (Unit.M3, 0),
    }
)
_POWERS = frozenset({Unit.W, Unit.VA, Unit.VAR})


def _kind(name: DatapointType, unit: DatapointUnit) -> Kind:
    base, power = _UNITS[unit]
    if base in _POWERS:
        measure = Measure.DEMAND
    else:
        measure = Measure.OTHER if name is DatapointType.MAX else Measure.USAGE
    return Kind(_DIRECTIONS[name], base, measure, power + SCALE_EXPONENT)


KINDS = tuple(dict.fromkeys(_kind(*pair) for pair in product(_DIRECTIONS, _UNITS)))
"""Every kind of datapoint we know."""

UNKNOWN_KIND = -1

CODES: Mapping[tuple[DatapointType | None, DatapointUnit | None], int] = {
    pair: KINDS.index(_kind(*pair))
    if pair[0] in _DIRECTIONS and pair[1] in _UNITS
    else UNKNOWN_KIND
    for pair in product((*DatapointType, None), (*DatapointUnit, None))
}
"""The place in :data:`KINDS` of every type and unit.

Unknown ones have none and are never filed under a neighbour: the payload is kept, and can be read
again once they are known (utilityapi reference 13).
"""

NET_KWH = CODES[DatapointType.NET, DatapointUnit.KWH]
"""What a reading's ``kwh`` is where it has no energy datapoint."""
