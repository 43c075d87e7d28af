"""Inviting an operator and taking the invitation up, in every state a link can have."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.services import invitations
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.support.browser import Browser, mails_to
from tests.support.serving import serving

OSCAR = "oscar@example.org"


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
def owner(moving: Runtime) -> Person:
    return pages.person(moving, "olive@example.org")


@pytest.fixture
def farm(moving: Runtime, owner: Person) -> UUID:
    return pages.facility(moving, owner, name="Delta Farm", role="owner")


@pytest.fixture
def browser(app: Flask, moving: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, moving, owner)


def _invite(browser: Browser, facility_id: UUID, email: str = OSCAR) -> None:
    path = f"/facilities/{facility_id}/operator"
    sent = browser.post(path, {"email": email}, page=path)
    assert (sent.status_code, sent.location) == (303, f"/facilities/{facility_id}")


def _links(runtime: Runtime, email: str = OSCAR) -> list[str]:
    """Return the paths of the links mailed to an address, oldest first."""
    mails = sorted(mails_to(runtime, email), key=lambda mail: mail.id)
    found = [re.search(r"https?://\S+/invitations/[\w-]+", mail.text_body) for mail in mails]
    return [urlsplit(match[0]).path for match in found if match]


def test_the_link_shows_what_one_is_invited_to_and_uses_nothing_up(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime
) -> None:
    _invite(browser, farm)
    (link,) = _links(moving)

    for _ in range(2):
        shown = Browser(app).get(link)
        read = pages.words(shown.text)
        assert shown.status_code == 200
        assert "Delta Farm" in read
        assert "1 Factory Way, Fresno, CA 93721" in read
        assert "Olive" in read
        assert shown.headers["Referrer-Policy"] == "no-referrer"


def test_the_button_signs_in_and_goes_on_to_the_utility(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime
) -> None:
    _invite(browser, farm)
    (link,) = _links(moving)
    oscar = Browser(app)

    accepted = oscar.post(link, page=link)

    assert (accepted.status_code, accepted.location) == (303, f"/facilities/{farm}/utility")
    assert "Continue to Green Button" in oscar.get(accepted.location).text
    with moving.sessions() as session:
        roles = session.scalars(select(FacilityRole.role).where(FacilityRole.facility_id == farm))
        assert sorted(roles) == ["operator", "owner"]
    assert "accepted the invitation" in pages.words(browser.get(f"/facilities/{farm}").text)


def test_the_link_names_the_utilities_there_are_and_the_time_at_the_facility(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime
) -> None:
    with moving.sessions.begin() as session:
        session.get_one(Facility, farm).time_zone = "America/New_York"
    _invite(browser, farm)
    (link,) = _links(moving)

    read = pages.words(Browser(app).get(link).text)

    names = [profile.known_as for profile in moving.providers.green_button()]
    assert f"{', '.join(names[:-1])} or {names[-1]} by Green Button" in read
    assert re.search(r"Good until [^.]* EDT", read)


def test_an_administrator_reads_that_the_link_signs_nobody_in(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime
) -> None:
    pages.person(moving, OSCAR, is_admin=True)
    _invite(browser, farm)
    (link,) = _links(moving)
    boss = Browser(app)

    read = pages.words(boss.get(link).text)
    accepted = boss.post(link, page=link)

    assert "you sign in as always" in read
    assert "signs you in" not in read
    assert accepted.location == f"/sign-in?next=/facilities/{farm}/utility"


def test_a_used_link_says_so(app: Flask, browser: Browser, farm: UUID, moving: Runtime) -> None:
    _invite(browser, farm)
    (link,) = _links(moving)
    Browser(app).post(link, page=link)

    again = Browser(app).get(link)

    assert again.status_code == 410
    assert "This invitation was accepted before" in pages.words(again.text)
    assert "Please sign in" in pages.words(again.text)


def test_resending_ends_the_earlier_link(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime, clock: Clock
) -> None:
    _invite(browser, farm)
    clock.now += timedelta(minutes=1)
    sent = browser.post(f"/facilities/{farm}/operator/resend", page=f"/facilities/{farm}")
    first, second = _links(moving)

    told = Browser(app).get(first)

    assert (sent.status_code, sent.location) == (303, f"/facilities/{farm}")
    assert "The earlier link no longer works." in pages.words(browser.get(sent.location).text)
    assert told.status_code == 410
    assert "A newer invitation was sent" in pages.words(told.text)
    assert Browser(app).get(second).status_code == 200


def test_changing_the_address_ends_the_earlier_link(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime
) -> None:
    _invite(browser, farm)
    form = browser.get(f"/facilities/{farm}/operator").text
    _invite(browser, farm, "right@example.org")

    assert f'value="{OSCAR}"' in form
    assert "Change Email" in form
    assert "right@example.org" in pages.words(browser.get(f"/facilities/{farm}").text)
    assert Browser(app).get(_links(moving)[0]).status_code == 410
    assert Browser(app).get(_links(moving, "right@example.org")[0]).status_code == 200


def test_an_old_link_says_so_and_the_owner_is_told_too(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime, clock: Clock
) -> None:
    _invite(browser, farm)
    clock.now += timedelta(days=moving.settings.invitation_days, seconds=1)
    owner_again = pages.at_browser(app, moving, pages.person(moving, "olive@example.org"))

    told = Browser(app).get(_links(moving)[0])

    assert told.status_code == 410
    assert "ask the owner to send it again" in pages.words(told.text)
    seen = pages.words(owner_again.get(f"/facilities/{farm}").text)
    assert "has run out" in seen
    assert "Resend Invite" in seen


def test_a_link_taken_back_says_so(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime, owner: Person
) -> None:
    _invite(browser, farm)
    invitations.withdraw(moving, farm, actor=Actor(owner.id))

    told = Browser(app).get(_links(moving)[0])

    assert told.status_code == 410
    assert "taken back" in pages.words(told.text)


@pytest.mark.parametrize("secret", ["nobody-sent-this", "x" * 500, "%00"])
def test_a_link_we_never_sent_is_404_with_what_to_do(app: Flask, secret: str) -> None:
    told = Browser(app).get(f"/invitations/{secret}")

    assert told.status_code == 404
    assert "We do not know this invitation" in pages.words(told.text)


def test_accepting_a_link_that_ended_meanwhile_tells_why(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime, owner: Person
) -> None:
    _invite(browser, farm)
    (link,) = _links(moving)
    oscar = Browser(app)
    token = oscar.token(link)
    invitations.withdraw(moving, farm, actor=Actor(owner.id))

    told = oscar.post_raw(link, {"csrf_token": token})

    assert told.status_code == 410
    assert "taken back" in pages.words(told.text)


def test_without_the_form_token_nothing_is_accepted(
    app: Flask, browser: Browser, farm: UUID, moving: Runtime
) -> None:
    _invite(browser, farm)
    (link,) = _links(moving)

    assert Browser(app).post_raw(link, {}).status_code in {400, 403}
    assert Browser(app).get(link).status_code == 200


@pytest.mark.parametrize(("email", "says"), [("", "Please give"), ("oscar", "complete")])
def test_an_address_that_will_not_do_is_said(
    browser: Browser, farm: UUID, email: str, says: str
) -> None:
    path = f"/facilities/{farm}/operator"

    refused = browser.post(path, {"email": email}, page=path)

    assert refused.status_code == 422
    assert says in pages.words(refused.text)


def test_an_operator_invites_nobody(app: Flask, moving: Runtime, farm: UUID) -> None:
    oscar = pages.person(moving, OSCAR)
    pages.give_role(moving, farm, oscar, "operator")
    theirs = pages.at_browser(app, moving, oscar)

    assert theirs.get(f"/facilities/{farm}/operator").status_code == 409
    sent = theirs.post(f"/facilities/{farm}/operator/resend", page=f"/facilities/{farm}")
    assert "Only the owner" in pages.words(theirs.get(sent.location).text)
