"""UsagePoint, MeterReading and ReadingType as the document writes them. Readings: ``blocks``."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from lxml import etree

from dcarbon.providers.green_button.espi.names import espi
from dcarbon.providers.green_button.espi.numbers import integer

_ALL_PHASES = frozenset({None, 0, 224, 225, 769})
_PLAIN_QUALIFIERS = frozenset({None, 0, 12, 26})
"""dataQualifier: absent, not applicable, normal, sum. Others are averages and extremes."""
_LARGEST_CODE = (1 << 15) - 1
_LARGEST_EXPONENT = 24
"""Twice what the schema lists; beyond it a multiplier is no multiplier."""
_LONGEST_INTERVAL_S = (1 << 31) - 1
_PGE_IDENTIFIER = re.compile(r"(\d+|null):(\d+|null):(\d+|null):(\d+|null)")


@dataclass(frozen=True, slots=True)
class ReadingType:
    """What kind of values a MeterReading has; codes as written, ``None`` where absent."""

    flow_direction: int | None = None
    uom: int | None = None
    commodity: int | None = None
    accumulation: int | None = None
    kind: int | None = None
    interval_s: int | None = None
    exponent: int | None = None
    default_quality: int | None = None
    data_qualifier: int | None = None
    phase: int | None = None
    tou: int | None = None
    tier: int | None = None
    cpp: int | None = None

    @property
    def variant(self) -> str:
        """What sets this series apart from one with the same direction and unit; mostly empty.

        A single phase, a maximum instead of a sum, or one price period each are series of their
        own: merging them would let one overwrite the other.
        """
        marks = {
            "phase": None if self.phase in _ALL_PHASES else self.phase,
            "qualifier": None if self.data_qualifier in _PLAIN_QUALIFIERS else self.data_qualifier,
            "tou": self.tou or None,
            "tier": self.tier or None,
            "cpp": self.cpp or None,
        }
        return ";".join(f"{name}={code}" for name, code in marks.items() if code is not None)

    @property
    def is_extreme(self) -> bool:
        """True for averages, minima and maxima, which cannot be summed whatever the unit."""
        return self.data_qualifier not in _PLAIN_QUALIFIERS


@dataclass(frozen=True, slots=True)
class UsagePoint:
    """One metering point of the utility."""

    service_kind: int | None = None
    status: int | None = None
    role_flags: str | None = None
    tariff: str | None = None
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class MeterReading:
    """A container; some vendors nest the ReadingType in it."""

    reading_type: ReadingType | None = None


def child_text(element: etree._Element | None, name: str) -> str | None:
    """Return the stripped text of an ESPI child; ``None`` where absent or empty."""
    if element is None:
        return None
    text = element.findtext(espi(name))
    return (text or "").strip() or None


def reading_type(element: etree._Element) -> ReadingType:
    """Read a ReadingType; unknown codes stay, unreadable and absurd ones count as absent."""

    def code(name: str, low: int = 0, high: int = _LARGEST_CODE) -> int | None:
        number = integer(element.findtext(espi(name)))
        return number if number is not None and low <= number <= high else None

    exponent = code("powerOfTenMultiplier", -_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    written = child_text(element, "powerOfTenMultiplier")
    return ReadingType(
        flow_direction=code("flowDirection"),
        # A scale that cannot be read leaves no unit either: better none than one off by powers.
        uom=code("uom") if exponent is not None or written is None else None,
        commodity=code("commodity"),
        accumulation=code("accumulationBehaviour"),
        kind=code("kind"),
        interval_s=code("intervalLength", high=_LONGEST_INTERVAL_S),
        exponent=exponent,
        default_quality=code("defaultQuality"),
        data_qualifier=code("dataQualifier"),
        phase=code("phase"),
        tou=code("tou"),
        tier=code("consumptionTier"),
        cpp=code("cpp"),
    )


def usage_point(element: etree._Element) -> UsagePoint:
    """Read a UsagePoint; both spellings of the service delivery point occur (reference 5.4)."""
    delivery = element.find(espi("serviceDeliveryPoint"))
    if delivery is None:
        delivery = element.find(espi("ServiceDeliveryPoint"))
    return UsagePoint(
        service_kind=integer(child_text(element.find(espi("ServiceCategory")), "kind")),
        status=integer(child_text(element, "status")),
        role_flags=child_text(element, "roleFlags"),
        tariff=child_text(delivery, "tariffProfile"),
        agreement=child_text(delivery, "customerAgreement"),
    )


def meter_reading(element: etree._Element) -> MeterReading:
    """Read a MeterReading with the ReadingType some vendors nest in it."""
    nested = element.find(espi("ReadingType"))
    return MeterReading(None if nested is None else reading_type(nested))


def reading_type_from_id(identifier: str) -> ReadingType | None:
    """Decode a PG&E ReadingType or MeterReading id (reference 8.6); ``None`` for any other.

    Such an id names unit, interval length and direction but not the multiplier: the unit is left
    out, too, because a value in watt-hours off by a thousand is worse than one without a unit.
    """
    text = identifier
    for _ in range(2):  # MeterReading ids wrap the ReadingType id once more, with ":<n>" behind
        try:
            text = base64.b64decode(text.partition(":")[0], validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        matched = _PGE_IDENTIFIER.fullmatch(text)
        if matched:
            _, _, interval, flow = (integer(part) for part in matched.groups())
            return ReadingType(flow_direction=flow, interval_s=interval)
    return None
