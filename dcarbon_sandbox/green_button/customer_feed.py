"""Customer feeds: names, accounts, agreements, places and meters, apart from any usage."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dcarbon_sandbox.customers import SandboxCustomer, SandboxMeter
from dcarbon_sandbox.green_button.dialects import CUSTOMER, Dialect
from dcarbon_sandbox.green_button.store import Authorization

_SIGNED = 1_577_865_600  # 2020-01-01, every agreement's signDate


@dataclass(frozen=True)
class CustomerWriter:
    """Writes the entries of one utility's customer feeds below the resource base URL."""

    dialect: Dialect
    base: str
    now: datetime

    @classmethod
    def of(cls, dialect: Dialect, base: str, now: datetime) -> CustomerWriter:
        """Return the writer; PG&E makes the customer namespace an entry's default one."""
        if dialect.name == "pge":
            plain = replace(dialect, atom="ns2:", espi="", typed=False)
        else:
            plain = replace(dialect, espi="cust:")
        return cls(plain, base, now)

    def document(self, self_href: str, entries: Iterator[str]) -> Iterator[str]:
        cust = "" if self.dialect.name == "pge" else f' xmlns:cust="{CUSTOMER}"'
        yield self.dialect.feed_start(
            title="Green Button Customer Feed", self_href=self_href, now=self.now, namespaces=cust
        )
        yield from entries
        yield self.dialect.feed_end()

    def entries(
        self,
        authorization: Authorization,
        customer: SandboxCustomer,
        meters: Sequence[SandboxMeter],
    ) -> Iterator[str]:
        """Yield what the consent opens: basic data, account data or both."""
        root = f"{self.base}/RetailCustomer/{authorization.id}/Customer"
        number = b64encode(customer.account_id.encode()).decode()
        here = f"{root}/{number}"
        if self.dialect.name != "sce":  # SCE's feeds have no Customer entry (reference 5.9)
            name = self._element("name", customer.name.upper())
            yield self._entry("Customer", here, name, f"{here}/CustomerAccount")
        account = f"{here}/CustomerAccount/{customer.account_id}"
        if authorization.covers("account", "basic"):
            body = self._element("name", customer.account_id)
            if self.dialect.name == "standard":
                body += self._element("accountId", customer.account_id)
            yield self._entry("CustomerAccount", account, body, f"{account}/CustomerAgreement")
        for meter in meters:
            yield from self._service(customer, meter, f"{account}/CustomerAgreement/{meter.id}")

    def _service(
        self, customer: SandboxCustomer, meter: SandboxMeter, agreement: str
    ) -> Iterator[str]:
        yield self._entry("CustomerAgreement", agreement, self._agreement(meter))
        place = f"{agreement}/ServiceLocation/1"
        yield self._entry("ServiceLocation", place, self._location(customer, meter))
        if self.dialect.name == "sce":
            for kind in ("msp", "mdma", "lse"):
                body = self._element("kind", kind) + self._element(
                    "issuerIdentificationNumber", "SCE"
                )
                yield self._entry("ServiceSupplier", f"{agreement}/ServiceSupplier/{kind}", body)
        # At SCE the meter hangs below the agreement, elsewhere below its place.
        above = agreement if self.dialect.name == "sce" else place
        body = self._element("serialNumber", meter.serial) + self._element(
            "intervalLength", meter.step_s
        )
        yield self._entry("Meter", f"{above}/Meter/{meter.serial}", body)

    def _agreement(self, meter: SandboxMeter) -> str:
        d = self.dialect
        if d.name == "sce":
            return self._element("name", meter.agreement_id)
        kind = "COM/IND" if meter.kind == "commercial" else "RES"
        body = (
            self._element("name", meter.agreement_id)
            + self._element("type", kind)
            + d.group("docStatus", self._element("value", "Active"))
            + self._element("signDate", _SIGNED)
        )
        if d.name == "standard":
            body += self._element("agreementId", meter.agreement_id)
        return body

    def _location(self, customer: SandboxCustomer, meter: SandboxMeter) -> str:
        d = self.dialect
        number, _, street = customer.street.partition(" ")
        town = self._element("name", customer.city.upper()) + self._element(
            "stateOrProvince", customer.state
        )
        if d.name == "pge":  # the ZIP is in townDetail/code (reference 5.9)
            detail = self._element("addressGeneral", customer.street.upper())
            town = self._element("code", customer.postal_code) + town
            address = d.group("streetDetail", detail) + d.group("townDetail", town)
        else:
            detail = self._element("number", number) + self._element("name", street.upper())
            address = (
                d.group("streetDetail", detail)
                + d.group("townDetail", town)
                + self._element("postalCode", customer.postal_code)
            )
        body = d.group("mainAddress", address)
        if d.name == "standard":
            point = f"{self.base}/UsagePoint/{meter.id}"
            body += d.group("UsagePoints", self._element("UsagePoint", point))
        return body

    def _element(self, name: str, value: object) -> str:
        return self.dialect.element(name, value)

    def _entry(self, name: str, href: str, body: str, *related: str) -> str:
        d = self.dialect
        bare = d.name == "pge"
        payload = f"<{d.espi}{name}>{body}</{d.espi}{name}>"
        return d.entry(
            self_href=href,
            up=href.rsplit("/", 1)[0],
            related=related,
            title="" if bare else name,
            now=self.now,
            payload=payload,
            attributes=f' xmlns="{CUSTOMER}"' if bare else "",
        )
