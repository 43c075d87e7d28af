"""Story 5.2: a customer has their data deleted and gets a receipt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from dcarbon.db.deletions import LeavingPayload
from dcarbon.services import deletion_work, facilities
from dcarbon.services import people as known_people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from tests.journeys import steps
from tests.journeys.conftest import People, Site
from tests.support import solar_month

pytestmark = pytest.mark.browser
GOER, ADMIN = "goer.52@example.test", "admin.52@example.test"


def test_a_customer_asks_an_administrator_decides_and_a_receipt_comes(
    people: People, seen: Callable[[Page, str], None], tmp_path: Path
) -> None:
    site = people.site
    page = people.signed_in(GOER)
    _roof(site, tmp_path)
    page.goto(f"{site.url}/account")
    steps.press(page.get_by_role("link", name="Delete my data"))
    expect(page.get_by_text("Sunny Hill").first).to_be_visible()
    page.get_by_label("I have read what is deleted").check()
    seen(page, "5-2-deletion-ask")
    steps.press(page.get_by_role("button", name="Ask to delete my data"))
    expect(page.get_by_role("button", name="Take it back")).to_be_visible()
    seen(page, "5-2-deletion-asked")

    known_people.make_admin(
        site.runtime.sessions, email=ADMIN, actor=SYSTEM, now=site.runtime.now()
    )
    admin = people.signed_in(ADMIN)
    admin.goto(f"{site.url}/admin/deletions")
    seen(admin, "5-2-deletion-requests")
    steps.press(admin.get_by_role("link", name=GOER))
    expect(admin.get_by_text("Sunny Hill").first).to_be_visible()
    seen(admin, "5-2-deletion-request")
    steps.press(admin.get_by_role("button", name="Delete this person's data"))
    _carried_out(site)

    page.goto(site.link_in_mail(GOER, "/deletion-receipts/"))
    expect(page.get_by_text("Meter readings", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    seen(page, "5-2-deletion-receipt")
    with page.expect_download() as receipt:
        page.get_by_role("link", name="Download as PDF").click()
    assert receipt.value.path().read_bytes().startswith(b"%PDF-")
    admin.reload()
    expect(admin.get_by_role("link", name="Receipt as PDF")).to_be_visible()
    seen(admin, "5-2-deletion-done")


def _roof(site: Site, folder: Path) -> None:
    runtime = site.runtime
    person = known_people.ensure(
        runtime.sessions, email=GOER, account_kind="residential", actor=SYSTEM, now=runtime.now()
    )
    actor = Actor(person.id)
    facility = facilities.create(
        runtime.sessions,
        FacilityDetails(name="Sunny Hill"),
        account_kind="residential",
        role="owner_operator",
        actor=actor,
        now=runtime.now(),
    )
    content = solar_month.feed(date(2026, 2, 1), date(2026, 2, 3))
    solar_month.build(runtime, facility, actor, folder, content, claim_from=date(2026, 2, 1))


def _carried_out(site: Site) -> None:
    """Do what the hourly run does, twice, with the time in between that bytes take to leave."""
    runtime = site.runtime
    for _ in range(2):
        for deletion_id in deletion_work.due(runtime):
            deletion_work.carry_out(runtime, deletion_id)
        with runtime.sessions.begin() as session:
            session.execute(
                update(LeavingPayload).values(left_at=LeavingPayload.left_at - timedelta(hours=2))
            )
