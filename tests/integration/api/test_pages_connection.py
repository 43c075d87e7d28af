"""Choosing a utility, going there, coming back: every way it can end has a page that helps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dcarbon import settings
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.api import pages
from tests.integration.conftest import NOW
from tests.support.browser import Browser

URL = "http://127.0.0.1:8000"
TOKENS = {
    "access_token": "a",
    "refresh_token": "r",
    "token_type": "Bearer",
    "expires_in": 3600,
    "resourceURI": "https://api.pge.com/GreenButtonConnect/espi/1_1/resource/Subscription/8675309",
    "authorizationURI": "https://api.pge.com/GreenButtonConnect/espi/1_1/resource/Authorization/7",
}


@dataclass
class World:
    """What answers outside, and what time it is."""

    now: datetime = NOW
    status: int = 200
    body: dict[str, object] = field(default_factory=lambda: dict(TOKENS))

    def green_button(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(self.status, json=self.body, request=request)

    def utilityapi(self, request: httpx2.Request) -> httpx2.Response:
        if self.status != 200:
            return httpx2.Response(self.status, request=request)
        if request.method == "POST":
            form = {"uid": "560118", "url": "https://utilityapi.com/authorize/of_tests"}
            return httpx2.Response(200, json=form, request=request)
        return httpx2.Response(200, json={"authorizations": [], "next": None}, request=request)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, world: World) -> Iterator[Runtime]:
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        public_url=URL,
        providers={
            "pge": {
                "client_id": "client-of-tests",
                "client_secret": "not-a-secret",
                "overrides": {"needs_client_certificate": "false", "per_second": ""},
            },
            "utilityapi": {"api_token": "not-a-token"},
        },
    )
    networks = {
        "pge": httpx2.MockTransport(world.green_button),
        "utilityapi": httpx2.MockTransport(world.utilityapi),
    }
    with open_runtime(chosen, clock=lambda: world.now, networks=networks) as runtime:
        yield runtime


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def mill(runtime: Runtime, owner: Person) -> UUID:
    return pages.facility(runtime, owner)


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


def _go(browser: Browser, facility_id: UUID, **choice: str) -> TestResponse:
    path = f"/facilities/{facility_id}/utility"
    return browser.post(path, choice or {"go": "green_button", "provider": "pge"}, page=path)


def _state(leaving: TestResponse) -> str:
    assert leaving.status_code == 200, leaving.text
    address = unescape(leaving.text.split('class="btn btn-primary" href="')[1].split('"')[0])
    return parse_qs(urlsplit(address).query)["state"][0]


def _return(browser: Browser, state: str, **query: str) -> TestResponse:
    """Come back from the utility and follow to our own page."""
    first = browser.client.get(
        "/green-button/callback",
        query_string={"state": state, **query},
        headers={"Accept": "text/html", "Sec-Fetch-Site": "cross-site"},
    )
    assert first.status_code == 303, first.text
    assert state not in first.location
    return browser.get(first.location)


def _status(runtime: Runtime, facility_id: UUID) -> str | None:
    with runtime.sessions() as session:
        return session.get_one(Facility, facility_id).auth_status


def test_the_choice_offers_green_button_first_and_says_what_will_happen(
    browser: Browser, mill: UUID
) -> None:
    shown = browser.get(f"/facilities/{mill}/utility").text

    read = pages.words(shown)
    assert read.index("PG&E") < read.index("SCE") < read.index("SDG&E")
    assert read.index("SDG&E") < read.index("Not on the list?")
    assert "You'll be redirected to your utility's secure Green Button portal" in read
    assert "Continue to Green Button" in read
    assert "Continue to UtilityAPI" in read
    assert "You can end it at any time" in read
    assert 'value="sce" disabled' in shown


def test_the_search_works_by_button_and_keeps_what_was_chosen(browser: Browser, mill: UUID) -> None:
    found = _go(browser, mill, go="search", search="los angeles", provider="pge")

    assert found.status_code == 200
    assert 'value="LADWP"' in found.text
    assert 'value="ConEd"' not in found.text
    assert 'value="pge" checked' in found.text


def test_the_search_filters_as_one_types_and_keeps_the_choice_listed(browser: Browser) -> None:
    part = browser.get("/utilities?search=edison&utility=LADWP", **{"HX-Request": "true"})

    assert part.text.lstrip().startswith('<div id="utilities"')
    assert 'value="LADWP" checked' in part.text
    assert 'value="ConEd"' in part.text
    assert 'value="NVE"' not in part.text


def test_a_search_that_finds_nothing_offers_the_code_as_typed(browser: Browser) -> None:
    part = browser.get("/utilities?search=NEWCO", **{"HX-Request": "true"}).text
    none = browser.get("/utilities?search=no such place", **{"HX-Request": "true"}).text

    assert 'value="NEWCO"' in part
    assert "No utility matches “no such place”" in pages.words(none)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"go": "green_button"}, "Please choose one of these utilities"),
        ({"go": "utilityapi"}, "Please choose your utility from the list."),
        ({"go": "green_button", "utility": "LADWP"}, "Please choose one of these utilities"),
    ],
)
def test_a_missing_choice_is_said_at_its_place(
    browser: Browser, mill: UUID, choice: dict[str, str], says: str
) -> None:
    refused = _go(browser, mill, **choice)

    assert refused.status_code == 422
    assert says in pages.words(refused.text)


def test_without_the_form_token_nothing_starts(
    browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    refused = browser.post_raw(
        f"/facilities/{mill}/utility", {"go": "green_button", "provider": "pge"}
    )

    assert refused.status_code in {400, 403}
    assert _status(runtime, mill) is None


def test_green_button_leads_out_by_a_page_and_back_to_a_confirmation(
    browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    leaving = _go(browser, mill)

    shown = _return(browser, _state(leaving), code="c")

    assert 'http-equiv="refresh"' in leaving.text
    assert leaving.headers["Referrer-Policy"] == "no-referrer"
    read = pages.words(shown.text)
    assert shown.status_code == 200
    assert "PG&E now shares the readings of Mill with us" in read
    assert "8675309" in read
    assert "Active" in read
    assert "Asking the utility for your meters" in read
    assert f'hx-get="/facilities/{mill}/progress"' in shown.text
    with runtime.sessions() as session:
        facility = session.get_one(Facility, mill)
    assert (facility.auth_method, facility.auth_provider, facility.auth_status) == (
        "green_button",
        "PG&E",
        "authorized",
    )


def test_utilityapi_leads_out_and_back_to_a_page_that_waits(
    browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    state = _state(_go(browser, mill, go="utilityapi", utility="LADWP"))

    first = browser.client.get(
        f"/utilityapi/return?state={state}&referral=330914", headers={"Accept": "text/html"}
    )
    shown = browser.get(first.location)

    read = pages.words(shown.text)
    assert "LADWP is still confirming" in read
    assert "Waiting for the utility to confirm." in read
    assert _status(runtime, mill) == "pending"


@pytest.mark.parametrize(
    ("query", "world_is", "code", "says"),
    [
        ({"error": "access_denied"}, {}, "authorization_declined", "declined"),
        ({"error": "invalid_scope"}, {}, "oauth_invalid_scope", "does not offer the data"),
        ({"error": "odd"}, {}, "oauth_unknown", "for a reason we do not know"),
        ({}, {}, "code_missing", "without saying whether"),
        ({"code": "c"}, {"status": 503}, "provider_unavailable", "not answering"),
        (
            {"code": "c"},
            {"status": 401, "body": {"error": "invalid_client"}},
            "client_credentials_rejected",
            "registration",
        ),
        (
            {"code": "c"},
            {"body": {k: v for k, v in TOKENS.items() if k != "refresh_token"}},
            "no_refresh_token",
            "one moment only",
        ),
    ],
    ids=["declined", "narrowed", "odd", "no_code", "down", "wrong_client", "too_short"],
)
def test_each_failure_says_what_went_wrong_and_offers_another_try(
    *,
    browser: Browser,
    mill: UUID,
    runtime: Runtime,
    world: World,
    query: dict[str, str],
    world_is: dict[str, object],
    code: str,
    says: str,
) -> None:
    state = _state(_go(browser, mill))
    for name, value in world_is.items():
        setattr(world, name, value)

    shown = _return(browser, state, **query)

    read = pages.words(shown.text)
    assert "What happened" in read
    assert "What to do" in read
    assert says in read
    assert code in read
    assert f'href="/facilities/{mill}/utility"' in shown.text
    assert "Try again" in read
    assert _status(runtime, mill) == "failed"


def test_another_try_keeps_the_facility_and_its_authorization(
    browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    _return(browser, _state(_go(browser, mill)), error="access_denied")
    again = browser.get(f"/facilities/{mill}/utility").text
    _return(browser, _state(_go(browser, mill)), code="c")

    assert 'value="pge" checked' in again
    with runtime.sessions() as session:
        assert session.query(Authorization).count() == 1
        assert session.query(Facility).count() == 1
    assert _status(runtime, mill) == "authorized"


def test_a_return_that_took_too_long_fails_the_facility_and_says_so(
    browser: Browser, mill: UUID, runtime: Runtime, world: World
) -> None:
    state = _state(_go(browser, mill))
    world.now += timedelta(minutes=31)

    shown = _return(browser, state, code="c")

    assert "state_expired" in shown.text
    assert "Try again" in pages.words(shown.text)
    assert _status(runtime, mill) == "failed"


def test_a_late_return_does_not_end_a_newer_attempt(
    browser: Browser, mill: UUID, runtime: Runtime, world: World
) -> None:
    late = _state(_go(browser, mill))
    world.now += timedelta(minutes=20)
    newer = _state(_go(browser, mill))
    world.now += timedelta(minutes=11)

    _return(browser, late, code="c")

    assert _status(runtime, mill) == "pending"
    assert "now shares" in pages.words(_return(browser, newer, code="c").text)


def test_a_replayed_return_is_calm_and_shows_how_it_stands(
    browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    state = _state(_go(browser, mill))
    _return(browser, state, code="c")

    again = pages.words(_return(browser, state, code="c").text)

    assert "already used" in again
    assert "now shares the readings of Mill" in again
    assert _status(runtime, mill) == "authorized"


def test_another_browser_is_told_to_start_again_and_changes_nothing(
    app: Flask, browser: Browser, mill: UUID, runtime: Runtime, owner: Person
) -> None:
    state = _state(_go(browser, mill))
    elsewhere = pages.at_browser(app, runtime, owner)

    shown = pages.words(_return(elsewhere, state, code="c").text)

    assert "another browser" in shown
    assert "Try again" in shown
    assert _status(runtime, mill) == "pending"


def test_a_lost_session_does_not_lose_the_consent(
    app: Flask, browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    state = _state(_go(browser, mill))
    browser.client.delete_cookie("dcarbon-session")

    shown = browser.client.get(
        f"/green-button/callback?state={state}&code=c", headers={"Accept": "text/html"}
    )

    assert shown.status_code == 200
    assert "Thank you. Pacific Gas and Electric is connected." in pages.words(shown.text)
    assert _status(runtime, mill) == "authorized"


def test_two_tabs_end_in_one_connection(browser: Browser, mill: UUID, runtime: Runtime) -> None:
    first, second = _state(_go(browser, mill)), _state(_go(browser, mill))
    _return(browser, first, code="c")

    other = pages.words(_return(browser, second, error="access_denied").text)

    assert "now shares the readings of Mill" in other
    assert _status(runtime, mill) == "authorized"
    assert browser.get(f"/facilities/{mill}/utility").location == f"/facilities/{mill}"
    assert _go_again(browser, mill).location == f"/facilities/{mill}"


def _go_again(browser: Browser, facility_id: UUID) -> TestResponse:
    data = {"go": "green_button", "provider": "pge"}
    path = f"/facilities/{facility_id}/utility"
    return browser.post(path, data, page=f"/facilities/{facility_id}")


@pytest.mark.parametrize("query", ["", "?state=unknown&code=x", "?error=access_denied"])
def test_a_return_nobody_started_leads_back_to_the_facilities(browser: Browser, query: str) -> None:
    first = browser.client.get(f"/green-button/callback{query}", headers={"Accept": "text/html"})

    shown = browser.get(first.location)

    assert "Try again from your facilities" in pages.words(shown.text)


def test_somebody_elses_return_shows_nothing_of_their_facility(
    app: Flask, browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    state = _state(_go(browser, mill))
    stranger = pages.at_browser(app, runtime, pages.person(runtime, "sam@example.org"))

    shown = _return(stranger, state, code="c")

    assert "Mill" not in shown.text
    assert str(mill) not in shown.text


def test_a_utility_that_is_down_is_said_on_the_form(
    browser: Browser, mill: UUID, world: World
) -> None:
    world.status = 503

    refused = _go(browser, mill, go="utilityapi", utility="LADWP")

    assert refused.status_code == 503
    assert "not answering" in pages.words(refused.text)
    assert 'value="LADWP" checked' in refused.text


@pytest.mark.parametrize("code", ["<script>", "no_such_code", ""])
def test_only_codes_of_the_catalogue_are_shown(browser: Browser, mill: UUID, code: str) -> None:
    shown = browser.get(f"/facilities/not-connected?failed={code}")

    assert "state_unknown" in shown.text
    assert "<script>" not in shown.text.replace('<script src="', "")


def test_the_json_status_carries_the_message_and_a_stable_code(
    browser: Browser, mill: UUID, runtime: Runtime
) -> None:
    _return(browser, _state(_go(browser, mill)), error="access_denied")

    answer = browser.client.get(f"/facilities/{mill}", headers={"Accept": "application/json"})

    assert json.loads(answer.data)["auth_status"] == "failed"
