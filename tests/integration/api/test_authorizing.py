"""Authorising by the API: start, come back, ask how it stands; hints from outside."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dcarbon.db.authorizations import AuthorizationSession
from dcarbon.db.base import new_id
from dcarbon.services.runtime import Runtime
from dcarbon_api.authorizing import StartedAnswer, StatusAnswer
from tests.integration.api.conftest import Resident, said, settle
from tests.integration.conftest import WEBHOOK_SECRET

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


def _start(client: FlaskClient, who: Resident, **headers: str) -> dict[str, Any]:
    response = client.post(
        "/green-button/start",
        json={"facility_id": str(who.facility_id), "provider": "pge"},
        headers={**who.headers, **headers},
    )
    assert response.status_code == 200, response.text
    StartedAnswer.model_validate_json(response.data)
    return said(response)


def _state(started: dict[str, Any]) -> str:
    return parse_qs(urlsplit(str(started["redirectUrl"])).query)["state"][0]


def test_start_sends_the_person_to_the_utility_and_the_status_is_pending(
    client: FlaskClient, ann: Resident
) -> None:
    started = _start(client, ann)

    response = client.get(
        f"/green-button/status?sessionId={started['sessionId']}", headers=ann.headers
    )

    assert started["redirectUrl"].startswith("https://")
    StatusAnswer.model_validate_json(response.data)
    assert response.json == {
        "status": "pending",
        "provider": "pge",
        "errorMessage": None,
        "errorCode": None,
        "progress": {},
    }


def test_a_declined_authorization_is_told_on_the_page_and_by_the_status(
    client: FlaskClient, ann: Resident
) -> None:
    started = _start(client, ann)

    page = client.get(f"/green-button/callback?state={_state(started)}&error=access_denied")
    status = client.get(
        f"/green-button/status?sessionId={started['sessionId']}", headers=ann.headers
    )

    assert (page.status_code, page.mimetype) == (409, "text/html")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "What to do now" in page.text
    assert said(status)["status"] == "failed"
    assert said(status)["errorCode"]
    assert said(status)["errorMessage"] in page.text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "state=",
        "state=unknown&code=x",
        "state=%00&code=%00",
        "state=%ff",
        "error=access_denied",
    ],
)
@pytest.mark.parametrize("address", ["/green-button/callback", "/utilityapi/return"])
def test_a_return_nobody_started_gets_a_page_that_says_what_to_do(
    client: FlaskClient, address: str, query: str
) -> None:
    response = client.get(f"{address}?{query}")

    assert (response.status_code, response.mimetype) == (409, "text/html")
    assert "start again" in response.text


def test_an_answer_works_once(client: FlaskClient, ann: Resident) -> None:
    state = _state(_start(client, ann))
    client.get(f"/green-button/callback?state={state}&error=access_denied")

    again = client.get(f"/green-button/callback?state={state}&code=abc")

    assert again.status_code == 409
    assert "used before" in again.text


def test_an_attempt_from_our_own_page_ends_only_in_the_same_browser(
    client: FlaskClient, ann: Resident, runtime: Runtime
) -> None:
    started = _start(client, ann, **OWN_PAGE)
    elsewhere = client.application.test_client()

    refused = elsewhere.get(f"/green-button/callback?state={_state(started)}&error=access_denied")

    assert "another browser" in refused.text
    with runtime.sessions() as session:
        assert session.scalar(select(AuthorizationSession.consumed_at)) is None


def test_the_browser_cookie_is_not_for_scripts_and_comes_back_with_the_person(
    client: FlaskClient, ann: Resident
) -> None:
    started = _start(client, ann, **OWN_PAGE)
    cookie = client.get_cookie("dcarbon-browser")

    page = client.get(f"/green-button/callback?state={_state(started)}&error=access_denied")

    assert cookie is not None
    assert (cookie.http_only, cookie.same_site) == (True, "Lax")
    assert "another browser" not in page.text


def test_a_program_that_starts_for_somebody_gets_no_cookie(
    client: FlaskClient, ann: Resident
) -> None:
    _start(client, ann)

    assert client.get_cookie("dcarbon-browser") is None


@pytest.mark.parametrize(
    ("address", "extra"),
    [("/green-button/start", {"provider": "pge"}), ("/utilityapi/start", {"utility": "DEMO"})],
)
def test_nobody_starts_for_an_unknown_facility_or_somebody_elses(
    client: FlaskClient,
    ann: Resident,
    ben: Resident,
    address: str,
    extra: dict[str, str],
) -> None:
    for facility_id in (new_id(), ben.facility_id):
        body = {"facility_id": str(facility_id), **extra}
        response = client.post(address, json=body, headers=ann.headers)
        assert (response.status_code, said(response)["code"]) == (404, "not_found")


def test_a_plain_owner_is_told_to_invite_the_operator(
    client: FlaskClient, runtime: Runtime
) -> None:
    owner = settle(runtime, "owner@example.org", role="owner")

    response = client.post(
        "/green-button/start",
        json={"facility_id": str(owner.facility_id), "provider": "pge"},
        headers=owner.headers,
    )

    assert (response.status_code, said(response)["code"]) == (403, "operator_needed")


def test_a_utility_without_registration_is_an_administrators_matter(
    client: FlaskClient, ann: Resident
) -> None:
    response = client.post(
        "/green-button/start",
        json={"facility_id": str(ann.facility_id), "provider": "sce"},
        headers=ann.headers,
    )

    assert (response.status_code, said(response)["code"]) == (502, "provider_not_set_up")


def test_an_unknown_utility_is_refused(client: FlaskClient, ann: Resident) -> None:
    response = client.post(
        "/green-button/start",
        json={"facility_id": str(ann.facility_id), "provider": "acme"},
        headers=ann.headers,
    )

    assert response.status_code == 422


@pytest.mark.parametrize("area", ["green-button", "utilityapi"])
def test_an_unknown_session_somebody_elses_and_one_of_the_other_method_are_404(
    client: FlaskClient, ann: Resident, ben: Resident, area: str
) -> None:
    session_id = _start(client, ann)["sessionId"]
    who = ben if area == "green-button" else ann

    for asked in (session_id, str(new_id())):
        response = client.get(f"/{area}/status?sessionId={asked}", headers=who.headers)
        assert (response.status_code, said(response)["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["", "sessionId=", "sessionId=7", "session_id=7"])
@pytest.mark.parametrize("area", ["green-button", "utilityapi"])
def test_the_status_needs_a_session(
    client: FlaskClient, ann: Resident, area: str, query: str
) -> None:
    response = client.get(f"/{area}/status?{query}", headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == (422, "request_invalid")
    assert "sessionId" in said(response)["detail"]


def test_a_notification_is_taken_with_200_and_no_words(client: FlaskClient) -> None:
    body = (
        b'<espi:BatchList xmlns:espi="http://naesb.org/espi"><espi:resources>'
        b"https://elsewhere.example/Batch/Bulk/1</espi:resources></espi:BatchList>"
    )

    response = client.post(
        "/green-button/notify/pge", data=body, content_type="application/atom+xml"
    )

    assert (response.status_code, response.data) == (200, b"")


@pytest.mark.parametrize(
    ("provider", "body", "status", "code"),
    [
        ("pge", b"", 422, "empty_document"),
        ("pge", b"<a", 422, "malformed_xml"),
        ("pge", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 422, "xml_refused_dtd"),
        ("pge", b"<a>" * 30_000, 413, "body_too_large"),
        ("acme", b"<BatchList/>", 422, None),
    ],
    ids=["empty", "cut", "entity", "too_large", "unknown_utility"],
)
def test_a_notification_that_is_none_is_refused(
    client: FlaskClient, provider: str, body: bytes, status: int, code: str | None
) -> None:
    response = client.post(
        f"/green-button/notify/{provider}", data=body, content_type="application/xml"
    )

    assert response.status_code == status
    assert code is None or said(response)["code"] == code


@pytest.mark.parametrize(
    ("body", "secret", "status", "code"),
    [
        (b'{"events": []}', WEBHOOK_SECRET, 200, None),
        (b'{"events": []}', "another", 403, "signature_invalid"),
        (b"{", WEBHOOK_SECRET, 422, None),
    ],
    ids=["signed", "wrongly_signed", "signed_but_cut"],
)
def test_an_event_is_taken_only_with_the_right_signature(
    client: FlaskClient, body: bytes, secret: str, status: int, code: str | None
) -> None:
    signature = hashlib.sha256(f"{secret}.salt.".encode() + body).hexdigest()

    response = client.post(
        "/utilityapi/webhook",
        data=body,
        content_type="application/json",
        headers={
            "X-UtilityAPI-Webhook-Salt": "salt",
            "X-UtilityAPI-Webhook-Signature": signature,
        },
    )

    assert response.status_code == status
    assert code is None or said(response)["code"] == code
