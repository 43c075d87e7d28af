"""Stories 3.1, 3.2 and 3.4: an administrator finds what needs a person, retries some and ends some,
sees the provider confirm it, and looks how the system is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services import facilities, revocation
from dcarbon.services import people as people_service
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime
from tests.journeys import steps
from tests.journeys.conftest import People, Site

pytestmark = pytest.mark.browser

_STATES = {
    "Prairie Mill": ("failed", "ok"),
    "Prairie Barn": ("expired", "ok"),
    "Prairie Roof": ("authorized", "blocked"),
    "Prairie School": ("authorized", "delayed"),
    "Prairie Store": ("authorized", "ok"),
}


def test_what_needs_a_person_is_found_retried_and_ended(
    people: People, site: Site, seen: Callable[[Page, str], None]
) -> None:
    runtime = site.runtime
    ids = _authorizations(runtime)
    people_service.make_admin(
        runtime.sessions, email="admin.31@example.test", actor=SYSTEM, now=runtime.now()
    )
    page = people.signed_in("admin.31@example.test")

    steps.press(page.get_by_role("link", name="Administration"))
    page.get_by_label("Find", exact=True).fill("prairie")
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(len(_STATES) + 1)
    expect(page.get_by_role("link", name="3 Need a person")).to_be_visible()
    seen(page, "3-1-authorizations")
    page.get_by_role("link", name="1 Failed").click()
    expect(page.get_by_role("table").get_by_role("row")).to_have_count(2)
    assert "text=prairie" in page.url
    assert "status=failed" in page.url

    page.get_by_label("Choose all on this page").check()
    expect(page.get_by_text("1 chosen")).to_be_visible()
    steps.press(page.get_by_role("button", name="Retry chosen"))
    steps.press(page.get_by_role("button", name="Retry 1 authorization"))
    expect(page.get_by_role("heading", name="1 of 1 settled")).to_be_visible()
    expect(page.get_by_text("Asked; waiting for the customer").first).to_be_visible()

    page.goto(f"{site.url}/admin/authorizations?text=prairie&sort=facility")
    for name in ("Prairie Store", "Prairie Barn"):
        page.get_by_label(f"Choose {name}").check()
    steps.press(page.get_by_role("button", name="Revoke chosen"))
    expect(page.get_by_text("No new readings for 2 facilities")).to_be_visible()
    steps.press(page.get_by_role("button", name="Revoke 2 authorizations"))
    expect(page.get_by_text("ends somebody's access says why")).to_be_visible()
    page.get_by_label("Reason").fill("The sites were sold.")
    seen(page, "3-4-revoke-several")
    steps.press(page.get_by_role("button", name="Revoke 2 authorizations"))
    expect(page.get_by_role("heading", name="1 of 2 settled")).to_be_visible()
    seen(page, "3-4-revoking-several")

    _end_at_provider(runtime, ids["Prairie Store"])
    expect(page.get_by_role("heading", name="2 of 2 settled")).to_be_visible()
    expect(page.get_by_text("Confirmed by the provider").first).to_be_visible()

    steps.press(page.get_by_role("link", name="System"))
    expect(page.get_by_text("The database answers")).to_be_visible()
    expect(page.get_by_text("What to do:").first).to_be_visible()
    seen(page, "6-system")


def _authorizations(runtime: Runtime) -> dict[str, UUID]:
    """Put authorizations of one owner into the database as flows and syncs would leave them."""
    now = runtime.now()
    owner = people_service.ensure(
        runtime.sessions,
        email="prairie.owner@example.test",
        account_kind="commercial",
        name="Paula Prairie",
        actor=SYSTEM,
        now=now,
    )
    found: dict[str, UUID] = {}
    for name, (status, health) in _STATES.items():
        place = facilities.create(
            runtime.sessions,
            FacilityDetails(name=name),
            account_kind="commercial",
            role="owner_operator",
            actor=Actor(owner.id),
            now=now,
        )
        identity = found[name] = new_id()
        with runtime.sessions.begin() as session:
            session.add(
                Authorization(
                    id=identity,
                    facility_id=place.id,
                    requested_by=owner.id,
                    method="utilityapi" if name == "Prairie Store" else "green_button",
                    provider="utilityapi" if name == "Prairie Store" else "pge",
                    utility="DEMO" if name == "Prairie Store" else "PG&E",
                    status=status,
                    external_id="31003100" if name == "Prairie Store" else None,
                    shard=shard_of(identity),
                    authorized_at=now - timedelta(days=40) if status == "authorized" else None,
                    last_sync=now - timedelta(hours=5) if status == "authorized" else None,
                    sync_health=health,
                    sync_health_code="client_credentials_rejected" if health == "blocked" else None,
                    sync_health_since=now - timedelta(hours=9) if health != "ok" else None,
                )
            )
    return found


def _end_at_provider(runtime: Runtime, authorization_id: UUID) -> None:
    """Do what the run of revocations does."""
    with runtime.sessions() as session:
        order = session.scalars(
            select(WorkOrder).where(
                WorkOrder.kind == "revoke", WorkOrder.authorization_id == authorization_id
            )
        ).one()
    assert revocation.end_at_provider(runtime, order.id).is_confirmed
