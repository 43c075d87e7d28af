"""Administrators' list of all authorizations and bulk actions, as pages and as JSON."""

from __future__ import annotations

import re
from html import unescape
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import bearer, said
from tests.integration.conftest import NOW
from tests.support.browser import Browser

LIST = "/admin/authorizations"
_NEXT = re.compile(r'<a class="btn" href="([^"]+)" rel="next">')


@pytest.fixture
def admin(runtime: Runtime) -> Person:
    return pages.person(runtime, "ada@example.org", is_admin=True)


@pytest.fixture
def browser(app: Flask, runtime: Runtime, admin: Person) -> Browser:
    return pages.at_browser(app, runtime, admin)


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


def _one(runtime: Runtime, owner: Person, name: str, **state: str) -> UUID:
    facility_id = pages.facility(runtime, owner, name=name)
    return pages.authorization(runtime, facility_id, owner, **state)


def _row(shown: str, name: str) -> str:
    """Return what the row of a facility says."""
    for row in re.findall(r"<tr.*?</tr>", shown, re.DOTALL):
        if f">{name}</a>" in row:
            return pages.words(row)
    raise AssertionError(f"no row of {name}")


def test_the_list_says_how_each_stands_and_what_needs_a_person_comes_first(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    _one(runtime, owner, "Mill")
    _one(runtime, owner, "Barn", status="failed", reason_code="access_denied")
    _one(runtime, owner, "Shed", health="blocked", health_code="client_credentials_rejected")
    _one(runtime, owner, "Loft", status="revoked", reason_code="ending_at_provider")

    shown = browser.get(LIST).text

    read = pages.words(shown)
    assert read.index("What needs a person") < read.index("2 Need a person")
    assert read.index("2 Need a person") < read.index("1 Failed") < read.index("2 Active")
    mill = _row(shown, "Mill")
    for expected in ("olive@example.org", "PG&E", "Green Button", "Active", "In order"):
        assert expected in mill
    assert "7 hours ago" in mill
    assert "Ending at the provider" in _row(shown, "Loft")
    assert "Revoke" not in _row(shown, "Loft")
    assert "Syncing has stopped" in _row(shown, "Shed")
    assert "Retry" in _row(shown, "Barn")
    assert "Retry" not in mill


def test_filters_sorting_and_pages_stand_in_the_address(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    for number in range(52):
        _one(runtime, owner, f"Roof {number:02d}", status="failed")
    _one(runtime, owner, "Mill")

    first = browser.get(f"{LIST}?status=failed&sort=facility&text=roof")

    assert "52 authorizations" in pages.words(first.text)
    assert 'aria-sort="ascending"' in first.text
    found = _NEXT.search(first.text)
    assert found
    address = unescape(found[1])
    for kept in ("status=failed", "sort=facility", "text=roof"):
        assert kept in address
    assert "olive" not in address
    second = browser.get(address).text
    assert re.findall(r">(Roof \d\d)</a>", second) == ["Roof 50", "Roof 51"]
    assert not _NEXT.search(second)
    part = browser.get(f"{LIST}?text=mill", **{"HX-Request": "true", "HX-Target": "authorizations"})
    assert "<html" not in part.text
    assert "1 authorization" in pages.words(part.text)
    assert part.headers["HX-Push-Url"] == f"{LIST}?text=mill"


def test_what_cannot_be_understood_in_an_address_is_left_out(browser: Browser) -> None:
    shown = browser.get(f"{LIST}?status=happy&sort=colour&created_from=soon&after=")

    assert shown.status_code == 200
    assert "No authorizations yet" in pages.words(shown.text)
    assert "No authorization fits" in pages.words(browser.get(f"{LIST}?text=nobody").text)
    assert browser.get(f"{LIST}?after=nonsense").status_code == 422


def test_a_browser_at_the_address_of_the_api_is_led_to_the_page(browser: Browser) -> None:
    led = browser.get("/authorizations?status=failed&endpoint=x&_scheme=ftp")

    assert (led.status_code, led.location) == (303, f"{LIST}?status=failed&endpoint=x&_scheme=ftp")
    assert browser.get("/authorizations").location == LIST
    assert browser.get("/admin").location == LIST
    assert "Administration" in browser.get("/facilities").text


def test_nobody_else_sees_that_there_are_such_pages(
    app: Flask, runtime: Runtime, owner: Person
) -> None:
    browser = pages.at_browser(app, runtime, owner)

    assert "Administration" not in browser.get("/facilities").text
    assert browser.get(LIST).status_code == 403


def test_the_api_gives_the_same_list(
    client: FlaskClient, runtime: Runtime, admin: Person, owner: Person
) -> None:
    identity = _one(runtime, owner, "Mill", health="delayed", health_code="provider_unavailable")
    _one(runtime, owner, "Barn", status="expired")
    headers = bearer(runtime, admin.id)

    found = said(client.get("/authorizations?sort=facility&limit=1", headers=headers))
    following = said(
        client.get(
            "/authorizations",
            query_string={"sort": "facility", "after": found["next"]},
            headers=headers,
        )
    )

    assert found["counts"]["total"] == found["counts"]["matches"] == 2
    assert found["counts"]["needs_person"] == 1
    assert found["counts"]["by_status"]["needs_reauthorization"] == 1
    assert [row["facility"]["name"] for row in found["authorizations"]] == ["Barn"]
    (mill,) = following["authorizations"]
    assert following["next"] is None
    assert mill["id"] == str(identity)
    assert mill["user"]["email"] == "olive@example.org"
    assert (mill["status"], mill["auth_status"]) == ("active", "authorized")
    assert (mill["sync_health"], mill["sync_health_code"]) == ("delayed", "provider_unavailable")
    assert mill["sync_words"].startswith("The utility is not answering")
    assert mill["actions"] == ["retry", "revoke"]


@pytest.mark.parametrize(
    "query",
    ["status=happy", "sort=colour", "after=x", "limit=0", "created_to=9999-12-31", "colour=red"],
)
def test_the_api_refuses_what_it_does_not_understand(
    client: FlaskClient, runtime: Runtime, admin: Person, query: str
) -> None:
    refused = client.get(f"/authorizations?{query}", headers=bearer(runtime, admin.id))

    assert refused.status_code == 422


def test_a_place_belongs_to_its_order(
    client: FlaskClient, runtime: Runtime, admin: Person, owner: Person
) -> None:
    for name in ("Mill", "Barn"):
        _one(runtime, owner, name)
    headers = bearer(runtime, admin.id)
    for sort in ("status", "-created", "utility", "last_sync"):
        query = {"sort": sort, "limit": "1"}
        after = said(client.get("/authorizations", query_string=query, headers=headers))["next"]

        same = client.get(
            "/authorizations", query_string={**query, "after": after}, headers=headers
        )
        other = client.get(
            "/authorizations", query_string={"sort": "method", "after": after}, headers=headers
        )

        assert len(said(same)["authorizations"]) == 1
        assert said(other)["code"] == "after_invalid"


def test_a_bulk_action_is_previewed_confirmed_with_a_reason_and_followed(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    ids = [_one(runtime, owner, name) for name in ("Mill", "Barn")]
    ended = _one(runtime, owner, "Loft", status="revoked")
    preview = f"/admin/bulk/new?kind=revoke&id={ids[0]}&id={ids[1]}&id={ended}&id=nonsense"

    read = pages.words(browser.get(preview).text)

    assert "Revoke 2 authorizations" in read
    assert "No new readings for 2 facilities" in read
    assert "Left out: This is not possible now" in read
    form = {"kind": "revoke", "id": [str(each) for each in ids]}
    refused = browser.post("/admin/bulk", form, page=preview)  # type: ignore[arg-type]
    assert refused.status_code == 422
    assert "An administrator who ends somebody&#39;s access says why" in refused.text
    assert str(ids[1]) in refused.text
    form["reason"] = "Sold"
    done = browser.post("/admin/bulk", form, page=preview)  # type: ignore[arg-type]
    assert done.status_code == 303
    shown = browser.get(done.location)
    read = pages.words(shown.text)
    for expected in ("2 of 2 settled", "Sold", "Mill", "Barn", "by Ada"):
        assert expected in read
    with runtime.sessions() as session:
        assert {session.get_one(Authorization, each).status for each in ids} == {"revoked"}
    part = browser.get(done.location, **{"HX-Request": "true", "HX-Target": "bulk-progress"})
    assert "<html" not in part.text
    assert browser.post(f"{done.location}/continue", page=preview).location == done.location


def test_all_that_match_can_be_taken_and_choosing_nothing_leads_back(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    for name in ("Mill", "Barn"):
        _one(runtime, owner, name, status="failed")
    _one(runtime, owner, "Loft")

    every = browser.get("/admin/bulk/new?kind=retry&every=yes&status=failed")
    nothing = browser.get("/admin/bulk/new?kind=retry&status=failed")
    unknown = browser.get("/admin/bulk/new?kind=paint&every=yes")

    assert "Retry 2 authorizations" in pages.words(every.text)
    assert (nothing.status_code, nothing.location) == (303, f"{LIST}?status=failed")
    assert "Please tick some in the list first" in browser.get(nothing.location).text
    assert unknown.status_code == 303


def test_programs_preview_start_and_follow_bulk_actions(
    client: FlaskClient, runtime: Runtime, admin: Person, owner: Person
) -> None:
    identity, headers = _one(runtime, owner, "Mill", status="failed"), bearer(runtime, admin.id)
    body = {"kind": "retry", "authorization_ids": [str(identity)]}

    preview = said(client.post("/authorizations/bulk/preview", json=body, headers=headers))
    started = client.post("/authorizations/bulk", json=body, headers=headers)
    followed = said(client.get(started.headers["Location"], headers=headers))

    assert preview["doable"] == 1
    assert preview["items"][0]["effect"] == "asking"
    assert started.status_code == 202
    assert followed["finished_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert followed["items"][0]["stage"] == "waiting_for_customer"
    refused = client.post("/authorizations/bulk", json={**body, "kind": "revoke"}, headers=headers)
    assert said(refused)["code"] == "reason_needed"
    gone = client.get(f"/authorizations/bulk/{new_id()}", headers=headers)
    assert gone.status_code == 404
