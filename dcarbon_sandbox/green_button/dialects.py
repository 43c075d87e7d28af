"""How each utility writes Atom and ESPI: prefixes, ids, times, codes, and link shapes.

Every oddity here was seen in a real file (green-button reference 5.10, 8.6, 9, 10).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

ATOM = "http://www.w3.org/2005/Atom"
ESPI = "http://naesb.org/espi"
CUSTOMER = "http://naesb.org/espi/customer"
_XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_NAMESPACE = uuid.UUID("6f0d0f7a-3f0e-5c58-9a51-5f1f2a6d4c11")


@dataclass(frozen=True)
class Dialect:
    """One way of writing. ``atom`` and ``espi`` are prefixes with their colon, or empty."""

    name: str
    atom: str
    espi: str
    new_id: Callable[[str], str]
    stamp: Callable[[datetime], str]
    usage_title: str
    exponent: int
    gas_exponent: int
    default_quality: int
    quality_on_every_reading: bool = False
    cost_on_every_reading: bool = False
    time_of_use: bool = False
    typed: bool = False
    """Atom elements carry ``xsi:type`` (PG&E)."""
    published_last: bool = False
    """``updated`` and ``published`` come after the content (SCE)."""
    local_clock: bool = False
    """Starts are local wall-clock time written as if it were UTC (SDG&E)."""
    gas_starts_late_s: int = 0
    time_attribute: int = 0
    measuring_period: bool = True
    dst_start: str = "360E2000"
    dst_end: str = "B40E2000"
    ltp_title: str = "DST FOR PACIFIC TIMEZONE"
    summary: str = "UsageSummary"
    summary_stamp_ms: bool = False

    def element(self, name: str, value: object) -> str:
        """Return one ESPI element with escaped text."""
        return f"<{self.espi}{name}>{escape(str(value))}</{self.espi}{name}>"

    def group(self, name: str, *parts: str) -> str:
        """Return one ESPI element around already written parts."""
        return f"<{self.espi}{name}>{''.join(parts)}</{self.espi}{name}>"

    def payload(self, name: str, body: str = "", *, namespace: str = ESPI) -> str:
        """Return the payload element of an entry, declaring the ESPI namespace."""
        declared = f"xmlns:{self.espi[:-1]}" if self.espi else "xmlns"
        if not body:
            return f'<{self.espi}{name} {declared}="{namespace}"/>'
        return f'<{self.espi}{name} {declared}="{namespace}">{body}</{self.espi}{name}>'

    def feed_start(self, *, title: str, self_href: str, now: datetime, namespaces: str = "") -> str:
        a = self.atom
        declared = f"xmlns:{a[:-1]}" if a else "xmlns"
        link = f'<{a}link rel="self" href={quoteattr(self_href)}/>' if self_href else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{a}feed {declared}="{ATOM}"{namespaces}>'
            f"<{a}id>{self.new_id(self_href)}</{a}id><{a}title>{escape(title)}</{a}title>"
            f"<{a}updated>{self.stamp(now)}</{a}updated>{link}"
        )

    def feed_end(self) -> str:
        return f"</{self.atom}feed>"

    def entry(
        self,
        *,
        self_href: str,
        up: str,
        title: str,
        now: datetime,
        payload: str,
        related: tuple[str, ...] = (),
        attributes: str = "",
    ) -> str:
        """Return one Atom entry; ``attributes`` go on the entry (a bare document's namespaces)."""
        a, typed = self.atom, self.typed
        when = self.stamp(now)

        def kind(name: str) -> str:
            return f'{_XSI} xsi:type="{a}{name}Type"' if typed else ""

        linked = "".join(
            f'<{a}link rel="{rel}" href={quoteattr(href)}{kind("link")}/>'
            for rel, href in (("self", self_href), ("up", up), *(("related", r) for r in related))
        )
        shown = f"<{a}title{kind('text')}>{escape(title)}</{a}title>" if title else ""
        published = f"<{a}published{kind('dateTime')}>{when}</{a}published>"
        updated = f"<{a}updated{kind('dateTime')}>{when}</{a}updated>"
        content = f"<{a}content{kind('content')}>{payload}</{a}content>"
        order = (
            content + updated + published if self.published_last else published + updated + content
        )
        return (
            f"<{a}entry{attributes}><{a}id{kind('id')}>{self.new_id(self_href)}</{a}id>"
            f"{linked}{shown}{order}</{a}entry>"
        )

    def document(self, entry: str) -> str:
        """Return a single entry as a document of its own; ``entry`` was made by :meth:`entry`."""
        a = self.atom
        declared = f"xmlns:{a[:-1]}" if a else "xmlns"
        opened = f"<{a}entry"
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n{opened} {declared}="{ATOM}"'
            + entry.removeprefix(opened)
        )


