"""Starting an authorization again and ending it, from the page: said first, then followed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.meters import Meter
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services import audit, authorization_endings, work
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import generation, pages
from tests.integration.api.conftest import install_meter
from tests.integration.conftest import NOW
from tests.support.browser import Browser, mails_to

HTMX = {"HX-Request": "true"}


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def browser(app: Flask, runtime: Runtime) -> Browser:
    return pages.at_browser(app, runtime, pages.person(runtime, "boss@example.org", is_admin=True))


def _order(runtime: Runtime) -> WorkOrder:
    with runtime.sessions() as session:
        return session.scalars(select(WorkOrder).where(WorkOrder.kind == "revoke")).one()


def _watch(browser: Browser, path: str) -> str:
    """Return the address the page asks at how it goes."""
    return browser.get(path).text.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")


def test_revoking_names_what_is_lost_and_is_followed_until_the_provider_confirms(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility = pages.facility(runtime, owner)
    identity = pages.authorization(
        runtime, facility, owner, method="utilityapi", provider="utilityapi", utility="LADWP"
    )
    meter = install_meter(runtime, facility, first=NOW - timedelta(days=9), values=[1] * 96)
    counted = generation.export_meter(runtime, facility, Actor(owner.id))
    unit = generation.unit(runtime, facility, Actor(owner.id))
    generation.claim(runtime, unit, counted, Actor(owner.id))
    with runtime.sessions.begin() as session:
        for one in (meter, counted):
            session.get_one(Meter, one).authorization_id = identity
        work.open_collection(session, identity, reason="daily", now=NOW)
    path = f"/admin/authorizations/{identity}"

    asked = pages.words(browser.get(f"{path}/revoke").text)
    unsaid = browser.post(f"{path}/revoke", {"reason": "  "}, page=path)
    assert unsaid.status_code == 422
    assert "Please say why" in unsaid.text
    for told in (
        *("What is lost", "consent for Mill at LADWP", "2 meters", "A collection under way"),
        *("stay incomplete from now on", "UtilityAPI deletes its copy", "What stays", "Mar 11"),
        *("fetched once more before the provider is told", "Olive, by mail, with your reason"),
    ):
        assert told in asked, told

    ended = browser.post(f"{path}/revoke", {"reason": "The site was sold."}, page=path)
    shown, watched = pages.words(browser.get(path).text), _watch(browser, path)
    running = browser.get(watched, **HTMX)
    assert (ended.status_code, ended.location) == (303, path)
    assert "Ending at the provider" in shown
    assert "An administrator ended the access. Reason given: “The site was sold.”" in shown
    assert "LADWP is told next" in pages.words(running.text)
    assert _order(runtime).final
    assert any("The site was sold." in mail.text_body for mail in mails_to(runtime, owner.email))

    with runtime.sessions.begin() as session:
        order = session.get_one(WorkOrder, _order(runtime).id)
        work.close_order(session, order.id, outcome="done", now=NOW)
        row = session.get_one(Authorization, identity)
        authorization_endings.say(row, authorization_endings.ENDED)
        audit.record(
            session,
            AuditEvent.AUTHORIZATION_ENDED_AT_PROVIDER,
            actor=SYSTEM,
            at=NOW,
            facility_id=facility,
            authorization_id=identity,
            how="confirmed",
            attempts=3,
        )
    assert browser.get(watched, **HTMX).headers["HX-Refresh"] == "true"
    over = browser.get(path).text
    assert "LADWP has confirmed the end." in pages.words(over)
    assert "The provider confirmed the end. It took 3 tries." in pages.words(over)
    assert "hx-get" not in over
    # What is over can be neither ended again nor taken up again.
    assert browser.get(f"{path}/revoke").status_code == 303
    assert browser.get(f"{path}/retry").status_code == 303


def test_an_end_that_is_put_off_says_why_and_when_it_is_tried_again(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility = pages.facility(runtime, owner)
    identity = pages.authorization(
        runtime, facility, owner, method="utilityapi", provider="utilityapi", utility="LADWP"
    )
    path = f"/admin/authorizations/{identity}"
    browser.post(f"{path}/revoke", {"reason": "Sold."}, page=path)
    with runtime.sessions.begin() as session:
        order = session.get_one(WorkOrder, _order(runtime).id)
        order.attempts, order.last_error_code = 2, "provider_unavailable"
        order.not_before = NOW + timedelta(hours=1)

    read = pages.words(browser.get(path).text)

    assert "LADWP has not confirmed the end yet. We ask until it does." in read
    assert "Tried 2 times. Next try: Mar 20, 2026, 6:00 AM PDT." in read
    assert "every 20s" in browser.get(path).text


@dataclass(frozen=True, slots=True)
class Held:
    """An authorization that is held up: how, what its button says and does, and how it then is."""

    status: str
    health: str
    code: str | None
    label: str
    what: str
    after: str


HELD = (
    Held("failed", "ok", "access_denied", "Ask again", "Olive gets a mail", "pending"),
    Held("expired", "blocked", "consent_ended", "Ask again", "Olive gets a mail", "expired"),
    Held("authorized", "blocked", None, "Collect now", "collected at once", "authorized"),
)


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.status)
def test_retrying_says_what_it_does_and_what_became_of_it(
    browser: Browser, runtime: Runtime, owner: Person, held: Held
) -> None:
    identity = pages.authorization(
        runtime,
        pages.facility(runtime, owner),
        owner,
        status=held.status,
        reason_code=held.code,
        health=held.health,
        health_code="client_credentials_rejected" if held.health == "blocked" else None,
    )
    path = f"/admin/authorizations/{identity}"
    before = pages.words(browser.get(path).text)

    asked = pages.words(browser.get(f"{path}/retry").text)
    done = browser.post(f"{path}/retry", page=path)
    after = pages.words(browser.get(path).text)

    assert held.label in before
    assert held.what in asked
    assert (done.status_code, done.location) == (303, path)
    with runtime.sessions() as session:
        assert session.get_one(Authorization, identity).status == held.after
    is_asked = held.status != "authorized"
    assert ("Waiting for a person" in after) is is_asked
    assert ("Collecting readings" in after) is not is_asked
    assert bool(mails_to(runtime, owner.email)) is is_asked
    assert "Authorization retried" in after


def test_there_is_nothing_to_retry_where_all_is_well(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    identity: UUID = pages.authorization(runtime, pages.facility(runtime, owner), owner)
    path = f"/admin/authorizations/{identity}"

    refused = browser.get(f"{path}/retry")

    assert (refused.status_code, refused.location) == (303, path)
    assert "there is nothing to retry" in pages.words(browser.get(path).text)
    read = pages.words(browser.get(path).text)
    assert "Nothing is under way." in read
    # No entry of its beginning is kept: both its states are told all the same.
    timeline = read[read.rindex("Timeline") :]
    assert "Active" in timeline
    assert "Authorization opened" in timeline
