"""Add New Facility: the steps, each saved; what is refused; what is continued."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.db.registrations import Invitation, Registration
from dcarbon.services import registrations
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.support.browser import Browser

NEW = "/facilities/new"


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


def _begin(browser: Browser, role: str | None = None) -> str:
    """Begin a registration, answer the role, and return its path."""
    path: str = browser.post(NEW, page=NEW).location
    if role is not None:
        answered = browser.post(f"{path}/role", {"role": role}, page=path)
        assert (answered.status_code, answered.location) == (303, path)
    return path


def _send(browser: Browser, path: str, **fields: str) -> TestResponse:
    return browser.post(path, {**pages.DETAILS, **fields}, page=path)


def _answers(runtime: Runtime, path: str) -> Mapping[str, str]:
    with runtime.sessions() as session:
        return session.get_one(Registration, UUID(path.rpartition("/")[2])).answers


def _count(runtime: Runtime, table: type[Facility | Registration | Invitation]) -> int:
    with runtime.sessions() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_before_the_start_it_is_said_what_will_be_asked(browser: Browser, runtime: Runtime) -> None:
    read = pages.words(browser.get(NEW).text)

    assert "What we ask" in read
    assert _count(runtime, Registration) == 0


def test_commercial_people_choose_their_role_first(browser: Browser) -> None:
    path = _begin(browser)

    read = pages.words(browser.get(path).text)

    assert "Who are you at this facility?" in read
    assert "Owner + Operator" in read
    refused = browser.post(f"{path}/role", page=path)
    assert refused.status_code == 422
    assert "Please choose your role." in refused.text


def test_a_role_nobody_offers_is_refused(browser: Browser) -> None:
    path = _begin(browser)

    assert browser.post(f"{path}/role", {"role": "king"}, page=path).status_code == 422


def test_residential_people_go_straight_to_the_details(app: Flask, runtime: Runtime) -> None:
    resident = pages.person(runtime, "rita@example.org", kind="residential")
    home = pages.at_browser(app, runtime, resident)

    read = pages.words(home.get(_begin(home)).text)

    assert "Finance & Installer Information" in read
    assert "Who are you" not in read
    assert "Continue to Green Button" in read


def test_the_details_stand_with_the_utility_section(browser: Browser) -> None:
    read = pages.words(browser.get(_begin(browser, "owner_operator")).text)

    for label in (
        "Facility name", "Street and number", "Finance type", "Finance company", "Installer",
        "System size in kW", "Commercial operation date", "Not on the list?",
        "You'll be redirected to your utility's secure Green Button portal",
    ):  # fmt: skip
        assert label in read


def test_a_complete_form_leads_to_the_utility(browser: Browser, runtime: Runtime) -> None:
    path = _begin(browser, "owner_operator")

    leaving = _send(browser, path, go="green_button", provider="pge")

    assert leaving.status_code == 200
    assert "Continue to PG&amp;E" in leaving.text
    with runtime.sessions() as session:
        facility = session.scalars(select(Facility)).one()
    assert (facility.name, facility.auth_method, facility.auth_status) == (
        "Mill",
        "green_button",
        "pending",
    )
    assert "not finished yet" in pages.words(browser.get(path).text)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"name": " "}, "Please give the facility a name."),
        ({"state": "QQ"}, "Please give the state by its two letters, as CA."),
        ({"postal_code": "9"}, "Please give a ZIP code"),
        ({"system_size_kw": "many"}, "Please give the size in kilowatts as a number"),
        ({"commercial_operation_date": "soon"}, "Please give the date"),
        ({"finance_type": "gold"}, "Please choose one of"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_answer_is_said_at_its_field_and_saved_all_the_same(
    browser: Browser, runtime: Runtime, fields: dict[str, str], says: str
) -> None:
    path = _begin(browser, "owner_operator")

    refused = _send(browser, path, go="green_button", provider="pge", **fields)

    assert refused.status_code == 422
    assert says in pages.words(refused.text)
    (name,) = fields
    assert f'id="{name}-errors"' in refused.text
    assert _answers(runtime, path)[name] == fields[name]
    assert _count(runtime, Facility) == 0


def test_what_was_typed_is_there_when_one_comes_back(browser: Browser) -> None:
    path = _begin(browser, "owner_operator")

    later = _send(browser, path, go="save", street="", utility="LADWP")

    assert (later.status_code, later.location) == (303, "/facilities")
    shown = browser.get(path).text
    assert 'value="Mill"' in shown
    assert 'value="LADWP" checked' in shown


def test_a_search_lists_again_and_scolds_nobody(browser: Browser) -> None:
    path = _begin(browser, "owner_operator")

    found = _send(browser, path, go="search", search="edison", name="")

    assert found.status_code == 200
    assert 'value="ConEd"' in found.text
    assert 'value="LADWP"' not in found.text
    assert "field-error" not in found.text


def test_a_utility_that_is_not_set_up_is_said_on_the_form(browser: Browser) -> None:
    path = _begin(browser, "owner_operator")

    refused = _send(browser, path, go="green_button", provider="sce")

    assert refused.status_code == 502
    assert 'value="Mill"' in refused.text


def test_an_unfinished_registration_is_offered_first(browser: Browser, runtime: Runtime) -> None:
    first = _begin(browser, "owner_operator")
    _send(browser, first, go="save")

    again = browser.post(NEW, page=NEW)
    offered = browser.get(again.location)

    assert (again.status_code, again.location) == (303, NEW)
    read = pages.words(offered.text)
    assert "Continue existing registration" in read
    assert "Start a new facility" in read
    assert f'href="{first}"' in offered.text
    assert "Mill" in read
    assert _count(runtime, Registration) == 1


def test_several_unfinished_ones_are_kept_and_listed(browser: Browser) -> None:
    _begin(browser, "owner_operator")
    second = browser.post(f"{NEW}/another", page=NEW)

    offered = browser.get(NEW).text

    assert second.status_code == 303
    assert offered.count("Continue<span") == 2
    assert "2 unfinished registrations" in pages.words(browser.get("/facilities").text)


def test_a_registration_can_be_taken_off_the_list(browser: Browser) -> None:
    path = _begin(browser)

    removed = browser.post(f"{path}/put-away", page=NEW)

    assert (removed.status_code, removed.location) == (303, NEW)
    assert "What we ask" in browser.get(NEW).text
    assert browser.get(path).location == NEW


def test_an_owner_invites_the_operator_and_watches(browser: Browser, runtime: Runtime) -> None:
    path = _begin(browser, "owner")

    sent = _send(browser, path, go="invite", operator_email="oscar@example.org")

    shown = pages.words(browser.get(sent.location).text)
    assert sent.status_code == 303
    assert urlsplit(sent.location).path.startswith("/facilities/")
    assert "Utility Authorization Pending" in shown
    assert "oscar@example.org" in shown
    assert browser.get(path).location == sent.location
    assert _count(runtime, Invitation) == 1


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("", "Please give the operator's e-mail address."),
        ("oscar", "Please give a complete e-mail address."),
        ("olive@example.org", "This person has a role at this facility already."),
    ],
)
def test_an_address_that_will_not_do_is_said_at_its_field(
    browser: Browser, runtime: Runtime, email: str, says: str
) -> None:
    path = _begin(browser, "owner")

    refused = _send(browser, path, go="invite", operator_email=email)

    assert refused.status_code == 422
    assert says in pages.words(refused.text)
    assert _count(runtime, Invitation) == 0
    assert _answers(runtime, path)["operator_email"] == email


def test_the_role_can_be_changed_before_it_is_over(browser: Browser) -> None:
    path = _begin(browser, "owner")

    browser.post(f"{path}/role", {"role": "owner_operator"}, page=f"{path}/role")

    assert "Continue to Green Button" in browser.get(path).text


def test_somebody_elses_registration_is_404(
    app: Flask, browser: Browser, runtime: Runtime, owner: Person
) -> None:
    begun = registrations.start_new(runtime, Actor(owner.id))
    stranger = pages.at_browser(app, runtime, pages.person(runtime, "sam@example.org"))
    path = f"{NEW}/{begun.id}"

    assert stranger.get(path).status_code == 404
    assert stranger.get(f"{path}/role").status_code == 404
    assert stranger.post(path, pages.DETAILS, page=NEW).status_code == 404
    assert stranger.post(f"{path}/role", {"role": "owner"}, page=NEW).status_code == 404
    assert stranger.post(f"{path}/put-away", page=NEW).status_code == 404
