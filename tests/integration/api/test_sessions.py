"""Sessions of browsers: made at sign-in, bound to time, ended from anywhere, never guessed."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.people import Person
from dcarbon.db.sign_in import WebSession
from dcarbon.services import people, sign_in, web_sessions
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from tests.integration.api.conftest import Resident, said
from tests.support.browser import Browser
from tests.support.serving import serving

ANN, BEN = "ann@example.org", "ben@example.org"


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(runtime: Runtime) -> Clock:
    return Clock(runtime.now())


@pytest.fixture
def moving(runtime: Runtime, clock: Clock) -> Runtime:
    return replace(runtime, clock=clock)


@pytest.fixture
def app(moving: Runtime) -> Flask:
    return serving(moving)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


def person(runtime: Runtime, email: str, *, is_admin: bool = False) -> Person:
    return people.ensure(
        runtime.sessions,
        email=email,
        account_kind="commercial",
        name=email.partition("@")[0],
        actor=SYSTEM,
        now=runtime.now(),
        is_admin=is_admin,
    )


def test_signing_in_makes_a_new_identifier(browser: Browser, moving: Runtime) -> None:
    """Session fixation: a value planted before must not become somebody's session."""
    person(moving, ANN)
    browser.client.set_cookie("dcarbon-session", "planted")
    before = browser.token("/sign-in")

    browser.sign_in(moving, ANN)

    assert browser.cookie() not in {None, "planted"}
    assert browser.token("/account") != before
    assert web_sessions.actor_of(moving, "planted", ip=None) is None


def test_signing_in_again_ends_the_session_before(
    app: Flask, browser: Browser, moving: Runtime
) -> None:
    person(moving, ANN)
    browser.sign_in(moving, ANN)
    first = browser.cookie()
    assert first is not None
    path = sign_in.new_link(moving, ANN).removeprefix(moving.settings.public_url)

    browser.post(path, page=path)

    assert browser.cookie() != first
    assert web_sessions.actor_of(moving, first, ip=None) is None


def test_a_session_not_used_for_a_week_is_over(
    browser: Browser, moving: Runtime, clock: Clock
) -> None:
    person(moving, ANN)
    browser.sign_in(moving, ANN)

    clock.now += timedelta(days=6, hours=23)
    assert browser.get("/account").status_code == 200
    clock.now += timedelta(days=6, hours=23)
    assert browser.get("/account").status_code == 200
    clock.now += timedelta(days=7, minutes=1)
    assert browser.get("/account").status_code == 303


@pytest.mark.parametrize(
    ("sent_from", "comes_back"),
    [
        ("http://localhost/account?tab=1", "?next=/account?tab%3D1"),
        ("https://elsewhere.example/account", ""),
        ("", ""),
    ],
)
def test_a_form_sent_after_the_session_ended_says_so_and_signing_in_leads_back(
    browser: Browser, moving: Runtime, clock: Clock, sent_from: str, comes_back: str
) -> None:
    person(moving, ANN)
    browser.sign_in(moving, ANN)
    token = browser.token("/account")
    clock.now += timedelta(days=8)

    late = browser.post_raw("/account/profile", {"csrf_token": token}, Referer=sent_from)

    assert late.status_code == 401
    assert "You were signed out meanwhile; nothing was changed." in late.text
    assert "Bearer" not in late.text
    assert f'href="/sign-in{comes_back}"' in late.text


@pytest.mark.parametrize(("is_admin", "hours"), [(False, 720), (True, 12)])
def test_a_busy_session_is_over_at_last(
    app: Flask, moving: Runtime, clock: Clock, *, is_admin: bool, hours: int
) -> None:
    who = person(moving, ANN, is_admin=is_admin)
    secret = web_sessions.open_session(moving, who.id, how="link", ip=None, user_agent=None)
    end = clock.now + timedelta(hours=hours)

    while clock.now < end - timedelta(hours=6):
        clock.now += timedelta(hours=5)
        assert web_sessions.actor_of(moving, secret, ip=None) is not None
    clock.now = end

    assert web_sessions.actor_of(moving, secret, ip=None) is None


def test_a_new_administrator_does_not_keep_the_long_session(moving: Runtime, clock: Clock) -> None:
    who = person(moving, ANN)
    secret = web_sessions.open_session(moving, who.id, how="link", ip=None, user_agent=None)
    people.make_admin(moving.sessions, email=ANN, actor=SYSTEM, now=moving.now())

    clock.now += timedelta(hours=13)

    assert web_sessions.actor_of(moving, secret, ip=None) is None


def test_signing_out_ends_the_session_at_once(browser: Browser, moving: Runtime) -> None:
    person(moving, ANN)
    browser.sign_in(moving, ANN)
    held = browser.cookie()
    assert held is not None

    response = browser.post("/sign-out", page="/account")

    assert (response.status_code, browser.cookie()) == (303, None)
    assert web_sessions.actor_of(moving, held, ip=None) is None
    assert browser.get("/account").status_code == 303


def test_people_list_and_end_their_own_sessions_only(
    app: Flask, browser: Browser, moving: Runtime
) -> None:
    ann, ben = person(moving, ANN), person(moving, BEN)
    browser.sign_in(moving, ANN)
    phone = web_sessions.open_session(
        moving, ann.id, how="link", ip="10.0.0.7", user_agent="X (iPhone) Safari/605"
    )
    bens = web_sessions.open_session(moving, ben.id, how="link", ip=None, user_agent="BenBrowser")
    page = browser.get("/account").text
    assert "Safari on iPhone" in page
    assert "BenBrowser" not in page

    own = _session_id(moving, ann.id, "X (iPhone) Safari/605")
    foreign = _session_id(moving, ben.id, "BenBrowser")
    ended = browser.post(f"/account/sessions/{own}/end", page="/account")
    refused = browser.post(f"/account/sessions/{foreign}/end", page="/account")

    assert (ended.status_code, refused.status_code) == (303, 404)
    assert web_sessions.actor_of(moving, phone, ip=None) is None
    assert web_sessions.actor_of(moving, bens, ip=None) is not None


