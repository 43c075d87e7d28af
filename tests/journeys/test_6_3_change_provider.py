"""Story 6.3: another utility is chosen; the old authorization is revoked, the data stay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from tests.journeys import steps
from tests.journeys.conftest import People, Site

pytestmark = pytest.mark.browser


def test_a_facility_moves_to_another_utility_and_keeps_its_data(
    people: People, site: Site, seen: Callable[[Page, str], None]
) -> None:
    page = people.signed_in("resident.63@example.test")
    steps.residential_facility(page, "Moving House", "sunny")
    page.get_by_role("link", name="Go to Moving House").click()
    expect(page.get_by_role("rowheader")).to_have_count(1)

    steps.press(page.get_by_role("link", name="Settings"))
    seen(page, "6-3-settings")
    page.get_by_role("link", name="Change utility provider").click()
    expect(page.get_by_text("will be revoked").first).to_be_visible()
    seen(page, "6-3-warning")
    steps.press(page.get_by_role("button", name="Revoke and choose another utility"))
    seen(page, "6-3-choose")
    steps.to_green_button(page, "SCE")
    steps.consent_at_green_button(page, "robin")
    steps.expect_connected(page)

    page.get_by_role("link", name="Go to Moving House").click()
    expect(page.get_by_role("rowheader")).to_have_count(2)
    with site.runtime.sessions() as session:
        events = set(session.scalars(select(AuditEntry.event)))
    assert {"authorization_method_changed", "authorization_revoked"} <= events
