"""Story 1.5: a resident goes straight to the details and authorises the home's utility."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk", "phone"])
def test_a_resident_registers_a_home(
    people: People, seen: Callable[[Page, str], None], *, phone: bool, dark: bool
) -> None:
    name = "phone" if phone else "desk"
    page = people.signed_in(f"resident.15.{name}@example.test", phone=phone, dark=dark)
    steps.begin_facility(page)

    expect(page.get_by_text("Who are you at this facility?")).to_have_count(0)
    seen(page, f"1-5-details-{name}")
    steps.fill_details(page, "Home")
    steps.to_green_button(page, "SDG&E")
    steps.consent_at_green_button(page, "robin")
    steps.expect_connected(page)
    seen(page, f"1-5-connected-{name}")
    steps.press(page.get_by_role("link", name="All facilities"))
    seen(page, f"4-1-dashboard-{name}")
