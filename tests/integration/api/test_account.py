"""A person's own account: profile, and tokens that are shown once."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from dcarbon.db.people import ApiToken, Person
from dcarbon.services import people, web_sessions
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from tests.integration.api.conftest import Resident, bearer
from tests.support.browser import Browser

ANN = "ann@example.org"
PAGE = "/account"


@pytest.fixture
def ann(runtime: Runtime) -> Person:
    return people.ensure(
        runtime.sessions,
        email=ANN,
        account_kind="residential",
        name="Ann",
        actor=SYSTEM,
        now=runtime.now(),
    )


@pytest.fixture
def browser(app: Flask, runtime: Runtime, ann: Person) -> Browser:
    browser = Browser(app)
    secret = web_sessions.open_session(runtime, ann.id, how="link", ip=None, user_agent=None)
    browser.client.set_cookie("dcarbon-session", secret)
    return browser


def _new_token(browser: Browser, name: str = "Report", scope: str = "read") -> str:
    made = browser.post("/account/new-token", {"token-name": name, "token-scope": scope}, page=PAGE)
    assert made.status_code == 200
    found = re.search(r'value="(dcarbon_[\w-]+)"', made.text)
    assert found
    return found[1]


def test_a_token_works_with_its_scope_and_is_shown_once(
    app: Flask, browser: Browser, runtime: Runtime
) -> None:
    secret = _new_token(browser)
    headers = {"Authorization": f"Bearer {secret}"}

    reading = app.test_client().get("/facilities", headers=headers)
    writing = app.test_client().post("/facilities", headers=headers, json={})

    assert (reading.status_code, writing.status_code) == (200, 403)
    assert secret not in browser.get(PAGE).text
    with runtime.sessions() as session:
        stored = str([vars(row) for row in session.scalars(select(ApiToken))])
    assert secret not in stored


def test_a_revoked_token_is_refused_at_once(app: Flask, browser: Browser, runtime: Runtime) -> None:
    secret = _new_token(browser)
    with runtime.sessions() as session:
        token_id = session.scalars(select(ApiToken.id)).one()

    response = browser.post(f"/account/tokens/{token_id}/revoke", page=PAGE)

    headers = {"Authorization": f"Bearer {secret}"}
    assert response.status_code == 303
    assert app.test_client().get("/facilities", headers=headers).status_code == 401
    assert "Report" not in browser.get(PAGE).text


def test_somebody_elses_token_is_404(browser: Browser, runtime: Runtime, ben: Resident) -> None:
    with runtime.sessions() as session:
        token_id = session.scalars(
            select(ApiToken.id).where(ApiToken.person_id == ben.person_id)
        ).one()

    assert browser.post(f"/account/tokens/{token_id}/revoke", page=PAGE).status_code == 404


@pytest.mark.parametrize(
    "data",
    [
        {"token-name": "", "token-scope": "read"},
        {"token-name": "x" * 81, "token-scope": "read"},
        {"token-name": "x", "token-scope": "everything"},
    ],
    ids=["no_name", "long_name", "unknown_scope"],
)
def test_a_token_that_makes_no_sense_comes_back_with_the_form(
    browser: Browser, runtime: Runtime, data: dict[str, str]
) -> None:
    response = browser.post("/account/new-token", data, page=PAGE)

    assert response.status_code == 422
    with runtime.sessions() as session:
        assert session.scalars(select(ApiToken)).all() == []


def test_the_profile_is_kept(browser: Browser, runtime: Runtime, ann: Person) -> None:
    told = {"profile-name": "  Ann   B. ", "profile-account_kind": "commercial"}

    saved = browser.post("/account/profile", told, page=PAGE)
    shown = browser.get(PAGE).text
    refused = browser.post("/account/profile", {**told, "profile-account_kind": "x"}, page=PAGE)

    assert (saved.status_code, refused.status_code) == (303, 422)
    assert "Your profile is saved." in shown
    with runtime.sessions() as session:
        kept = session.get_one(Person, ann.id)
    assert (kept.name, kept.account_kind) == ("Ann B.", "commercial")


def test_what_people_type_is_text_and_never_markup(browser: Browser) -> None:
    told = {"profile-name": "<b onclick=x>Ann</b>", "profile-account_kind": "commercial"}

    browser.post("/account/profile", told, page=PAGE)

    assert "<b onclick" not in browser.get(PAGE).text
    assert "&lt;b onclick=x&gt;Ann" in browser.get(PAGE).text


def test_a_token_alone_may_look_at_the_account_too(
    app: Flask, runtime: Runtime, ann: Person
) -> None:
    response = app.test_client().get(
        PAGE, headers={**bearer(runtime, ann.id), "Accept": "text/html"}
    )

    assert response.status_code == 200
    assert "None: you are here with an API token." in response.text


def test_a_page_reached_with_a_token_makes_none_that_may_do_more(
    app: Flask, runtime: Runtime, ann: Person
) -> None:
    """Programs can read the form's token out of the page, too."""
    browser = Browser(app)
    writer = bearer(runtime, ann.id, scopes=["write"], expires_in=timedelta(hours=1))
    reader = bearer(runtime, ann.id, scopes=["read"])
    shown = browser.get(PAGE, **reader).text
    token = re.search(r'name="token-csrf_token"[^>]*value="([^"]+)"', shown)
    assert token
    told = {"token-csrf_token": token[1], "token-name": "More"}

    more = browser.post_raw("/account/new-token", {**told, "token-scope": "read write"}, **writer)

    assert more.status_code == 422
    assert "cannot allow more" in more.text


def test_the_page_says_until_when_a_token_works(browser: Browser, runtime: Runtime) -> None:
    with runtime.sessions() as session:
        ann = session.scalars(select(Person).where(Person.email == ANN)).one()
    bearer(runtime, ann.id, expires_in=timedelta(days=90))

    until = (runtime.now() + timedelta(days=90)).strftime("%-d %B %Y, %H:%M UTC")
    assert f"works until {until}" in browser.get(PAGE).text
