"""UtilityAPI by the API, over the real client with an answering network in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from flask.testing import FlaskClient

from dcarbon import settings
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.api.conftest import Resident, said
from tests.integration.conftest import NOW

PUBLIC_URL = "https://dcarbon.example"


class StandIn:
    """UtilityAPI where a form can be made, and no authorization has appeared yet."""

    def __init__(self) -> None:
        self.status = 200

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.status != 200:
            return httpx2.Response(self.status, headers={"Retry-After": "17"})
        if request.method == "POST":
            form = {"uid": "560118", "url": "https://utilityapi.com/authorize/of_tests"}
            return httpx2.Response(200, json=form)
        return httpx2.Response(200, json={"authorizations": [], "next": None})


@pytest.fixture
def utilityapi() -> StandIn:
    return StandIn()


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, utilityapi: StandIn) -> Iterator[Runtime]:
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        public_url=PUBLIC_URL,
        providers={"utilityapi": {"api_token": "not-a-token"}},
    )
    networks = {"utilityapi": httpx2.MockTransport(utilityapi.answer)}
    with open_runtime(chosen, clock=lambda: NOW, networks=networks) as runtime:
        yield runtime


def _start(client: FlaskClient, who: Resident) -> dict[str, str]:
    body = {"facility_id": str(who.facility_id), "utility": "DEMO"}
    response = client.post("/utilityapi/start", json=body, headers=who.headers)
    assert response.status_code == 200, response.text
    return said(response)


def test_start_leads_to_the_hosted_form_and_names_our_return_address(
    client: FlaskClient, ann: Resident
) -> None:
    address = urlsplit(_start(client, ann)["redirectUrl"])

    assert address.hostname == "utilityapi.com"
    assert parse_qs(address.query)["redirect_uri"] == [f"{PUBLIC_URL}/utilityapi/return"]


def test_a_referral_whose_authorization_has_not_appeared_yet_is_pending_and_said_so(
    client: FlaskClient, ann: Resident
) -> None:
    started = _start(client, ann)
    state = parse_qs(urlsplit(started["redirectUrl"]).query)["state"][0]

    page = client.get(f"/utilityapi/return?state={state}&referral=330914")
    status = client.get(f"/utilityapi/status?sessionId={started['sessionId']}", headers=ann.headers)

    assert page.status_code == 200
    assert "Almost there" in page.text
    assert (said(status)["status"], said(status)["errorCode"]) == ("pending", None)


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (429, (503, "provider_throttled")),
        (503, (503, "provider_unavailable")),
        (401, (502, "client_credentials_rejected")),
    ],
)
def test_a_start_that_utilityapi_refuses_says_who_has_to_act(
    client: FlaskClient,
    ann: Resident,
    utilityapi: StandIn,
    answered: int,
    expected: tuple[int, str],
) -> None:
    utilityapi.status = answered
    body = {"facility_id": str(ann.facility_id), "utility": "DEMO"}

    response = client.post("/utilityapi/start", json=body, headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == expected
    assert ("Retry-After" in response.headers) is (expected[0] == 503)


def test_a_cookie_goes_over_https_only_and_answers_ask_for_https(
    client: FlaskClient, ann: Resident
) -> None:
    body = {"facility_id": str(ann.facility_id), "utility": "DEMO"}

    response = client.post(
        "/utilityapi/start",
        json=body,
        headers={**ann.headers, "Sec-Fetch-Site": "same-origin"},
        base_url=PUBLIC_URL,
    )

    assert response.headers["Set-Cookie"].startswith("__Host-dcarbon-browser=")
    assert "Secure" in response.headers["Set-Cookie"]
    assert response.headers["Strict-Transport-Security"].startswith("max-age=")