def test_all_others_are_signed_out_and_this_one_stays(browser: Browser, moving: Runtime) -> None:
    ann = person(moving, ANN)
    browser.sign_in(moving, ANN)
    others = [
        web_sessions.open_session(moving, ann.id, how="link", ip=None, user_agent=None)
        for _ in range(3)
    ]

    browser.post("/account/sessions/end-others", page="/account")

    assert browser.get("/account").status_code == 200
    assert not any(web_sessions.actor_of(moving, other, ip=None) for other in others)


@pytest.mark.parametrize("value", ["", "x", "a" * 43, "a" * 4000, "é" * 20])
def test_a_made_up_cookie_is_nobody(browser: Browser, value: str) -> None:
    browser.client.set_cookie("dcarbon-session", value)

    assert browser.get("/account").status_code == 303


def test_a_signed_in_browser_may_use_the_api_too(
    browser: Browser, moving: Runtime, ann: Resident
) -> None:
    browser.sign_in(moving, ANN)

    response = browser.client.get("/facilities", headers={"Accept": "application/json"})

    assert response.status_code == 200
    assert str(ann.facility_id) in response.text


def test_a_token_decides_where_both_are_given(
    browser: Browser, moving: Runtime, ben: Resident
) -> None:
    person(moving, ANN)
    browser.sign_in(moving, ANN)

    with_bens = browser.client.get(
        "/facilities", headers={**ben.headers, "Accept": "application/json"}
    )
    broken = browser.client.get("/facilities", headers={"Authorization": "Bearer wrong"})

    assert str(ben.facility_id) in with_bens.text
    assert (broken.status_code, said(broken)["code"]) == (401, "token_invalid")


def test_a_part_of_a_page_sends_the_whole_page_to_sign_in(browser: Browser) -> None:
    response = browser.client.get(
        "/account",
        headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/facilities?q=1"},
    )

    assert response.status_code == 401
    assert response.headers["HX-Redirect"] == "/sign-in?next=/facilities?q%3D1"


def test_every_step_is_in_the_audit_log_and_no_secret_is(browser: Browser, moving: Runtime) -> None:
    person(moving, ANN)
    browser.sign_in(moving, ANN)
    held = browser.cookie()
    assert held is not None
    browser.post("/sign-out", page="/account")

    with moving.sessions() as session:
        entries = list(session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))

    assert [entry.event for entry in entries][-2:] == ["signed_in", "signed_out"]
    assert held not in str([entry.details for entry in entries])


@pytest.fixture
def https_app(runtime: Runtime) -> Flask:
    chosen = runtime.settings.model_copy(update={"public_url": "https://dcarbon.example"})
    return create_app(replace(runtime, settings=chosen))


def test_cookies_are_bound_to_the_host_by_https(https_app: Flask, runtime: Runtime) -> None:
    person(runtime, ANN)
    client = https_app.test_client()
    base = "https://dcarbon.example"
    path = sign_in.new_link(runtime, ANN).rpartition("/sign-in/")[2]
    page = client.get(f"/sign-in/{path}", base_url=base)
    token = page.text.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]

    response = client.post(f"/sign-in/{path}", base_url=base, data={"csrf_token": token})

    given = [*page.headers.getlist("Set-Cookie"), *response.headers.getlist("Set-Cookie")]
    names = {cookie.partition("=")[0] for cookie in given}
    assert response.status_code == 303
    assert names == {"__Host-dcarbon-session", "__Host-dcarbon-page"}
    for cookie in given:
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; ")), cookie
        assert "Domain" not in cookie


def test_several_processes_understand_each_others_forms(moving: Runtime, browser: Browser) -> None:
    """Keys of forms come from the seal keys, so any worker takes what another one showed."""
    person(moving, ANN)
    browser.sign_in(moving, ANN)
    token = browser.token("/account")

    browser.client.application = create_app(moving)
    response = browser.post_raw("/sign-out", {"csrf_token": token})

    assert response.status_code == 303


def test_what_may_be_seen_by_others_is_not_cached(browser: Browser, moving: Runtime) -> None:
    person(moving, ANN)
    browser.sign_in(moving, ANN)

    assert browser.get("/account").headers["Cache-Control"] == "no-store"


def test_an_actor_without_a_person_has_no_sessions(moving: Runtime) -> None:
    assert web_sessions.sessions_of(moving, Actor(None)) == []


def _session_id(runtime: Runtime, person_id: UUID, browser: str) -> UUID:
    with runtime.sessions() as session:
        found = select(WebSession.id).where(
            WebSession.person_id == person_id, WebSession.browser == browser
        )
        return session.scalars(found).one()


def test_the_keys_file_is_no_cookie_key(runtime: Runtime, tmp_path: Path, app: Flask) -> None:
    """What signs cookies is derived: whoever learns it cannot open sealed tokens."""
    assert isinstance(app.secret_key, bytes)
    assert base64.b64encode(app.secret_key) not in (tmp_path / "seal.keys").read_bytes()
    assert len(runtime.keys.derived("web forms")[0]) == 32
    assert runtime.keys.derived("web forms") != runtime.keys.derived("other")
