"""Customer feeds give a meter its address, account, agreement, serial number and owner."""

from __future__ import annotations

from pathlib import Path

from dcarbon.domain.flows import Commodity
from dcarbon.providers.columns import MeterFacts
from dcarbon.providers.green_button import espi
from tests.unit.providers.green_button.espi.writing import BASE, POINT, entry, feed, usage_point

CUSTOMER = "http://naesb.org/espi/customer"
ACCOUNT = f"{BASE}/RetailCustomer/1/Customer/1/CustomerAccount/1"
AGREEMENT = f"{ACCOUNT}/CustomerAgreement/7"


def customer_entry(name: str, body: str, href: str) -> str:
    return entry(f'<{name} xmlns="{CUSTOMER}">{body}</{name}>', href, up=href.rpartition("/")[0])


def _listed(meter: MeterFacts, name: str) -> list[dict[str, str]]:
    listed = meter.blocks[name]
    assert isinstance(listed, list)
    return listed


def test_a_pge_customer_feed_is_one_meter(samples: Path) -> None:
    (meter,) = espi.parse(samples / "pge-retail-customer.xml").meters

    assert meter.external_id == "9760620582"
    assert meter.customer_name == "ACME INDUSTRIES"
    assert meter.account_id == "1687340014"
    assert (meter.agreement_id, meter.service_class) == ("1112392222", "AGR")
    assert meter.service_address == "140 HAN RD, KING CITY, CA 95101"
    assert meter.meter_numbers == ("1121183459",)
    assert meter.blocks["customer_agreement"] == {"docStatus": "Active", "signDate": "1376550000"}
    assert _listed(meter, "devices")[0]["intervalLength"] == "900"


def test_a_sce_customer_feed_is_one_meter_without_a_customer(samples: Path) -> None:
    (meter,) = espi.parse(samples / "sce-bulk-retail-customer.xml").meters

    assert meter.external_id == "NB6WRU"
    assert meter.customer_name is None
    assert (meter.account_id, meter.agreement_id) == ("2-00-111-1111", "3-001-4647-18")
    assert meter.service_address == "11111 COLORADO ST, PALM DESERT, CA 92260"
    assert meter.meter_numbers == ("2.16.840.1.114416.1.5.222013991111",)
    suppliers = _listed(meter, "service_suppliers")
    assert [one["kind"] for one in suppliers] == ["msp", "mdma", "lse"]
    assert {one["issuerIdentificationNumber"] for one in suppliers} == {"SCE"}
    (device,) = _listed(meter, "devices")
    assert (device["type"], device["formNumber"]) == ("C2SOD", "2S")


def test_two_agreements_are_two_meters_each_with_its_own_facts() -> None:
    entries = []
    for number in ("7", "8"):
        agreement = f"{ACCOUNT}/CustomerAgreement/{number}"
        street = f"<addressGeneral>{number} EXAMPLE ST</addressGeneral>"
        address = f"<mainAddress><streetDetail>{street}</streetDetail></mainAddress>"
        place = f"{agreement}/ServiceLocation/1"
        serial = f"<serialNumber>S{number}</serialNumber>"
        entries += [
            customer_entry("CustomerAgreement", f"<name>A{number}</name>", agreement),
            customer_entry("ServiceLocation", address, place),
            customer_entry("Meter", serial, f"{place}/Meter/1"),
        ]
    account = customer_entry("CustomerAccount", "<accountId>ACC</accountId>", ACCOUNT)

    meters = espi.parse(feed(account, *entries)).meters

    found = [(m.external_id, m.agreement_id, m.service_address, m.meter_numbers) for m in meters]
    assert found == [
        ("7", "A7", "7 EXAMPLE ST", ("S7",)),
        ("8", "A8", "8 EXAMPLE ST", ("S8",)),
    ]
    assert {meter.account_id for meter in meters} == {"ACC"}


def test_the_usage_point_a_service_location_names_goes_before_the_agreement() -> None:
    url = f"<UsagePoints><UsagePoint>{POINT}</UsagePoint></UsagePoints>"
    place = customer_entry("ServiceLocation", url, f"{AGREEMENT}9/ServiceLocation/1")
    agreement = customer_entry("CustomerAgreement", "<name>A</name>", f"{AGREEMENT}9")

    (meter,) = espi.parse(feed(agreement, place)).meters

    assert (meter.external_id, meter.agreement_id) == ("7", "A")


def test_usage_and_customer_trees_of_one_document_are_one_meter() -> None:
    agreement = customer_entry("CustomerAgreement", "<name>A7</name>", AGREEMENT)

    (meter,) = espi.parse(feed(usage_point(), agreement)).meters

    assert (meter.external_id, meter.agreement_id) == ("7", "A7")
    assert meter.commodity is Commodity.ELECTRICITY


def test_the_extension_fields_go_before_the_name() -> None:
    customer = customer_entry(
        "Customer",
        "<name>N</name><customerName>SAMPLE CUSTOMER</customerName>",
        f"{BASE}/RetailCustomer/1/Customer/1",
    )
    agreement = customer_entry(
        "CustomerAgreement", "<name>N</name><agreementId>SA-1</agreementId>", AGREEMENT
    )

    (meter,) = espi.parse(feed(customer, agreement)).meters

    assert (meter.customer_name, meter.agreement_id) == ("SAMPLE CUSTOMER", "SA-1")
