"""Signing in by a link from a mail: single use, short life, the same answer for every address."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from dcarbon.db import people as people_table
from dcarbon.db.people import Person
from dcarbon.db.sign_in import SignInLink, WebSession
from dcarbon.domain.errors import TooManyRequests
from dcarbon.services import people, sign_in
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon.services.sign_in import LinkRefused
from tests.support.browser import Browser, link_path, mails_to
from tests.support.serving import serving

ANN = "ann@example.org"
STRANGER = "stranger@example.org"


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock(runtime: Runtime) -> Clock:
    return Clock(runtime.now())


@pytest.fixture
def moving(runtime: Runtime, clock: Clock) -> Runtime:
    """The runtime, with a clock the test moves."""
    return replace(runtime, clock=clock)


@pytest.fixture
def app(moving: Runtime) -> Flask:
    return serving(moving)


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def ann(moving: Runtime) -> Person:
    return people.ensure(
        moving.sessions,
        email=ANN,
        account_kind="commercial",
        name="Ann",
        actor=SYSTEM,
        now=moving.now(),
    )


def test_the_link_of_the_mail_signs_in(browser: Browser, moving: Runtime, ann: Person) -> None:
    response = browser.sign_in(moving, ANN)

    assert (response.status_code, response.location) == (303, "/facilities")
    assert ANN in browser.get("/account").text


def test_the_database_keeps_no_secret_of_link_or_session(
    browser: Browser, moving: Runtime, ann: Person
) -> None:
    browser.sign_in(moving, ANN)
    secrets = [link_path(moving, ANN).rpartition("/")[2], browser.cookie()]

    with moving.sessions() as session:
        rows = [*session.scalars(select(SignInLink)), *session.scalars(select(WebSession))]
    stored = " ".join(str(vars(row)) for row in rows)

    assert len(rows) == 2
    assert all(secret and secret not in stored for secret in secrets)


def test_opening_a_link_changes_nothing(browser: Browser, moving: Runtime, ann: Person) -> None:
    browser.ask_for_link(ANN)
    path = link_path(moving, ANN)

    opened = [browser.get(path) for _ in range(3)]
    head = browser.client.head(path)

    assert [response.status_code for response in opened] == [200, 200, 200]
    assert head.status_code == 200
    assert browser.cookie() is None
    assert ANN in opened[0].text
    assert opened[0].headers["Referrer-Policy"] == "no-referrer"


def test_a_link_works_once(app: Flask, browser: Browser, moving: Runtime, ann: Person) -> None:
    browser.sign_in(moving, ANN)
    path, other = link_path(moving, ANN), Browser(app)

    response = other.post_raw(path, {"csrf_token": other.token("/sign-in")})

    assert response.status_code == 410
    assert "used before" in response.text
    assert other.cookie() is None
    assert other.get(path).status_code == 410


def test_of_many_at_once_one_gets_in(moving: Runtime, ann: Person) -> None:
    secret = sign_in.new_link(moving, ANN).rpartition("/")[2]
    start, outcomes = threading.Barrier(6), []

    def use() -> None:
        start.wait()
        try:
            sign_in.consume(moving, secret, browser=None, ip=None, user_agent=None)
            outcomes.append("in")
        except LinkRefused as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["in", *["link_used"] * 5]


def test_a_link_is_good_for_fifteen_minutes(
    browser: Browser, moving: Runtime, clock: Clock, ann: Person
) -> None:
    browser.ask_for_link(ANN)
    path = link_path(moving, ANN)
    token = browser.token(path)

    clock.forward(minutes=14, seconds=59)
    assert browser.get(path).status_code == 200
    clock.forward(seconds=1)

    response = browser.post_raw(path, {"csrf_token": token})
    assert (response.status_code, browser.cookie()) == (410, None)
    assert "too old" in response.text


@pytest.mark.parametrize("secret", ["x", "a" * 43, "a" * 500, "%00", "sent2"])
def test_a_link_we_never_made_is_404(browser: Browser, secret: str) -> None:
    token = browser.token("/sign-in")

    assert browser.get(f"/sign-in/{secret}").status_code == 404
    assert browser.post_raw(f"/sign-in/{secret}", {"csrf_token": token}).status_code == 404


def test_signing_in_ends_the_other_links_of_the_address(
    app: Flask, browser: Browser, moving: Runtime, ann: Person
) -> None:
    browser.ask_for_link(ANN)
    earlier = link_path(moving, ANN)

    browser.sign_in(moving, ANN)

    assert Browser(app).get(earlier).status_code == 410


def test_the_answer_is_the_same_for_known_and_unknown_addresses(
    app: Flask, moving: Runtime, ann: Person
) -> None:
    pages = []
    for email in (ANN, STRANGER):
        browser = Browser(app)
        asked = browser.ask_for_link(email)
        page = browser.get(asked.location)
        shown = re.sub(r'nonce="[^"]*"|value="[^"]*"', "", page.text).replace(email, "ADDRESS")
        pages.append((asked.status_code, asked.location, page.status_code, shown))

    assert pages[0] == pages[1]
    assert len(mails_to(moving, ANN)) == len(mails_to(moving, STRANGER)) == 1


def test_a_new_address_has_no_account_until_its_link_is_used(
    browser: Browser, moving: Runtime
) -> None:
    browser.ask_for_link(STRANGER)
    browser.get(link_path(moving, STRANGER))
    with moving.sessions() as session:
        assert people_table.person_by_email(session, STRANGER) is None

    response = browser.post(link_path(moving, STRANGER), page=link_path(moving, STRANGER))

    assert response.location == "/welcome?next=/facilities"
    with moving.sessions() as session:
        assert people_table.person_by_email(session, STRANGER) is not None


def test_the_mail_to_a_new_address_says_that_an_account_is_made(
    browser: Browser, moving: Runtime, ann: Person
) -> None:
    browser.ask_for_link(ANN)
    browser.ask_for_link(STRANGER)

    assert "no account" in mails_to(moving, STRANGER)[0].text_body
    assert "no account" not in mails_to(moving, ANN)[0].text_body


def test_somebody_new_is_asked_for_kind_and_name_and_goes_on(
    browser: Browser, moving: Runtime
) -> None:
    browser.sign_in(moving, STRANGER, "/docs")
    page = "/welcome?next=/docs"
    assert "checked" not in browser.get(page).text

    refused = browser.post(page, {"name": " ", "account_kind": "commercial"}, page=page)
    gone_on = browser.post(page, {"name": "Cy", "account_kind": "commercial"}, page=page)

    assert refused.status_code == 422
    assert (gone_on.status_code, gone_on.location) == (303, "/docs")
    with moving.sessions() as session:
        person = people_table.person_by_email(session, STRANGER)
    assert person is not None
    assert (person.name, person.account_kind) == ("Cy", "commercial")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(
    browser: Browser, moving: Runtime, ann: Person, elsewhere: str
) -> None:
    assert browser.sign_in(moving, ANN, elsewhere).location == "/facilities"
    again = browser.client.get("/sign-in", query_string={"next": elsewhere})
    assert again.location == "/facilities"
    welcomed = browser.client.post(
        "/welcome",
        query_string={"next": elsewhere},
        data={
            "csrf_token": browser.token("/account"),
            "name": "Ann",
            "account_kind": "commercial",
        },
    )
    assert welcomed.location == "/facilities"


def test_a_page_asked_for_before_comes_after(
    browser: Browser, moving: Runtime, ann: Person
) -> None:
    asked = browser.get("/account?tab=1")
    assert (asked.status_code, asked.location) == (303, "/sign-in?next=/account?tab%3D1")
    assert 'value="/account?tab=1"' in browser.get(asked.location).text

    assert browser.sign_in(moving, ANN, "/account?tab=1").location == "/account?tab=1"


def test_another_browser_may_use_the_link_and_is_told(
    app: Flask, browser: Browser, moving: Runtime, ann: Person
) -> None:
    browser.ask_for_link(ANN)
    path, phone = link_path(moving, ANN), Browser(app)

    assert "Another browser asked" not in browser.get(path).text
    assert "Another browser asked" in phone.get(path).text
    assert phone.post(path, page=path).status_code == 303


def test_an_address_gets_five_links_an_hour(
    app: Flask, moving: Runtime, clock: Clock, ann: Person
) -> None:
    answers = [Browser(app).ask_for_link(ANN).status_code for _ in range(6)]
    strangers = [Browser(app).ask_for_link(STRANGER).status_code for _ in range(6)]
    clock.forward(hours=1, seconds=1)

    assert answers == strangers == [303] * 5 + [429]
    assert len(mails_to(moving, ANN)) == 5
    assert Browser(app).ask_for_link(ANN).status_code == 303


def test_a_network_has_a_quota_of_its_own(moving: Runtime) -> None:
    limit = moving.settings.sign_in_links_per_network
    for number in range(limit):
        _ask(moving, f"p{number}@example.org", ip=f"203.0.113.{number}")

    with pytest.raises(TooManyRequests):
        _ask(moving, "one-more@example.org", ip="203.0.113.250")
    _ask(moving, "elsewhere@example.org", ip="203.0.114.1")
    _ask(moving, "elsewhere6@example.org", ip="2001:db8::1")


def test_many_at_once_do_not_pass_the_quota(moving: Runtime) -> None:
    start, refused = threading.Barrier(10), []

    def ask() -> None:
        start.wait()
        try:
            _ask(moving, ANN, ip="203.0.113.9")
        except TooManyRequests:
            refused.append(1)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(mails_to(moving, ANN)) == moving.settings.sign_in_links_per_address
    assert len(refused) == 10 - moving.settings.sign_in_links_per_address


@pytest.mark.parametrize("email", ["", "ann", "ann@", "a@b@c.d", "a b@example.org", "a" * 300])
def test_what_cannot_be_an_address_comes_back_with_the_form(
    browser: Browser, moving: Runtime, email: str
) -> None:
    response = browser.ask_for_link(email)

    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.text
    with moving.sessions() as session:
        assert session.scalar(select(func.count()).select_from(SignInLink)) == 0


def test_letters_in_either_case_are_one_address(
    browser: Browser, moving: Runtime, ann: Person
) -> None:
    browser.ask_for_link(" Ann@Example.ORG ")

    assert "no account" not in mails_to(moving, ANN)[0].text_body


def test_a_changed_row_never_leads_elsewhere_either(
    browser: Browser, moving: Runtime, ann: Person
) -> None:
    browser.ask_for_link(ANN, "/docs")
    with moving.sessions.begin() as session:
        session.execute(update(SignInLink).values(next_path="//evil.example"))

    path = link_path(moving, ANN)

    assert browser.post(path, page=path).location == "/facilities"


def _ask(runtime: Runtime, email: str, *, ip: str) -> None:
    sign_in.request_link(runtime, email, ip=ip, browser=None, next_path=None)
