"""The dashboard and the page of one facility, for each state and each person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.services import invitations, work
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import install_meter
from tests.integration.conftest import NOW
from tests.support.browser import Browser


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def operator(runtime: Runtime) -> Person:
    return pages.person(runtime, "oscar@example.org")


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


def test_somebody_new_is_told_what_to_do_first(browser: Browser) -> None:
    shown = browser.get("/facilities")

    assert shown.status_code == 200
    assert "Start with your first facility" in pages.words(shown.text)
    assert "Add New Facility" in shown.text


def test_a_program_still_gets_json_at_the_same_address(browser: Browser) -> None:
    answer = browser.client.get("/facilities", headers={"Accept": "application/json"})

    assert answer.mimetype == "application/json"


def test_nobody_is_sent_to_sign_in_and_comes_back(app: Flask) -> None:
    answer = Browser(app).get("/facilities")

    assert answer.status_code == 303
    assert answer.location == "/sign-in?next=/facilities"


def test_a_card_says_how_a_facility_stands(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner)
    pages.authorization(runtime, facility_id, owner)
    meter = install_meter(runtime, facility_id, first=NOW - timedelta(days=20), values=[1, 2])
    pages.count_day(runtime, meter, NOW.date() - timedelta(days=10), "complete")
    pages.count_day(runtime, meter, NOW.date() - timedelta(days=9), "partial")

    shown = browser.get("/facilities").text

    read = pages.words(shown)
    for expected in ("Mill", "1 Factory Way, Fresno, CA 93721", "PG&E", "Green Button", "Active"):
        assert expected in read
    assert "Mar 19, 2026, 10:00 PM PDT (7 hours ago)" in read
    assert "1 of 27 days complete, 1 with gaps, 25 not asked for yet." in read
    assert shown.count('class="tracking-block day day-not-due"') >= 3
    assert 'aria-label="Readings of Mill, last 30 days: 1 of 27 days complete' in shown


@pytest.mark.parametrize(
    ("status", "code", "says", "offers"),
    [
        ("failed", "access_denied", "Failed", "Try again"),
        ("expired", "reauthorization_required", "Needs reauthorization", "Authorize again"),
        ("pending", None, "not finished yet", "Continue"),
    ],
)
def test_what_waits_for_somebody_stands_first(
    *,
    browser: Browser,
    runtime: Runtime,
    owner: Person,
    status: str,
    code: str | None,
    says: str,
    offers: str,
) -> None:
    facility_id = pages.facility(runtime, owner)
    pages.authorization(runtime, facility_id, owner, status=status, reason_code=code)

    shown = browser.get("/facilities").text

    read = pages.words(shown)
    assert "Waiting for you" in read
    assert says in read
    assert offers in read
    assert f'href="/facilities/{facility_id}/utility"' in shown


def test_an_operator_sees_what_is_assigned_and_is_not_offered_to_invite(
    app: Flask, runtime: Runtime, owner: Person, operator: Person
) -> None:
    facility_id = pages.facility(runtime, owner, role="owner")
    pages.give_role(runtime, facility_id, operator, "operator")
    pages.facility(runtime, owner, name="Elsewhere")

    read = pages.words(pages.at_browser(app, runtime, operator).get("/facilities").text)

    assert "Mill" in read
    assert "Elsewhere" not in read
    assert "Choose your utility" in read
    assert "Invite the operator" not in read


def test_an_owner_sees_the_pending_banner_with_both_ways_on(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner, role="owner")
    invitations.invite(runtime, facility_id, email="oscar@example.org", actor=Actor(owner.id))

    for path in ("/facilities", f"/facilities/{facility_id}"):
        read = pages.words(browser.get(path).text)
        assert "Utility Authorization Pending" in read
        assert "oscar@example.org" in read
        assert "Resend Invite" in read
        assert "Change Email" in read


def test_an_owner_reads_that_the_access_was_ended_and_not_that_it_is_awaited(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner, role="owner")
    pages.authorization(runtime, facility_id, owner, status="revoked")

    for path in ("/facilities", f"/facilities/{facility_id}"):
        read = pages.words(browser.get(path).text)
        assert "The access was ended" in read
        assert "perator can connect" in read
        assert "Pending" not in read
        assert "You can connect" not in read


def test_the_banner_goes_by_itself_once_it_is_authorized(
    browser: Browser, runtime: Runtime, owner: Person, operator: Person
) -> None:
    facility_id = pages.facility(runtime, owner, role="owner")
    pages.give_role(runtime, facility_id, operator, "operator")
    pages.authorization(runtime, facility_id, operator)

    for path in ("/facilities", f"/facilities/{facility_id}"):
        read = pages.words(browser.get(path).text)
        assert "Active" in read
        assert "Pending" not in read


def test_search_and_pages_keep_to_each_other(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    for number in range(14):
        pages.facility(runtime, owner, name=f"Barn {number}")
    pages.facility(runtime, owner, name="Mill")

    first = browser.get("/facilities?search=barn").text
    second = browser.get(first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]).text

    assert first.count("<article") == 12
    assert second.count("<article") == 2
    assert "Mill" not in first + second
    assert "First page" in second


def test_htmx_gets_the_list_alone(browser: Browser, runtime: Runtime, owner: Person) -> None:
    pages.facility(runtime, owner)

    part = browser.get("/facilities?search=mi", **{"HX-Request": "true", "HX-Target": "facilities"})

    assert part.text.lstrip().startswith('<div id="facilities"')
    assert "<html" not in part.text
    assert "HX-Target" in part.headers["Vary"]


def test_a_search_without_result_says_what_to_do(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    pages.facility(runtime, owner)

    read = pages.words(browser.get("/facilities?search=zebra").text)

    assert "No facility matches “zebra”" in read
    assert "Show all" in read


def test_names_are_text_and_never_markup(browser: Browser, runtime: Runtime, owner: Person) -> None:
    facility_id = pages.facility(runtime, owner, name="<b>Mill</b> & Co")

    for path in ("/facilities", f"/facilities/{facility_id}", f"/facilities/{facility_id}/utility"):
        shown = browser.get(path).text
        assert "<b>Mill" not in shown
        assert "&lt;b&gt;Mill" in shown


def test_the_page_of_a_facility_shows_its_meters(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner)
    pages.authorization(runtime, facility_id, owner)
    first = datetime(2026, 3, 1, 8, tzinfo=UTC)
    meter = install_meter(runtime, facility_id, first=first, values=[1] * 96)
    pages.count_day(runtime, meter, NOW.date() - timedelta(days=8), "complete")

    read = pages.words(browser.get(f"/facilities/{facility_id}").text)

    for expected in ("8675309", "1001", "From the grid, Wh", "every 15 minutes", "Electricity"):
        assert expected in read
    assert "Readings, day by day" in read


@pytest.mark.parametrize(
    ("health", "code", "says"),
    [
        ("delayed", "provider_unavailable", "Temporarily unable to sync data"),
        ("blocked", "client_credentials_rejected", "utility"),
    ],
)
def test_a_sync_that_does_not_work_is_told_and_the_status_stays_active(
    *, browser: Browser, runtime: Runtime, owner: Person, health: str, code: str, says: str
) -> None:
    facility_id = pages.facility(runtime, owner)
    pages.authorization(runtime, facility_id, owner, health=health, health_code=code)

    read = pages.words(browser.get(f"/facilities/{facility_id}").text)

    assert "Active" in read
    assert says in read
    if health == "delayed":
        assert "since Mar 19, 2026, 10:00 AM PDT" in read


def test_downtime_says_when_the_next_try_is(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner)
    authorization_id = pages.authorization(
        runtime, facility_id, owner, health="delayed", health_code="provider_unavailable"
    )
    again = runtime.now() + timedelta(minutes=40)
    with runtime.sessions.begin() as session:
        work.open_collection(session, authorization_id, reason="sync failed", now=again)

    read = pages.words(browser.get(f"/facilities/{facility_id}").text)
    answer = browser.client.get(
        f"/facilities/{facility_id}", headers={"Accept": "application/json"}
    )

    assert "Next try: Mar 20, 2026, 5:40 AM PDT" in read
    assert datetime.fromisoformat(answer.get_json()["next_try_at"]) == again


def test_a_failure_says_what_happened_what_to_do_and_offers_another_try(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner)
    pages.authorization(runtime, facility_id, owner, status="failed", reason_code="access_denied")

    read = pages.words(browser.get(f"/facilities/{facility_id}").text)

    assert "The authorization was declined or cancelled at the utility" in read
    assert "you can start it again" in read
    assert "Try again" in read


def test_a_plain_owner_watches_and_cannot_try_again(
    browser: Browser, runtime: Runtime, owner: Person, operator: Person
) -> None:
    facility_id = pages.facility(runtime, owner, role="owner")
    pages.give_role(runtime, facility_id, operator, "operator")
    pages.authorization(runtime, facility_id, operator, status="failed", reason_code="code_missing")

    assert "Try again" not in pages.words(browser.get(f"/facilities/{facility_id}").text)
    assert browser.get(f"/facilities/{facility_id}/utility").status_code == 403


@pytest.mark.parametrize(
    "page",
    ["", "/utility", "/connected", "/progress", "/settings", "/change-utility", "/end-access",
     "/operator"],
)  # fmt: skip
def test_every_page_of_somebody_elses_facility_is_404(
    app: Flask, runtime: Runtime, owner: Person, operator: Person, page: str
) -> None:
    facility_id = pages.facility(runtime, owner)
    stranger = pages.at_browser(app, runtime, operator)

    others = stranger.get(f"/facilities/{facility_id}{page}")
    unknown = stranger.get(f"/facilities/{new_id()}{page}")

    assert (others.status_code, unknown.status_code) == (404, 404)


def test_an_admin_sees_all_and_is_given_no_chores(
    app: Flask, runtime: Runtime, owner: Person
) -> None:
    pages.facility(runtime, owner)
    admin = pages.person(runtime, "ada@example.org", is_admin=True)

    read = pages.words(pages.at_browser(app, runtime, admin).get("/facilities").text)

    assert "Mill" in read
    assert "Waiting for you" not in read
