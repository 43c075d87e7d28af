"""The retail customer schema: who, where and under which agreement, as facts about meters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lxml import etree

from dcarbon.providers.columns import MeterFacts
from dcarbon.providers.green_button.espi.links import (
    Links,
    parents,
    resource_path,
    segment_after,
)
from dcarbon.providers.green_button.espi.names import CUSTOMER_NAMESPACE

KINDS = frozenset(
    {
        "Customer",
        "CustomerAccount",
        "CustomerAgreement",
        "EndDevice",
        "Meter",
        "ServiceLocation",
        "ServiceSupplier",
        "Statement",
    }
)
_STREET_PARTS = ("number", "prefix", "name", "type", "suffix", "suiteNumber")
_GENERAL_PARTS = ("addressGeneral", "addressGeneral2", "addressGeneral3")


@dataclass(frozen=True, slots=True)
class CustomerResource:
    """One entry of a customer feed: its kind, its place in the tree of paths, its texts.

    ``fields`` has the texts of direct children by name; ``usage_points`` the ids a ServiceLocation
    refers to; ``address`` its address on one line.
    """

    kind: str
    path: str
    fields: dict[str, str] = field(default_factory=dict)
    usage_points: tuple[str, ...] = ()
    address: str | None = None


def customer_resource(element: etree._Element, kind: str, links: Links) -> CustomerResource:
    """Read one resource of the customer namespace (reference 5.9)."""
    fields: dict[str, str] = {}
    for child in element:
        text = (child.text or "").strip()
        if isinstance(child.tag, str) and not len(child) and text:
            fields.setdefault(etree.QName(child).localname, text)
    for name, path in (
        ("docStatus", "docStatus/value"),
        ("organisation", "Organisation/organisationName"),
    ):
        if nested := _text(element, path):
            fields[name] = nested
    is_location = kind == "ServiceLocation"
    return CustomerResource(
        kind=kind,
        path=links.self_path,
        fields=fields,
        usage_points=_usage_points(element) if is_location else (),
        address=_address(element) if is_location else None,
    )


def meters(resources: Sequence[CustomerResource]) -> tuple[MeterFacts, ...]:
    """Join the resources of one document into facts, one per usage point of each agreement.

    A meter's id is the usage point its ServiceLocation names, else the agreement's id in the
    paths, which PG&E and SCE also use for the usage point (reference 5.9).
    """
    agreements = [item for item in resources if item.kind == "CustomerAgreement"]
    if not agreements:
        agreements = [item for item in resources if item.kind == "ServiceLocation"][:1]
    if not agreements:
        agreements = [item for item in resources if item.kind in KINDS][:1]
    facts: dict[str, MeterFacts] = {}
    for agreement in agreements:
        for one in _meters_of(agreement, resources, only=len(agreements) == 1):
            facts.setdefault(one.external_id, one)
    return tuple(facts.values())


def _meters_of(
    agreement: CustomerResource, resources: Sequence[CustomerResource], *, only: bool
) -> Iterable[MeterFacts]:
    def near(kind: str) -> list[CustomerResource]:
        of_kind = [item for item in resources if item.kind == kind]
        related = [item for item in of_kind if _belong_together(item.path, agreement.path)]
        return related or (of_kind if only else [])

    locations = near("ServiceLocation")
    agreement_fields = agreement.fields if agreement.kind == "CustomerAgreement" else {}
    own_id = segment_after(agreement.path, "CustomerAgreement")
    identifiers = {point: place for place in locations for point in place.usage_points}
    if not identifiers:
        fallback = own_id or _first_of([agreement_fields], "agreementId", "name") or ""
        place = locations[0] if locations else CustomerResource("ServiceLocation", "")
        identifiers = {fallback: place}
    devices = [*near("Meter"), *near("EndDevice")]
    for identifier, place in identifiers.items():
        yield MeterFacts(
            external_id=identifier,
            meter_numbers=_serials(devices, place, several=len(identifiers) > 1),
            service_address=place.address,
            account_id=_first(near("CustomerAccount"), "accountId", "name"),
            agreement_id=_first_of([agreement_fields], "agreementId", "name"),
            customer_name=_first(near("Customer"), "customerName", "organisation", "name"),
            service_class=agreement_fields.get("type"),
            blocks=_extras(agreement_fields, devices, near("ServiceSupplier")),
        )


def _serials(
    devices: Sequence[CustomerResource], place: CustomerResource, *, several: bool
) -> tuple[str, ...]:
    """Return the serial numbers; with several places only those of devices below this one."""
    below = [item for item in devices if place.path in parents(item.path)]
    chosen = below if several else devices
    serials = (item.fields.get("serialNumber") for item in chosen)
    return tuple(dict.fromkeys(serial for serial in serials if serial))


def _extras(
    agreement: dict[str, str],
    devices: Sequence[CustomerResource],
    suppliers: Sequence[CustomerResource],
) -> dict[str, object]:
    extras: dict[str, object] = {}
    kept = {name: agreement[name] for name in ("docStatus", "signDate") if name in agreement}
    if kept:
        extras["customer_agreement"] = kept
    if devices:
        extras["devices"] = [dict(device.fields) for device in devices]
    if suppliers:
        extras["service_suppliers"] = [dict(supplier.fields) for supplier in suppliers]
    return extras


def _belong_together(one: str, other: str) -> bool:
    """Say whether one path lies on the way to the other: an account to its agreement, and so on."""
    return one == other or one in parents(other) or other in parents(one)


def _first(resources: Sequence[CustomerResource], *names: str) -> str | None:
    return _first_of([item.fields for item in resources], *names)


def _first_of(candidates: Sequence[dict[str, str]], *names: str) -> str | None:
    for name in names:
        for fields in candidates:
            if fields.get(name):
                return fields[name]
    return None


def _usage_points(location: etree._Element) -> tuple[str, ...]:
    found = []
    for element in location.iter(_customer("UsagePoint")):
        path = resource_path(element.text or "")
        identifier = segment_after(path, "UsagePoint") or path.rpartition("/")[2]
        if identifier:
            found.append(identifier)
    return tuple(dict.fromkeys(found))


def _address(location: etree._Element) -> str | None:
    """Return the main address on one line; ZIP codes stand in either of two places."""
    street = "mainAddress/streetDetail"
    line = ", ".join(_texts(location, street, _GENERAL_PARTS))
    line = line or " ".join(_texts(location, street, _STREET_PARTS))
    town, state, code = (
        _text(location, f"mainAddress/townDetail/{name}")
        for name in ("name", "stateOrProvince", "code")
    )
    postal = _text(location, "mainAddress/postalCode") or code
    region = " ".join(part for part in (state, postal) if part)
    return ", ".join(part for part in (line, town, region) if part) or None


def _texts(element: etree._Element, path: str, names: Iterable[str]) -> list[str]:
    found = (_text(element, f"{path}/{name}") for name in names)
    return [text for text in found if text]


def _text(element: etree._Element, path: str) -> str | None:
    tag = "/".join(_customer(step) for step in path.split("/"))
    return (element.findtext(tag) or "").strip() or None


def _customer(name: str) -> str:
    return f"{{{CUSTOMER_NAMESPACE}}}{name}"
