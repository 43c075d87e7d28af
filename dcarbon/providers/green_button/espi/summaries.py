"""UsageSummary: what the bill said. Amounts of money stay apart from energy."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from dcarbon.providers.green_button.espi.names import espi
from dcarbon.providers.green_button.espi.numbers import integer, rough_seconds
from dcarbon.providers.green_button.espi.usage import child_text


@dataclass(frozen=True, slots=True)
class Quantity:
    """A SummaryMeasurement: quantity = ``value`` * 10 ** ``exponent`` in ``uom``."""

    value: int
    exponent: int
    uom: int | None


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """One billing period. Times are epoch seconds, money is in 1/100 000 of the currency
    (reference 5.7).
    """

    billing_start: int | None
    billing_duration_s: int | None
    bill_last_period: int | None
    bill_to_date: int | None
    currency: int | None
    consumption: Quantity | None
    status_at: int | None
    line_items: int
    tariff: str | None
    read_cycle: str | None


def usage_summary(element: etree._Element) -> UsageSummary:
    """Read a UsageSummary or the older ElectricPowerUsageSummary (reference 5.8)."""
    period = element.find(espi("billingPeriod"))
    return UsageSummary(
        billing_start=rough_seconds(integer(child_text(period, "start"))),
        billing_duration_s=rough_seconds(integer(child_text(period, "duration"))),
        bill_last_period=integer(child_text(element, "billLastPeriod")),
        bill_to_date=integer(child_text(element, "billToDate")),
        currency=integer(child_text(element, "currency")),
        consumption=_quantity(element.find(espi("overallConsumptionLastPeriod"))),
        status_at=rough_seconds(integer(child_text(element, "statusTimeStamp"))),
        line_items=len(element.findall(espi("costAdditionalDetailLastPeriod"))),
        tariff=child_text(element, "tariffProfile"),
        read_cycle=child_text(element, "readCycle"),
    )


def _quantity(element: etree._Element | None) -> Quantity | None:
    value = integer(child_text(element, "value"))
    if value is None:
        return None
    exponent = integer(child_text(element, "powerOfTenMultiplier")) or 0
    return Quantity(value, exponent, integer(child_text(element, "uom")))
