"""Authorizations and meters: strict about who they are, lenient about everything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.domain.flows import Commodity
from dcarbon.providers.utilityapi.parse import (
    parse_authorizations,
    parse_events,
    parse_meter_states,
    parse_meters,
)

METER: dict[str, Any] = {
    "uid": "8812014",
    "authorization_uid": "402118",
    "is_archived": False,
    "is_activated": True,
    "is_expanded": False,
    "status": "updated",
    "utility": "PG&E",
    "interval_count": 35040,
    "interval_coverage": [
        ["2024-11-02T00:00:00.000000-07:00", "2025-03-01T00:00:00.000000-08:00"],
        ["2025-03-02T00:00:00.000000-08:00", "2025-11-02T00:00:00.000000-07:00"],
        ["broken"],
        None,
    ],
    "ongoing_monitoring": {"frequency": "daily", "prepay": None},
    "notes": [
        {"type": "waiting", "ts": "2016-01-31:17:00:00", "msg": "Wait.", "eta ": "soon"},
        {"type": "intervals_full", "ts": "2025-10-30T16:34:51.223870+00:00", "msg": "Done."},
        "not a note",
        None,
    ],
    "blocks": ["base", "electric_details", "programs", "solar_panels", "notes", "missing"],
    "base": {
        "service_identifier": "4410077731",
        "service_tariff": "E-ELEC",
        "service_class": "res-electric",
        "service_address": "48 Juniper Ct",
        "meter_numbers": ["1012993344", 17, None],
        "billing_contact": "PAT EXAMPLE",
        "billing_account": "7755001122-3",
    },
    "electric_details": {"voltage": 240.0},
    "programs": [{"code": "NEM2", "name": "Net\u0000 Energy"}],
    "solar_panels": {"count ": 12},
}


def listing(key: str, *members: Any) -> bytes:
    return json.dumps({key: list(members), "next": None}).encode()


def test_a_meters_base_is_read_and_its_blocks_are_kept() -> None:
    (meter,) = parse_meters(listing("meters", METER))

    assert (meter.external_id, meter.commodity) == ("8812014", Commodity.ELECTRICITY)
    assert meter.meter_numbers == ("1012993344", "17")
    assert (meter.account_id, meter.agreement_id) == ("7755001122-3", "4410077731")
    assert (meter.customer_name, meter.tariff) == ("PAT EXAMPLE", "E-ELEC")
    assert (meter.service_class, meter.service_address) == ("res-electric", "48 Juniper Ct")
    assert set(meter.blocks) == {"base", "electric_details", "programs", "solar_panels"}
    assert meter.blocks["solar_panels"] == {"count": 12}
    assert json.dumps(dict(meter.blocks))
    assert "\\u0000" not in json.dumps(dict(meter.blocks))


def test_one_meter_alone_is_read_too() -> None:
    (meter,) = parse_meters(json.dumps(METER).encode())

    assert meter.external_id == "8812014"


def test_how_far_a_meter_is_is_read_from_the_same_document() -> None:
    (state,) = parse_meter_states(listing("meters", METER))

    assert (state.uid, state.authorization_uid) == ("8812014", "402118")
    assert (state.status, state.utility, state.monitoring) == ("updated", "PG&E", "daily")
    assert state.is_activated
    assert state.interval_coverage[0][0] == datetime(2024, 11, 2, 7, tzinfo=UTC)
    assert len(state.interval_coverage) == 2


def test_a_bad_note_breaks_nothing_and_blanks_around_keys_go() -> None:
    (state,) = parse_meter_states(listing("meters", METER))

    waiting, full = state.notes
    assert (waiting.type, waiting.at, waiting.extra) == ("waiting", None, {"eta": "soon"})
    assert full.at == datetime(2025, 10, 30, 16, 34, 51, 223870, tzinfo=UTC)


@pytest.mark.parametrize(
    ("service_class", "commodity"),
    [
        ("res-gas", Commodity.GAS),
        ("comm_water", Commodity.WATER),
        ("water", Commodity.WATER),
        ("COMM-ELECTRIC", Commodity.ELECTRICITY),
        ("other", Commodity.OTHER),
        ("steam", Commodity.OTHER),
        ("unknown", Commodity.UNKNOWN),
        (None, Commodity.UNKNOWN),
        (["x"], Commodity.UNKNOWN),
    ],
)
def test_the_commodity_is_told_by_the_service_class(
    service_class: object, commodity: Commodity
) -> None:
    (meter,) = parse_meters(listing("meters", {"uid": 1, "base": {"service_class": service_class}}))

    assert meter.commodity is commodity


@pytest.mark.parametrize("base", [None, [], "x", {}, {"meter_numbers": None}])
def test_a_meter_that_says_nothing_yet_is_a_meter(base: object) -> None:
    body = listing("meters", {"uid": "1", "base": base, "notes": None, "blocks": None})

    (meter,) = parse_meters(body)
    (state,) = parse_meter_states(body)

    assert (meter.external_id, meter.meter_numbers, meter.service_address) == ("1", (), None)
    assert (state.status, state.is_activated, state.interval_coverage) == (None, False, ())


AUTHORIZATION: dict[str, Any] = {
    "uid": "402118",
    "created": "2025-10-30T16:05:40.120934+00:00",
    "customer_email": "pat@household.example",
    "declined": None,
    "is_declined": False,
    "expires": "2028-10-30T16:05:40.120934+00:00",
    "is_expired": False,
    "referrals": ["330914"],
    "is_test": False,
    "notes": [{"type": "access_valid", "msg": "Signed in.", "ts": "2025-10-30T16:06:02+00:00"}],
    "revoked": None,
    "is_revoked": False,
    "scope": {"expires": "2028-10-30T16:05:40.120934+00:00", "ongoing_end": None},
    "status": "updated",
    "utility": "PG&E",
    "brand_new_member": [1],
}


def test_an_authorization_is_read() -> None:
    (found,) = parse_authorizations(listing("authorizations", AUTHORIZATION))

    assert (found.uid, found.status, found.utility) == ("402118", "updated", "PG&E")
    assert found.expires == datetime(2028, 10, 30, 16, 5, 40, 120934, tzinfo=UTC)
    assert found.referrals == ("330914",)
    assert (found.is_revoked, found.is_expired, found.is_declined) == (False, False, False)
    assert [note.type for note in found.notes] == ["access_valid"]


def test_an_authorization_may_last_until_revoked() -> None:
    (found,) = parse_authorizations(
        listing("authorizations", AUTHORIZATION | {"expires": "until_revoked"})
    )

    assert found.expires == "until_revoked"


def test_a_time_of_revocation_means_revoked() -> None:
    revoked = {"uid": 5, "revoked": "2026-01-01T00:00:00+00:00", "declined": "2026-01-01T00:00Z"}

    (found,) = parse_authorizations(listing("authorizations", revoked))

    assert (found.uid, found.is_revoked, found.is_declined) == ("5", True, True)


def test_an_authorization_with_its_meters_inside_is_still_one() -> None:
    nested = AUTHORIZATION | {"meters": {"meters": [METER], "next": None}}

    assert len(parse_authorizations(json.dumps(nested).encode())) == 1


def test_right_after_submission_there_may_be_none() -> None:
    assert parse_authorizations(listing("authorizations")) == ()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ([], "$"),
        (None, "$"),
        ({}, "$.meters"),
        ({"meters": {}}, "$.meters"),
        ({"meters": [5]}, "$.meters[0]"),
        ({"meters": [{"uid": "1"}, {}]}, "$.meters[1].uid"),
        ({"meters": [{"uid": None}]}, "$.meters[0].uid"),
        ({"meters": [{"uid": {"a": "s3cret"}}]}, "$.meters[0].uid"),
        ({"uid": True}, "$.uid"),
        ({"error": "not_found", "error_description": "s3cret"}, "$.meters"),
    ],
)
def test_what_is_no_listing_is_named_by_its_path(body: object, path: str) -> None:
    with pytest.raises(UnreadablePayload) as caught:
        parse_meters(json.dumps(body).encode())

    assert caught.value.code == "unexpected_json"
    assert str(caught.value) == f"unexpected member at {path}"


@pytest.mark.parametrize("parse", [parse_meters, parse_authorizations, parse_events])
@pytest.mark.parametrize(
    "content", [b"", b"<html>", b'{"meters": [{"uid"', b"\xff", b"[" * 10_000_000]
)
def test_what_is_not_json_says_only_that(parse: Any, content: bytes) -> None:
    with pytest.raises(UnreadablePayload) as caught:
        parse(content)

    assert caught.value.code == "malformed_json"
