"""Usage feeds: the entries of subscriptions, in the words of the utility's dialect."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from dcarbon_sandbox.customers import SandboxMeter
from dcarbon_sandbox.green_button import readings
from dcarbon_sandbox.green_button.dialects import Dialect, Links
from dcarbon_sandbox.green_button.measurements import Bill, MeterPart

DELIVERED, RECEIVED = 1, 19  # ESPI flowDirection
_MEASURING_PERIODS = {900: 2, 3600: 7, 86400: 4}
_NS0 = ' xmlns:ns0="http://naesb.org/espi"'
_RATE_PERIODS = (
    ("SPK", "Summer Peak"), ("SOP", "Summer Off Peak"), ("SPP", "Summer Partial Peak"),
    ("WPK", "Winter Peak"), ("WPP", "Winter Partial Peak"), ("WOP", "Winter Off Peak"),
    ("MPK", "Spring Peak"), ("MOP", "Spring Off Peak"), ("MXO", "Spring Super Off Peak"),
    ("WSO", "Winter Super Off Peak"),
)  # fmt: skip


@dataclass(frozen=True)
class Subscription:
    """The meters one authorization opens, with what the request gets of each."""

    links: Links
    parts: Sequence[MeterPart]


@dataclass(frozen=True)
class UsageWriter:
    """Writes the entries of usage feeds; ``now`` is their Atom time."""

    dialect: Dialect
    now: datetime

    def document(self, title: str, self_href: str, entries: Iterator[str]) -> Iterator[str]:
        """Yield a feed piece by piece."""
        namespaces = _NS0 if self.dialect.espi else ""
        yield self.dialect.feed_start(
            title=title, self_href=self_href, now=self.now, namespaces=namespaces
        )
        yield from entries
        yield self.dialect.feed_end()

    def batch(self, subscriptions: Iterator[Subscription]) -> Iterator[str]:
        """Yield everything of the subscriptions; shared entries come once, where first needed."""
        shared: set[str] = set()
        for subscription in subscriptions:
            links = subscription.links
            if not shared:
                yield self.local_time(links)
            for part in subscription.parts:
                for flow in flows(part.meter):
                    href = self.reading_type_href(links, part.meter, flow)
                    if href not in shared:
                        shared.add(href)
                        yield self.reading_type(links, part.meter, flow)
                yield self.usage_point(links, part)
                yield from self.meter_readings(links, part)
                yield from self.bills(links, part)
        if self.dialect.time_of_use and shared:
            yield self.programs(links)

    def local_time(self, links: Links) -> str:
        d = self.dialect
        offset = 0 if d.local_clock else -28800
        body = (
            d.element("dstEndRule", d.dst_end)
            + d.element("dstOffset", 3600)
            + d.element("dstStartRule", d.dst_start)
            + d.element("tzOffset", offset)
        )
        return d.entry(
            self_href=links.local_time(),
            up=links.collection("LocalTimeParameters"),
            title=d.ltp_title,
            now=self.now,
            payload=d.payload("LocalTimeParameters", body),
        )

    def reading_type_href(self, links: Links, meter: SandboxMeter, flow: int) -> str:
        return f"{links.collection('ReadingType')}/{reading_type_id(self.dialect, meter, flow)}"

    def reading_type(self, links: Links, meter: SandboxMeter, flow: int) -> str:
        d, gas = self.dialect, meter.commodity == "gas"
        electric = [] if gas else [("phase", 769)]
        fields: list[tuple[str, int]] = [
            ("accumulationBehaviour", 4),
            ("commodity", 7 if gas else 1),
            *([] if d.typed else [("currency", 840)]),
            ("dataQualifier", 12),
            ("defaultQuality", d.default_quality),
            ("flowDirection", flow),
            ("intervalLength", meter.step_s),
            ("kind", 12),
            *electric,
            ("powerOfTenMultiplier", d.gas_exponent if gas else d.exponent),
            ("timeAttribute", 11 if gas else d.time_attribute),
            ("uom", 169 if gas else 72),
            *(
                [("measuringPeriod", _MEASURING_PERIODS[meter.step_s])]
                if d.measuring_period
                else []
            ),
        ]
        return d.entry(
            self_href=self.reading_type_href(links, meter, flow),
            up=links.collection("ReadingType"),
            title="Type of Meter Reading Data",
            now=self.now,
            payload=d.payload("ReadingType", "".join(d.element(n, v) for n, v in fields)),
        )

    def usage_point(self, links: Links, part: MeterPart) -> str:
        d, meter = self.dialect, part.meter
        href = links.usage_point(meter.id, part.number)
        category = d.group("ServiceCategory", d.element("kind", int(meter.commodity == "gas")))
        place = d.element("name", meter.id) + d.element("tariffProfile", meter.tariff)
        body = {
            "pge": category,
            # SCE's files spell it with a capital, against the schema (reference 5.4).
            "sce": category + d.group("ServiceDeliveryPoint", place),
            "sdge": category + d.element("status", 1),
            "standard": category
            + d.element("status", 1)
            + d.group(
                "serviceDeliveryPoint", place, d.element("customerAgreement", meter.agreement_id)
            ),
        }[d.name]
        return d.entry(
            self_href=href,
            up=links.usage_points(),
            related=(f"{href}/MeterReading", f"{href}/{d.summary}", links.local_time()),
            title="Green Button Data File",
            now=self.now,
            payload=d.payload("UsagePoint", body),
        )

    def meter_reading(self, links: Links, part: MeterPart, flow: int) -> str:
        d = self.dialect
        up = f"{links.usage_point(part.meter.id, part.number)}/MeterReading"
        href = f"{up}/{meter_reading_id(d, part.meter, flow)}"
        types = self.reading_type_href(links, part.meter, flow)
        local = (links.local_time(),) if d.name == "pge" else ()
        return d.entry(
            self_href=href,
            up=up,
            related=(f"{href}/IntervalBlock", types, *local),
            title="Green Button Data File",
            now=self.now,
            payload=d.payload("MeterReading"),
        )

    def meter_readings(self, links: Links, part: MeterPart) -> Iterator[str]:
        """Yield each channel's MeterReading and its blocks; nothing without usage consent."""
        if part.loads is None:
            return
        for flow in flows(part.meter):
            yield self.meter_reading(links, part, flow)
            yield from self.interval_blocks(links, part, flow)

    def interval_blocks(self, links: Links, part: MeterPart, flow: int) -> Iterator[str]:
        if part.loads is None:
            return
        d, meter = self.dialect, part.meter
        up = (
            f"{links.usage_point(meter.id, part.number)}/MeterReading/"
            f"{meter_reading_id(d, meter, flow)}/IntervalBlock"
        )
        energy = part.loads.delivered_mwh if flow == DELIVERED else part.loads.received_mwh
        for block in readings.blocks(
            d, part.loads, energy, zone=meter.zone, gas=meter.commodity == "gas"
        ):
            interval = d.group(
                "interval", d.element("duration", block.duration), d.element("start", block.start)
            )
            yield d.entry(
                self_href=f"{up}/{block.key}",
                up=up,
                title=f"IntervalBlock_{block.key}",
                now=self.now,
                payload=d.payload("IntervalBlock", interval + block.readings),
            )

    def bills(self, links: Links, part: MeterPart) -> Iterator[str]:
        up = f"{links.usage_point(part.meter.id, part.number)}/{self.dialect.summary}"
        for bill in part.bills:
            yield self.dialect.entry(
                self_href=f"{up}/{bill.key}",
                up=up,
                title=f"{self.dialect.summary}_{bill.key}",
                now=self.now,
                payload=self.dialect.payload(self.dialect.summary, self._summary(part.meter, bill)),
            )

    def _summary(self, meter: SandboxMeter, bill: Bill) -> str:
        d, gas = self.dialect, meter.commodity == "gas"
        measured = (
            d.element("powerOfTenMultiplier", -3)
            + d.element("uom", 169 if gas else 72)
            + d.element("value", bill.energy)
        )
        stamp = int(self.now.timestamp()) * (1000 if d.summary_stamp_ms else 1)
        # SDG&E's summaries name no real period (reference 10).
        period = (10, 10) if d.local_clock else (bill.end - bill.start, bill.start)
        charge = d.group(
            "costAdditionalDetailLastPeriod",
            d.element("amount", bill.amount),
            d.element("note", "Energy Charge"),
            d.group("measurement", measured),
            d.element("itemKind", 3),
        )
        usage_only = d.summary == "UsageSummary"
        return (
            d.group(
                "billingPeriod", d.element("duration", period[0]), d.element("start", period[1])
            )
            + d.element("billLastPeriod", bill.amount)
            + (charge if usage_only else "")
            + d.element("currency", 840)
            + d.group("overallConsumptionLastPeriod", measured)
            + d.element("qualityOfReading", 17)
            + d.element("statusTimeStamp", stamp)
            + (d.element("commodity", 7 if gas else 1) if usage_only else "")
            + (d.element("tariffProfile", meter.tariff) if usage_only else "")
        )

    def programs(self, links: Links) -> str:
        """The names of the time-of-use codes on the readings (PG&E)."""
        d = self.dialect
        body = "".join(
            d.group(
                "programIdMapping",
                d.element("tOUorCPPorConsumptionTier", "tou"),
                d.element("code", code),
                d.element("name", name),
                d.element("note", note),
            )
            for code, (name, note) in enumerate(_RATE_PERIODS, start=1)
        )
        return d.entry(
            self_href=f"{links.collection('ProgramIdMapping')}/1",
            up=links.collection("ProgramIdMappings"),
            title="Program ID Mappings",
            now=self.now,
            payload=d.payload("ProgramIdMappings", body),
        )


