"""Stories 3.3 and 3.4: an administrator reads all of one authorization, looks at bytes, fetches
days again, takes the record along and ends it; each is followed on the page until it is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services import people as people_service
from dcarbon.services import revocation
from dcarbon.services.actors import SYSTEM
from tests.journeys import steps
from tests.journeys.conftest import People, Site

pytestmark = pytest.mark.browser


def test_an_administrator_answers_for_one_authorization(
    people: People, site: Site, seen: Callable[[Page, str], None]
) -> None:
    theirs = people.signed_in("resident.33@example.test")
    steps.residential_facility(theirs, "Answered For", "sunny")
    runtime = site.runtime
    people_service.make_admin(
        runtime.sessions, email="admin.33@example.test", actor=SYSTEM, now=runtime.now()
    )
    page = people.signed_in("admin.33@example.test")

    page.goto(f"{site.url}/admin/authorizations")
    page.get_by_role("link", name=re.compile("^Open.*Answered For")).click()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
    authorization_id = UUID(page.url.rpartition("/")[2])
    expect(page.get_by_text("Authorization given").first).to_be_visible()
    expect(page.get_by_text("Everything the utility has is here.")).to_be_visible()
    seen(page, "3-3-authorization")

    page.get_by_role("link", name=re.compile("payload$")).first.click()
    steps.press(page.get_by_role("button", name="Look at the bytes"))
    expect(page.get_by_role("region", name="The bytes as text")).to_contain_text("<")
    seen(page, "3-3-payload")
    page.get_by_role("link", name="Answered For").click()
    with page.expect_download() as made:
        page.get_by_role("link", name="PDF").click()
    assert made.value.suggested_filename.endswith(".pdf")

    page.get_by_role("link", name="Fetch a range again").click()
    steps.press(page.get_by_role("button", name="Fetch again"))
    expect(page.get_by_text("The range is here as the utility states it now.")).to_be_visible()

    page.get_by_role("link", name="Revoke").click()
    page.get_by_label("Reason").fill("The house was sold.")
    seen(page, "3-4-revoke")
    steps.press(page.get_by_role("button", name="Revoke the authorization"))
    expect(page.get_by_text("is told next")).to_be_visible()
    with runtime.sessions() as session:
        # Other journeys leave orders of their own.
        order = session.scalars(
            select(WorkOrder).where(
                WorkOrder.kind == "revoke", WorkOrder.authorization_id == authorization_id
            )
        ).one()
    assert revocation.end_at_provider(runtime, order.id).is_confirmed
    expect(page.get_by_text("has confirmed the end.")).to_be_visible()
    expect(page.get_by_text("The house was sold.").first).to_be_visible()
    with runtime.sessions() as session:
        events = set(session.scalars(select(AuditEntry.event)))
    assert {
        *("payload_viewed", "authorization_record_downloaded", "repull_requested"),
        *("authorization_revoked", "authorization_ended_at_provider"),
    } <= events