def _lasting_id(href: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, href)}"


def _fresh_id(_href: str) -> str:
    return str(uuid.uuid4())


def _upper_id(href: str) -> str:
    return f"urn:uuid:{str(uuid.uuid5(_NAMESPACE, href)).upper()}"


def _dashless_id(href: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, href).hex}"


def _zulu(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _zulu_ms(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _zoneless(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


STANDARD = Dialect(
    name="standard",
    atom="",
    espi="",
    new_id=_lasting_id,
    stamp=_zulu,
    usage_title="Green Button Usage Feed",
    exponent=-3,
    gas_exponent=-3,
    default_quality=17,
)
PGE = Dialect(
    name="pge",
    atom="ns1:",
    espi="ns0:",
    new_id=_fresh_id,
    stamp=_zulu_ms,
    usage_title="Green Button Usage Feed",
    exponent=-3,
    gas_exponent=-8,
    default_quality=17,
    quality_on_every_reading=True,
    time_of_use=True,
    typed=True,
    gas_starts_late_s=1,
    summary_stamp_ms=True,
)
SCE = Dialect(
    name="sce",
    atom="",
    espi="",
    new_id=_upper_id,
    stamp=_zoneless,
    usage_title="Green Button Subscription Feed",
    exponent=0,
    gas_exponent=-3,
    default_quality=14,
    cost_on_every_reading=True,
    published_last=True,
    time_attribute=7,
    measuring_period=False,
    dst_start="B60E",
    dst_end="B40E",
    ltp_title="DST for North America",
)
SDGE = Dialect(
    name="sdge",
    atom="",
    espi="",
    new_id=_dashless_id,
    stamp=_zulu,
    usage_title="Green Button Export",
    exponent=0,
    gas_exponent=-3,
    default_quality=17,
    local_clock=True,
    time_attribute=7,
    measuring_period=False,
    ltp_title="Time period",
    summary="ElectricPowerUsageSummary",
)
DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (STANDARD, PGE, SCE, SDGE)}


@dataclass(frozen=True)
class Links:
    """The hrefs a dialect writes for one subscription; ``base`` is the resource base URL."""

    dialect: str
    base: str
    subscription: str

    def usage_points(self) -> str:
        if self.dialect == "sce":  # the placeholder host of SCE's own files
            customer = hashlib.sha256(self.subscription.encode()).hexdigest()[:9].upper()
            return f"{_SCE_BASE}/RetailCustomer/{customer}/UsagePoint"
        if self.dialect == "sdge":
            user = hashlib.sha256(self.subscription.encode()).hexdigest()[:32]
            return f"User/{user}/UsagePoint"
        return f"{self.base}/Subscription/{self.subscription}/UsagePoint"

    def usage_point(self, meter_id: str, number: int) -> str:
        return f"{self.usage_points()}/{self.usage_point_id(meter_id, number)}"

    def usage_point_id(self, meter_id: str, number: int) -> str:
        return f"{number:02d}" if self.dialect == "sdge" else meter_id

    def collection(self, name: str) -> str:
        """Return the href of a free-standing collection such as ``ReadingType``."""
        if self.dialect == "sdge":
            return f"/{name}"
        return f"{_SCE_BASE if self.dialect == 'sce' else self.base}/{name}"

    def local_time(self) -> str:
        number = {"sdge": "01", "sce": "1161"}.get(self.dialect, "1")
        return f"{self.collection('LocalTimeParameters')}/{number}"


_SCE_BASE = "https://services.greenbuttondata.org/DataCustodian/espi/1_1/resource"
