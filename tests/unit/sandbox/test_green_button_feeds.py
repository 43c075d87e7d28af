"""Feeds are valid ESPI, true to each utility's way of writing, and right on odd days."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from lxml import etree

from dcarbon_sandbox import loads
from dcarbon_sandbox.customers import customer_by_login
from tests.unit.sandbox.custodian import ATOM, ESPI, NOW, ThirdParty, entries, numbers

PACIFIC = ZoneInfo("America/Los_Angeles")
ORDINARY = {"published_min": "2026-10-05T07:00:00Z", "published_max": "2026-10-06T07:00:00Z"}
FALL_BACK = {"published_min": "2026-11-01T07:00:00Z", "published_max": "2026-11-02T08:00:00Z"}
SPRING_FORWARD = {
    "published_min": "2026-03-08T08:00:00Z",
    "published_max": "2026-03-09T07:00:00Z",
}


def batch(party: ThirdParty, login: str = "sunny", **window: str) -> bytes:
    token = party.authorize(login)
    response = party.get(token["resourceURI"], token["access_token"], **window)
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/atom+xml"
    content: bytes = response.data
    return content


@pytest.mark.parametrize("code", ["generic", "pge", "sdge"])
@pytest.mark.parametrize("login", ["sunny", "acme", "warm", "hourly"])
def test_usage_feeds_are_valid(app: Flask, schema: etree.XMLSchema, code: str, login: str) -> None:
    month = {"published_min": "2026-09-30T07:00:00Z", "published_max": "2026-10-03T07:00:00Z"}

    content = batch(ThirdParty(app, code), login, **month)

    schema.assertValid(etree.fromstring(content))
    assert numbers(content, "IntervalReading/value")


def test_sce_writes_what_the_schema_forbids_and_nothing_else(
    app: Flask, schema: etree.XMLSchema
) -> None:
    """Its files spell ServiceDeliveryPoint with a capital and cut the daylight-saving rules."""
    content = batch(ThirdParty(app, "sce"), **ORDINARY)

    schema.validate(etree.fromstring(content))
    wrong = str(schema.error_log)
    assert "ServiceDeliveryPoint" in wrong
    repaired = content.replace(b"ServiceDeliveryPoint", b"serviceDeliveryPoint")
    schema.assertValid(etree.fromstring(repaired))
    assert b"<dstStartRule>B60E</dstStartRule>" in content


@pytest.mark.parametrize("code", ["generic", "pge", "sce", "sdge"])
def test_customer_feeds_are_valid(app: Flask, schema: etree.XMLSchema, code: str) -> None:
    party = ThirdParty(app, code)
    token = party.authorize("acme")
    uri = token["resourceURI"].replace("/Subscription/", "/RetailCustomer/")

    content = party.get(uri, token["access_token"]).data

    document = etree.fromstring(content)
    schema.assertValid(document)
    texts = {element.text for element in document.iter()}
    assert {"7700000301", "8410000301", "CA", "95000"} <= texts
    assert ("IMAGINARY WIDGETS INC" in texts) is (code != "sce")


@pytest.mark.parametrize("code", ["generic", "sce", "sdge"])
def test_records_are_valid(app: Flask, schema: etree.XMLSchema, code: str) -> None:
    party = ThirdParty(app, code)
    token = party.authorize()
    client = party.client_token()
    registration = party.profile.registration_token
    here = f"ApplicationInformation/{party.profile.application_id}"

    documents = [
        party.get("Authorization", client).data,
        party.get(token["authorizationURI"], client).data,
        party.get("ReadServiceStatus", client).data,
        party.get(here, registration).data,
    ]

    for document in documents:
        schema.assertValid(etree.fromstring(document))


def test_pge_writes_periods_in_milliseconds(pge: ThirdParty) -> None:
    token = pge.authorize(duration_days="30")

    content = pge.get(token["authorizationURI"], pge.client_token()).data

    created = int(NOW.timestamp())
    assert numbers(content, "authorizedPeriod/start") == [created * 1000]
    assert numbers(content, "authorizedPeriod/duration") == [30 * 86400 * 1000]
    assert numbers(content, "expires_at") == [created + 3600]


@pytest.mark.parametrize("code", ["generic", "pge", "sce", "sdge"])
@pytest.mark.parametrize(
    ("window", "quarter_hours"),
    [(SPRING_FORWARD, 92), (ORDINARY, 96), (FALL_BACK, 100)],
    ids=["spring_forward", "ordinary", "fall_back"],
)
def test_a_local_day_is_one_block_of_all_its_quarter_hours(
    app: Flask, code: str, window: dict[str, str], quarter_hours: int
) -> None:
    content = batch(ThirdParty(app, code), "robin", **window)

    blocks = entries(content, "IntervalBlock")
    assert len(blocks) == 1
    assert len(blocks[0].findall(f"{ESPI}IntervalReading")) == quarter_hours
    length = 86400 if code == "sdge" else quarter_hours * 900
    assert numbers(content, "IntervalBlock/interval/duration") == [length]


def test_feeds_say_exactly_what_the_meter_measured(app: Flask) -> None:
    customer = customer_by_login("sunny")
    assert customer is not None
    start = datetime(2026, 10, 5, tzinfo=PACIFIC)
    end = datetime(2026, 10, 6, tzinfo=PACIFIC)
    truth = loads.readings(customer.meters[0], start, end, as_of=NOW)

    delivered, received = entries(batch(ThirdParty(app), **ORDINARY), "IntervalBlock")

    def values(block: etree._Element) -> list[int]:
        return [int(value.text or "") for value in block.iter(f"{ESPI}value")]

    assert values(delivered) == truth.delivered_mwh.tolist()
    assert values(received) == truth.received_mwh.tolist()
    assert sum(values(received)) > 0


def test_pge_looks_like_its_own_files(pge: ThirdParty) -> None:
    content = batch(pge, **ORDINARY)

    document = etree.fromstring(content)
    assert document.prefix == "ns1"
    assert entries(content, "UsagePoint")[0].prefix == "ns0"
    types = [
        link.get("href", "").rsplit("/", 1)[1]
        for link in document.iter(f"{ATOM}link")
        if link.get("rel") == "self" and "/ReadingType/" in link.get("href", "")
    ]
    assert [b64decode(name).decode() for name in types] == ["72:null:900:1", "72:null:900:19"]
    assert set(numbers(content, "ReadingType/powerOfTenMultiplier")) == {-3}
    assert set(numbers(content, "ReadingType/defaultQuality")) == {17}
    assert len(entries(content, "MeterReading")) == 2
    assert set(numbers(content, "IntervalReading/tou")) == {4, 5, 6}
    ids = [element.text for element in document.iter(f"{ATOM}id")]
    assert len(set(ids)) == len(ids)


def test_pge_counts_gas_in_hundred_millionths_of_a_therm_from_one_second_past_midnight(
    pge: ThirdParty,
) -> None:
    content = batch(pge, "warm", **ORDINARY)

    starts = numbers(content, "IntervalReading/timePeriod/start")
    midnight = int(datetime(2026, 10, 5, tzinfo=PACIFIC).timestamp())
    assert starts[-1] == midnight + 1
    assert numbers(content, "ReadingType/powerOfTenMultiplier") == [-3, -8]
    customer = customer_by_login("warm")
    assert customer is not None
    truth = loads.readings(
        customer.meters[1],
        datetime(2026, 10, 5, tzinfo=PACIFIC),
        datetime(2026, 10, 6, tzinfo=PACIFIC),
        as_of=NOW,
    )
    assert numbers(content, "IntervalReading/value")[-1] == truth.delivered_mwh[0] * 100_000


def test_sdge_writes_local_clock_time_as_if_it_were_utc(app: Flask) -> None:
    content = batch(ThirdParty(app, "sdge"), "robin", **ORDINARY)

    assert numbers(content, "IntervalBlock/interval/start") == [
        int(datetime(2026, 10, 5, tzinfo=UTC).timestamp())
    ]
    assert numbers(content, "LocalTimeParameters/tzOffset") == [0]
    assert b'href="User/' in content


def test_sdge_repeats_an_hour_when_clocks_go_back(app: Flask) -> None:
    starts = numbers(
        batch(ThirdParty(app, "sdge"), "robin", **FALL_BACK), "IntervalReading/timePeriod/start"
    )

    assert len(starts) - len(set(starts)) == 4


def test_a_bill_follows_the_end_of_its_month(app: Flask) -> None:
    month = {"published_min": "2026-10-01T07:00:00Z", "published_max": "2026-11-01T07:00:00Z"}

    content = batch(ThirdParty(app), "robin", **month)

    energy = sum(numbers(content, "IntervalReading/value"))
    assert numbers(content, "UsageSummary/overallConsumptionLastPeriod/value") == [energy]
    assert numbers(content, "UsageSummary/billLastPeriod") == [energy * 31 // 1000]


def test_readings_that_are_missing_are_left_out(app: Flask) -> None:
    customer = customer_by_login("gappy")
    assert customer is not None
    window = {"published_min": "2026-09-01T07:00:00Z", "published_max": "2026-10-01T07:00:00Z"}
    truth = loads.readings(
        customer.meters[0],
        datetime(2026, 9, 1, tzinfo=PACIFIC),
        datetime(2026, 10, 1, tzinfo=PACIFIC),
        as_of=NOW,
    )

    content = batch(ThirdParty(app), "gappy", **window)

    assert 0 < truth.present.sum() < len(truth)
    assert len(numbers(content, "IntervalReading/value")) == 2 * truth.present.sum()
