"""Requests for deletion on pages and by the API, from the account to the receipt."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dcarbon.db.people import Person
from dcarbon.services import deletion_work
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import Resident, bearer, said
from tests.support.browser import Browser, mails_to

OWN, ADMIN = "/account/deletion", "/admin/deletions"


@pytest.fixture
def ada(runtime: Runtime) -> Person:
    return pages.person(runtime, "ada@example.org", is_admin=True)


@pytest.fixture
def admin(app: Flask, runtime: Runtime, ada: Person) -> Browser:
    return pages.at_browser(app, runtime, ada)


@pytest.fixture
def olive(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def browser(app: Flask, runtime: Runtime, olive: Person) -> Browser:
    pages.facility(runtime, olive, name="Mill")
    return pages.at_browser(app, runtime, olive)


def test_a_request_goes_from_the_account_to_the_receipt(
    browser: Browser, admin: Browser, runtime: Runtime, app: Flask
) -> None:
    assert OWN in browser.get("/account").text
    unread = browser.post(OWN, page=OWN)
    assert (unread.status_code, "Please tick" in unread.text) == (422, True)
    asked = browser.post(OWN, {"understood": "y"}, page=OWN)
    assert (asked.status_code, asked.location) == (303, OWN)
    shown = pages.words(browser.get(OWN).text)
    assert "Nothing is deleted yet" in shown
    assert "Mill : the facility" in shown

    assert "olive@example.org" in admin.get(ADMIN).text
    path = mails_to(runtime, "ada@example.org")[0].text_body.split(ADMIN)[1].split()[0]
    place = f"{ADMIN}{path}"
    assert "Mill : the facility" in pages.words(admin.get(place).text)
    assert admin.post(f"{place}/decline", {"reason": " "}, page=place).status_code == 422
    assert admin.post(f"{place}/approve", page=place).status_code == 303
    deletion_work.carry_out(runtime, UUID(path.strip("/")))

    assert browser.get("/account").status_code == 303
    (mail,) = mails_to(runtime, "olive@example.org")
    link = "/deletion-receipts/" + mail.text_body.split("/deletion-receipts/")[1].split()[0]
    anybody = Browser(app)
    assert "What was deleted" in pages.words(anybody.get(link).text)
    assert anybody.get(f"{link}/receipt.pdf").data.startswith(b"%PDF-")
    receipt = anybody.get(f"{link}/receipt.json")
    assert receipt.data == admin.get(f"{place}/receipt.json").data
    assert receipt.headers["Cache-Control"] == "no-store"
    assert "a person who is forgotten" in admin.get(place).text
    assert "No open requests" in admin.get(ADMIN).text
    assert "Person " in admin.get(f"{ADMIN}?show=all").text


def test_programs_ask_take_back_and_decide(
    client: FlaskClient, runtime: Runtime, ann: Resident, ada: Person
) -> None:
    before = said(client.get(OWN, headers=ann.headers))
    asked = said(client.put(OWN, headers=ann.headers))
    again = said(client.put(OWN, headers=ann.headers))
    taken_back = client.delete(OWN, headers=ann.headers)
    second = said(client.put(OWN, headers=ann.headers))
    by_admin = bearer(runtime, ada.id)
    listed = said(client.get(ADMIN, query_string={"state": "asked"}, headers=by_admin))
    place = f"{ADMIN}/{second['id']}/decline"
    declined = said(client.post(place, json={"reason": "No."}, headers=by_admin))

    assert before["request"] is None
    assert [one["name"] for one in before["plan"]["going"]] == ["Home"]
    assert (asked["state"], again["id"]) == ("asked", asked["id"])
    assert taken_back.status_code == 204
    assert [one["id"] for one in listed["requests"]] == [second["id"]]
    assert (declined["state"], declined["reason"]) == ("declined", "No.")
    assert said(client.get(f"{ADMIN}/{asked['id']}", headers=by_admin))["plan"] is None
