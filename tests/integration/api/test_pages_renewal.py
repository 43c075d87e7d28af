"""The page of a facility offers renewing before a permission ends, to those who may."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages


@pytest.fixture
def operator(runtime: Runtime) -> Person:
    return pages.person(runtime, "oscar@example.org")


@pytest.fixture
def facility_id(runtime: Runtime, operator: Person) -> UUID:
    owner = pages.person(runtime, "olive@example.org")
    made = pages.facility(runtime, owner, role="owner")
    pages.give_role(runtime, made, operator, "operator")
    return made


def ending_in(runtime: Runtime, facility_id: UUID, operator: Person, *, days: int) -> UUID:
    identity = pages.authorization(runtime, facility_id, operator)
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, identity)
        row.consent_ends_at = runtime.now() + timedelta(days=days)
    return identity


def shown_to(app: Flask, runtime: Runtime, who: Person, facility_id: UUID) -> str:
    return pages.at_browser(app, runtime, who).get(f"/facilities/{facility_id}").text


def test_the_operator_is_offered_to_renew_and_comes_to_the_choice(
    app: Flask, runtime: Runtime, operator: Person, facility_id: UUID
) -> None:
    ending_in(runtime, facility_id, operator, days=20)

    page = shown_to(app, runtime, operator, facility_id)
    choice = pages.at_browser(app, runtime, operator).get(f"/facilities/{facility_id}/utility")

    assert "Your permission for PG&E ends on" in pages.words(page)
    assert f'href="/facilities/{facility_id}/utility"' in page
    assert choice.status_code == 200
    assert "Authorize again" in pages.words(choice.text)


def test_a_plain_owner_sees_when_it_ends_and_no_button(
    app: Flask, runtime: Runtime, operator: Person, facility_id: UUID
) -> None:
    ending_in(runtime, facility_id, operator, days=20)
    owner = pages.person(runtime, "olive@example.org")

    page = shown_to(app, runtime, owner, facility_id)

    assert "Your permission for PG&E ends on" in pages.words(page)
    assert f"/facilities/{facility_id}/utility" not in page


def test_a_permission_with_time_left_is_no_news(
    app: Flask, runtime: Runtime, operator: Person, facility_id: UUID
) -> None:
    ending_in(runtime, facility_id, operator, days=60)

    page = shown_to(app, runtime, operator, facility_id)
    choice = pages.at_browser(app, runtime, operator).get(f"/facilities/{facility_id}/utility")

    assert "Your permission for" not in pages.words(page)
    assert choice.status_code == 303


def test_a_rotation_that_keeps_failing_is_shown(
    app: Flask, runtime: Runtime, operator: Person, facility_id: UUID
) -> None:
    identity = pages.authorization(runtime, facility_id, operator)
    with runtime.sessions.begin() as session:
        session.add(
            WorkOrder(
                id=new_id(),
                kind="rotate",
                authorization_id=identity,
                reason="a test",
                progress={"told_at": runtime.now().isoformat()},
            )
        )

    page = pages.words(shown_to(app, runtime, operator, facility_id))

    assert "The access to PG&E could not be renewed by itself" in page
