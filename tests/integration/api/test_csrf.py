"""Other sites can change nothing in the name of somebody signed in, nor frame a page."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.routing import Rule

from dcarbon.db.base import new_id
from dcarbon.services import people, sign_in, web_sessions
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon_api.security.access import declared
from tests.integration.api.conftest import Resident, said
from tests.support.browser import Browser

ANN = "ann@example.org"
JSON = {"Accept": "application/json"}


@pytest.fixture
def browser(app: Flask, runtime: Runtime) -> Browser:
    """Ann's browser, signed in."""
    person = people.ensure(
        runtime.sessions,
        email=ANN,
        account_kind="commercial",
        name="Ann",
        actor=SYSTEM,
        now=runtime.now(),
    )
    secret = web_sessions.open_session(runtime, person.id, how="link", ip=None, user_agent=None)
    browser = Browser(app)
    browser.client.set_cookie("dcarbon-session", secret)
    return browser


def _changing_rules(app: Flask) -> list[tuple[str, Rule]]:
    return [
        (method, rule)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"})
    ]


def _address(rule: Rule) -> str:
    values = {name: str(new_id()) for name in rule.arguments}
    return "/" + "/".join(
        values.get(part.strip("<>").split(":")[-1], part) if "<" in part else part
        for part in rule.rule.strip("/").split("/")
    )


def test_no_change_by_cookie_is_made_without_the_form_token(app: Flask, browser: Browser) -> None:
    """Walks the URL map, so a new route cannot be missed; programs' entrances have no cookie."""
    for method, rule in _changing_rules(app):
        access = declared(app.view_functions[rule.endpoint])
        assert access is not None
        if access.is_for_programs:
            continue
        for media_type in ("application/x-www-form-urlencoded", "application/json"):
            response = browser.client.open(
                _address(rule), method=method, headers=JSON, data=b"{}", content_type=media_type
            )
            assert response.status_code == 403, (method, rule.rule, media_type)
            assert said(response)["code"] == "form_refused"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_of_another_site_is_refused_even_with_the_token(
    browser: Browser, site: str
) -> None:
    token = browser.token("/account")

    response = browser.post_raw("/sign-out", {"csrf_token": token}, **{"Sec-Fetch-Site": site})

    assert response.status_code == 403
    assert browser.get("/account").status_code == 200


def test_the_token_of_another_browser_is_refused(app: Flask, browser: Browser) -> None:
    foreign = Browser(app).token("/sign-in")
    browser.token("/account")

    response = browser.post_raw("/sign-out", {"csrf_token": foreign})

    assert response.status_code == 403
    assert "Nothing was changed" in response.text


def test_nobody_can_be_signed_in_as_somebody_else_by_another_site(
    app: Flask, runtime: Runtime, browser: Browser
) -> None:
    """Sign-in CSRF: a form elsewhere that posts the attacker's own link."""
    path = sign_in.new_link(runtime, "mallory@example.org")
    path = path.removeprefix(runtime.settings.public_url)

    response = Browser(app).post_raw(path, {}, **{"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 403
    assert sign_in.look(runtime, path.rpartition("/")[2]).state == "good"


def test_htmx_sends_the_token_by_header(browser: Browser, runtime: Runtime) -> None:
    token = browser.token("/account")
    held = browser.cookie()
    assert held is not None

    response = browser.post_raw("/sign-out", {}, **{"X-CSRFToken": token, "HX-Request": "true"})

    assert response.status_code == 303
    assert web_sessions.actor_of(runtime, held, ip=None) is None


def test_an_api_token_needs_no_form_token(app: Flask, ann: Resident) -> None:
    response = app.test_client().post(
        "/facilities",
        headers={**ann.headers, **JSON},
        json={"name": "Plant", "account_kind": "commercial", "role": "owner"},
    )

    assert response.status_code == 201


def test_a_public_form_needs_a_token_too(app: Flask) -> None:
    response = app.test_client().post("/sign-in", data={"email": ANN}, headers=JSON)

    assert (response.status_code, said(response)["code"]) == (403, "form_refused")


def test_utilities_may_post_without_any_token(app: Flask) -> None:
    response = app.test_client().post("/green-button/notify/pge", data=b"<x/>")

    assert response.status_code != 403


@pytest.mark.parametrize("path", ["/", "/sign-in", "/account", "/docs", "/nothing/here"])
def test_no_page_can_be_framed_or_run_what_is_not_ours(browser: Browser, path: str) -> None:
    response = browser.get(path)
    policy = response.headers["Content-Security-Policy"]

    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_every_script_and_style_names_its_hash(browser: Browser) -> None:
    page = browser.get("/account").text
    fetched = [
        part.partition(">")[0]
        for opening in ("<script", '<link rel="stylesheet"')
        for part in page.split(opening)[1:]
    ]

    assert len(fetched) >= 5
    for tag in fetched:
        assert 'integrity="sha384-' in tag
        assert "?v=" in tag
        assert "//" not in tag.replace("://localhost", "")