def flows(meter: SandboxMeter) -> tuple[int, ...]:
    """Return the flow directions a meter reports; solar meters report both, with equal grids."""
    return (DELIVERED, RECEIVED) if meter.has_export else (DELIVERED,)


def reading_type_id(dialect: Dialect, meter: SandboxMeter, flow: int) -> str:
    """PG&E's id is base64 of ``uom:null:intervalLength:flowDirection`` (reference 8.6)."""
    if dialect.name == "sce":
        return f"1{flow:02d}1{meter.id}"
    if dialect.name == "sdge":
        return {900: "1", 3600: "0", 86400: "2"}[meter.step_s] + str(flow)
    uom = 169 if meter.commodity == "gas" else 72
    return b64encode(f"{uom}:null:{meter.step_s}:{flow}".encode()).decode()


def meter_reading_id(dialect: Dialect, meter: SandboxMeter, flow: int) -> str:
    """PG&E's id is base64 of the ReadingType id and a number (reference 8.6)."""
    if dialect.name == "pge":
        return b64encode(f"{reading_type_id(dialect, meter, flow)}:1".encode()).decode()
    if dialect.name == "sce":
        return f"1{flow:02d}1"
    if dialect.name == "sdge":
        return {DELIVERED: "05", RECEIVED: "06"}[flow]
    return str(flow)
