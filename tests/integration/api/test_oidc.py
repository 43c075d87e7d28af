"""Company sign-in against a real issuer over TLS: who gets in, and every way it must not."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from dcarbon import settings as settings_module
from dcarbon.db import people
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from tests.support import oidc_server
from tests.support.browser import Browser
from tests.support.oidc_server import CLIENT_ID, CLIENT_SECRET, Issuer

BOSS = "boss@company.example"


@pytest.fixture
def issuer(tmp_path: Path, runtime: Runtime) -> Iterator[Issuer]:
    with oidc_server.running(tmp_path / "issuer", now=runtime.now()) as served:
        yield served


@pytest.fixture
def company(runtime: Runtime, issuer: Issuer) -> Runtime:
    """The runtime with company sign-in set up for one address and one group."""
    chosen = settings_module.load(
        {},
        **runtime.settings.model_dump(exclude={"oidc_admin_emails"}, exclude_defaults=True),
        oidc_issuer=issuer.address,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=CLIENT_SECRET,
        oidc_admin_emails=f"other@company.example, {BOSS}",
        oidc_admin_claim="groups=dcarbon-admins",
        oidc_ca_file=issuer.ca_file,
    )
    return replace(runtime, settings=chosen)


@pytest.fixture
def app(company: Runtime) -> Flask:
    return create_app(company)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


def _at_the_company(issuer: Issuer, browser: Browser, path: str = "/sign-in/oidc") -> str:
    """Go to the issuer and return the path it sends the browser back to."""
    there = browser.get(path)
    assert there.status_code == 303
    trusted = ssl.create_default_context(cafile=issuer.ca_file)
    answer = httpx2.get(there.location, verify=trusted, trust_env=False)
    back = urlsplit(answer.headers["Location"])
    return f"{back.path}?{back.query}"


def _signed_in(issuer: Issuer, browser: Browser, path: str = "/sign-in/oidc") -> TestResponse:
    return browser.get(_at_the_company(issuer, browser, path))


def test_an_administrator_of_the_company_gets_in(
    issuer: Issuer, browser: Browser, company: Runtime
) -> None:
    response = _signed_in(issuer, browser, "/sign-in/oidc?next=/account")

    assert (response.status_code, response.location) == (303, "/account")
    assert BOSS in browser.get("/account").text
    with company.sessions() as session:
        person = people.person_by_email(session, BOSS)
    assert person is not None
    assert person.is_admin


def test_the_request_carries_pkce_a_nonce_and_a_state(issuer: Issuer, browser: Browser) -> None:
    _at_the_company(issuer, browser)

    asked = issuer.asked[0]
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["nonce"]) >= 40
    assert len(asked["state"]) >= 40
    assert asked["scope"].split()[0] == "openid"


def test_a_claim_of_the_company_makes_an_administrator(issuer: Issuer, browser: Browser) -> None:
    issuer.claims = {
        "email": "new@company.example",
        "email_verified": None,
        "groups": ["staff", "dcarbon-admins"],
    }

    assert _signed_in(issuer, browser).status_code == 303


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"email": "clerk@company.example"}, "oidc_not_admin"),
        ({"email": None}, "oidc_not_admin"),
        ({"email": "clerk@company.example", "groups": ["staff"]}, "oidc_not_admin"),
        ({"email": "clerk@company.example", "groups": "x-dcarbon-admins"}, "oidc_not_admin"),
        ({"email_verified": False}, "oidc_address_unverified"),
        ({"email_verified": None}, "oidc_address_unverified"),
        ({"email_verified": "true"}, "oidc_address_unverified"),
        ({"groups": ["dcarbon-admins"], "email_verified": False}, "oidc_address_unverified"),
        ({"groups": ["dcarbon-admins"], "email": None}, "oidc_address_unverified"),
        ({"nonce": "another"}, "oidc_refused"),
        ({"nonce": None}, "oidc_refused"),
        ({"aud": "another-client"}, "oidc_refused"),
        ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "oidc_refused"),
        ({"iss": "https://evil.example"}, "oidc_refused"),
        ({"exp": 1}, "oidc_refused"),
        ({"sub": None}, "oidc_refused"),
    ],
)
def test_what_the_token_says_must_hold(
    issuer: Issuer, browser: Browser, claims: dict[str, Any], code: str
) -> None:
    issuer.claims = claims

    response = _signed_in(issuer, browser)

    assert response.status_code == 403
    assert code in response.text
    assert browser.cookie() is None


@pytest.mark.parametrize("fault", ["none_alg", "other_key", "shared_secret", "no_id_token"])
def test_only_the_issuers_signature_counts(issuer: Issuer, browser: Browser, fault: str) -> None:
    issuer.fault = fault

    response = _signed_in(issuer, browser)

    assert (response.status_code, "oidc_refused" in response.text) == (403, True)
    assert browser.cookie() is None


@pytest.mark.parametrize("fault", ["down", "other_issuer"])
def test_an_issuer_that_does_not_answer_is_said_so(
    issuer: Issuer, browser: Browser, fault: str
) -> None:
    issuer.fault = fault

    response = browser.get("/sign-in/oidc")

    assert (response.status_code, "oidc_unavailable" in response.text) == (503, True)


def test_a_refused_code_leads_to_a_page(issuer: Issuer, browser: Browser) -> None:
    issuer.fault = "token_refused"

    assert _signed_in(issuer, browser).status_code == 403


def test_an_answer_works_once(issuer: Issuer, browser: Browser) -> None:
    back = _at_the_company(issuer, browser)
    assert browser.get(back).status_code == 303

    again = browser.get(back)

    assert (again.status_code, "oidc_state" in again.text) == (403, True)


def test_the_answer_of_another_browser_is_refused(
    app: Flask, issuer: Issuer, browser: Browser
) -> None:
    """Somebody sends the victim an answer of their own sign-in."""
    back, victim = _at_the_company(issuer, browser), Browser(app)
    _at_the_company(issuer, victim)

    for somebody in (victim, Browser(app)):
        response = somebody.get(back)
        assert (response.status_code, "oidc_state" in response.text) == (403, True)
        assert somebody.cookie() is None


def test_ten_minutes_are_enough(
    app: Flask, company: Runtime, issuer: Issuer, browser: Browser
) -> None:
    back = _at_the_company(issuer, browser)
    late = replace(company, clock=lambda: company.now() + timedelta(minutes=11))
    browser.client.application = create_app(late)

    assert "oidc_state" in browser.get(back).text


@pytest.mark.parametrize(
    "query", ["error=access_denied&state={}", "state={}", "iss=x&code=y&state={}"]
)
def test_an_answer_without_consent_leads_to_a_page(
    issuer: Issuer, browser: Browser, query: str
) -> None:
    _at_the_company(issuer, browser)

    response = browser.get(f"/sign-in/oidc/callback?{query.format(issuer.asked[0]['state'])}")

    assert response.status_code == 403
    assert browser.cookie() is None


def test_nobody_is_sent_elsewhere_afterwards(issuer: Issuer, browser: Browser) -> None:
    response = _signed_in(issuer, browser, "/sign-in/oidc?next=//evil.example")

    assert response.location == "/facilities"


def test_without_an_issuer_it_is_not_offered(runtime: Runtime) -> None:
    browser = Browser(create_app(runtime))

    assert "oidc" not in browser.get("/sign-in").text
    assert browser.get("/sign-in/oidc").status_code == 404
    assert browser.get("/sign-in/oidc/callback?code=a&state=b").status_code == 404


@pytest.mark.parametrize("missing", ["oidc_client_id", "oidc_client_secret", "who"])
def test_half_a_set_up_stops_the_start(missing: str) -> None:
    given = {
        "oidc_issuer": "https://login.company.example",
        "oidc_client_id": "a",
        "oidc_client_secret": "b",
        "who": "c",
    }
    del given[missing]
    if "who" in given:
        given["oidc_admin_emails"] = given.pop("who")

    with pytest.raises(SettingsInvalid, match="oidc_issuer needs"):
        settings_module.load({}, **given)
