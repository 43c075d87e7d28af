"""Faults happen where, when and as often as asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from lxml import etree

from dcarbon_sandbox.faults import Faults, UnknownFault
from tests.unit.sandbox.custodian import ThirdParty, entries

DAY = {"published_min": "2026-10-05T07:00:00Z", "published_max": "2026-10-06T07:00:00Z"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("unauthorized", 401),
        ("forbidden", 403),
        ("throttled", 429),
        ("error", 500),
        ("unavailable", 503),
    ],
)
def test_a_status_fault_happens_once_and_is_over(
    generic: ThirdParty, kind: str, status: int
) -> None:
    client = generic.client_token()
    generic.sandbox.faults.add(kind)

    statuses = [generic.get("ReadServiceStatus", client).status_code for _ in range(2)]

    assert statuses == [status, 200]


def test_a_throttled_call_says_when_to_come_back(generic: ThirdParty) -> None:
    client = generic.client_token()
    generic.sandbox.faults.add("throttled", parameters={"retry_after": 7})

    assert generic.get("ReadServiceStatus", client).headers["Retry-After"] == "7"


def test_a_fault_waits_for_its_turn_and_counts_its_times(generic: ThirdParty) -> None:
    client = generic.client_token()
    generic.sandbox.faults.add("error", after=1, times=2)

    statuses = [generic.get("ReadServiceStatus", client).status_code for _ in range(4)]

    assert statuses == [200, 500, 500, 200]


def test_a_fault_for_ever_ends_when_it_is_cleared(generic: ThirdParty) -> None:
    client = generic.client_token()
    rule = generic.sandbox.faults.add("error", times=None)
    before = [generic.get("ReadServiceStatus", client).status_code for _ in range(3)]

    generic.sandbox.faults.clear(rule.id)

    assert before == [500] * 3
    assert generic.get("ReadServiceStatus", client).status_code == 200


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"provider": "pge"}, 200),
        ({"provider": "utilityapi"}, 200),
        ({"provider": "generic"}, 500),
        ({"provider": "green_button"}, 500),
        ({"path_prefix": "/generic/DataCustodian/espi"}, 500),
        ({"path_prefix": "/generic/DataCustodian/oauth"}, 200),
        ({"method": "POST"}, 200),
    ],
)
def test_a_fault_happens_only_where_it_belongs(
    generic: ThirdParty, rule: dict[str, Any], status: int
) -> None:
    client = generic.client_token()
    generic.sandbox.faults.add("error", **rule)

    assert generic.get("ReadServiceStatus", client).status_code == status


def test_pages_and_the_control_room_are_spared(generic: ThirdParty) -> None:
    generic.sandbox.faults.add("unavailable", times=None)

    assert generic.visit().status_code == 200
    assert generic.browser.get("/sandbox/").status_code == 200


def test_a_page_fails_when_it_is_named(generic: ThirdParty) -> None:
    generic.sandbox.faults.add("unavailable", path_prefix=generic.profile.authorize_path)

    assert generic.visit().status_code == 503


def test_a_malformed_feed_is_not_xml(generic: ThirdParty) -> None:
    token = generic.authorize()
    generic.sandbox.faults.add("malformed")

    content = generic.get(token["resourceURI"], token["access_token"], **DAY).data

    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(content)


def test_a_malformed_token_answer_is_not_json(generic: ThirdParty) -> None:
    generic.sandbox.faults.add("malformed")

    content = generic.post_token(grant_type="client_credentials").data

    with pytest.raises(json.JSONDecodeError):
        json.loads(content)


@pytest.mark.parametrize("code", ["generic", "pge"])
def test_an_empty_feed_is_a_feed_without_entries(app: Flask, code: str) -> None:
    party = ThirdParty(app, code)
    token = party.authorize()
    party.sandbox.faults.add("empty")

    content = party.get(token["resourceURI"], token["access_token"], **DAY).data

    assert etree.QName(etree.fromstring(content)).localname == "feed"
    assert not entries(content, "UsagePoint")


def test_slowness_and_silence_take_as_long_as_asked() -> None:
    slept: list[float] = []
    faults = Faults(sleep=slept.append)
    app = Flask(__name__)
    app.add_url_rule("/x", view_func=lambda: "fine")
    faults.install(app)
    faults.add("slow", parameters={"seconds": 3})
    faults.add("time_out", after=1)

    first = app.test_client().get("/x")
    with pytest.raises(ConnectionResetError):
        app.test_client().get("/x")

    assert first.text == "fine"
    assert slept == [3.0, 60.0]


def test_a_customers_approval_can_come_out_as_a_refusal(generic: ThirdParty) -> None:
    generic.sandbox.faults.add("decline", provider="green_button")

    assert generic.decide()["error"] == "access_denied"
    assert "code" in generic.decide()


def test_a_customer_can_grant_less_than_was_asked(generic: ThirdParty) -> None:
    generic.sandbox.faults.add("narrow_scope")

    token = generic.authorize("acme")

    assert token["scope"].startswith("FB=1_3_4_5_8_10_13_14_18_19_32_35_37_38_39;")
    content = generic.get(token["resourceURI"], token["access_token"], **DAY).data
    assert len(entries(content, "UsagePoint")) == 1


def test_a_refresh_token_can_expire_or_be_used_up(generic: ThirdParty) -> None:
    token = generic.authorize()
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    generic.sandbox.faults.add("expired_refresh")
    expired = generic.post_token(**form)
    generic.sandbox.faults.add("one_time_refresh")

    used = [generic.post_token(**form).status_code for _ in range(2)]

    assert expired.get_json()["error"] == "invalid_grant"
    assert used == [200, 400]


@pytest.mark.parametrize("settings", [{"kind": "gremlins"}, {"kind": "error", "colour": "red"}])
def test_an_impossible_rule_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UnknownFault):
        Faults().add(**settings)
