"""Settings of a facility: details, another utility, the end of the access."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.facilities import Facility
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import install_meter
from tests.integration.conftest import NOW
from tests.support.browser import Browser


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def mill(runtime: Runtime, owner: Person) -> UUID:
    facility_id = pages.facility(runtime, owner)
    pages.authorization(runtime, facility_id, owner)
    install_meter(runtime, facility_id, first=NOW - timedelta(days=9), values=[1] * 96)
    return facility_id


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


def _facility(runtime: Runtime, facility_id: UUID) -> Facility:
    with runtime.sessions() as session:
        return session.get_one(Facility, facility_id)


def _events(runtime: Runtime) -> list[str]:
    with runtime.sessions() as session:
        return list(session.scalars(select(AuditEntry.event)))


def test_only_what_changed_is_saved(browser: Browser, runtime: Runtime, mill: UUID) -> None:
    path = f"/facilities/{mill}/settings"

    saved = browser.post(path, {**pages.DETAILS, "name": "New Mill"}, page=path)

    assert (saved.status_code, saved.location) == (303, path)
    found = _facility(runtime, mill)
    assert (found.name, found.installer, found.time_zone) == (
        "New Mill",
        "Bright Roofs",
        "America/Los_Angeles",
    )


def test_a_wrong_detail_is_said_at_its_field_and_nothing_is_saved(
    browser: Browser, runtime: Runtime, mill: UUID
) -> None:
    path = f"/facilities/{mill}/settings"

    refused = browser.post(path, {**pages.DETAILS, "name": "New", "state": "QQ"}, page=path)

    assert refused.status_code == 422
    assert 'id="state-errors"' in refused.text
    assert _facility(runtime, mill).name == "Mill"


def test_a_zone_that_is_not_on_the_list_stays_chosen(
    browser: Browser, runtime: Runtime, mill: UUID
) -> None:
    with runtime.sessions.begin() as session:
        session.get_one(Facility, mill).time_zone = "America/Detroit"

    shown = browser.get(f"/facilities/{mill}/settings").text

    assert '<option selected value="America/Detroit">America/Detroit</option>' in shown


def test_changing_the_utility_says_what_ends_and_what_stays(browser: Browser, mill: UUID) -> None:
    settings = browser.get(f"/facilities/{mill}/settings").text

    read = pages.words(browser.get(f"/facilities/{mill}/change-utility").text)

    assert "Change utility provider" in settings
    assert "The existing authorization will be revoked" in read
    assert "PG&E" in read
    assert "All data: 1 meter with readings from Mar 11, 2026" in read


def test_asking_changes_nothing(browser: Browser, runtime: Runtime, mill: UUID) -> None:
    browser.get(f"/facilities/{mill}/change-utility")
    browser.get(f"/facilities/{mill}/end-access")

    assert _facility(runtime, mill).auth_status == "authorized"


def test_a_confirmed_change_revokes_and_goes_on_to_the_choice(
    browser: Browser, runtime: Runtime, mill: UUID
) -> None:
    path = f"/facilities/{mill}/change-utility"

    changed = browser.post(path, page=path)

    assert (changed.status_code, changed.location) == (303, f"/facilities/{mill}/utility")
    assert "Now choose the new utility" in browser.get(changed.location).text
    assert "authorization_method_changed" in _events(runtime)
    read = pages.words(browser.get(f"/facilities/{mill}").text)
    assert "No utility is connected at the moment" in read
    assert "The access to PG&E was ended" in read
    assert "1001" in read


def test_a_second_confirmation_of_the_same_change_is_harmless(
    browser: Browser, runtime: Runtime, mill: UUID
) -> None:
    path = f"/facilities/{mill}/change-utility"
    token = browser.token(path)
    browser.post_raw(path, {"csrf_token": token})

    again = browser.post_raw(path, {"csrf_token": token})

    assert again.status_code == 303
    assert _events(runtime).count("authorization_method_changed") == 1


def test_outstanding_readings_can_be_fetched_first(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner, name="Late")
    authorization = pages.authorization(runtime, facility_id, owner)
    with runtime.sessions.begin() as session:
        session.add(
            WorkOrder(kind="collect", authorization_id=authorization, reason="daily", progress={})
        )
    path = f"/facilities/{facility_id}/change-utility"

    assert "The newest readings are not here yet" in pages.words(browser.get(path).text)
    asked = browser.post(f"/facilities/{facility_id}/collect-first", page=path)
    assert (asked.status_code, asked.location) == (303, f"/facilities/{facility_id}")


def test_ending_the_access_is_confirmed_first_and_keeps_the_data(
    browser: Browser, runtime: Runtime, mill: UUID
) -> None:
    path = f"/facilities/{mill}/end-access"
    asked = pages.words(browser.get(path).text)

    ended = browser.post(path, page=path)

    assert "We stop collecting at once." in asked
    assert (ended.status_code, ended.location) == (303, f"/facilities/{mill}")
    read = pages.words(browser.get(ended.location).text)
    assert "The access was ended" in read
    assert "Revoked" in read
    assert "1001" in read
    assert _facility(runtime, mill).auth_status == "revoked"
    assert browser.get(path).status_code == 303


def test_the_newest_readings_are_landed_first_if_somebody_ticks_so(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner, name="Barn")
    pages.authorization(
        runtime, facility_id, owner, method="utilityapi", provider="utilityapi", utility="LADWP"
    )
    path = f"/facilities/{facility_id}/end-access"
    asked = pages.words(browser.get(path).text)

    browser.post(path, {"land_first": "y"}, page=path)

    assert "Fetch the newest readings once more before the utility is told" in asked
    with runtime.sessions() as session:
        order = session.scalars(select(WorkOrder).where(WorkOrder.kind == "revoke")).one()
    assert order.final


def test_an_administrator_gives_a_reason(app: Flask, runtime: Runtime, mill: UUID) -> None:
    boss = pages.person(runtime, "boss@example.org", is_admin=True)
    theirs, path = pages.at_browser(app, runtime, boss), f"/facilities/{mill}/end-access"

    asked = pages.words(theirs.get(path).text)
    without = theirs.post(path, {"reason": " "}, page=path)
    told = pages.words(theirs.get(without.location).text)
    assert _facility(runtime, mill).auth_status == "authorized"
    theirs.post(path, {"reason": "Sold."}, page=path)

    assert "The people of the facility read it." in asked
    assert "says why" in told
    assert _facility(runtime, mill).auth_status == "revoked"


def test_a_plain_owner_ends_the_access_but_changes_no_utility(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility_id = pages.facility(runtime, owner, role="owner")
    pages.authorization(runtime, facility_id, owner)

    shown = pages.words(browser.get(f"/facilities/{facility_id}/settings").text)
    asked = pages.words(browser.get(f"/facilities/{facility_id}/end-access").text)

    assert "End access" in shown
    assert "Change utility provider" not in shown
    assert "The operator can connect a utility again" in asked
    assert browser.get(f"/facilities/{facility_id}/change-utility").status_code == 403


def test_an_operator_edits_no_details(app: Flask, runtime: Runtime, mill: UUID) -> None:
    oscar = pages.person(runtime, "oscar@example.org")
    pages.give_role(runtime, mill, oscar, "operator")
    theirs = pages.at_browser(app, runtime, oscar)
    path = f"/facilities/{mill}/settings"

    assert "Facility name" not in theirs.get(path).text
    assert theirs.post(path, pages.DETAILS, page=path).status_code == 403
    assert _facility(runtime, mill).name == "Mill"
