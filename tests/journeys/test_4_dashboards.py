"""Stories 4.1 and 4.2: owners and operators see at a glance how their facilities stand."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People

pytestmark = pytest.mark.browser


def test_the_owner_sees_method_status_last_sync_and_coverage(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    page = people.signed_in("owner.41@example.test")
    steps.residential_facility(page, "Glance House", "sunny")
    page.get_by_role("link", name="All facilities").click()

    card = page.get_by_role("article").filter(has_text="Glance House")
    expect(card.get_by_text("Green Button")).to_be_visible()
    expect(card.get_by_text("Active")).to_be_visible()
    expect(card.get_by_role("img", name=re.compile("last 30 days"))).to_be_visible()
    seen(page, "4-1-owner")


def test_search_finds_a_facility_among_several(people: People) -> None:
    page = people.signed_in("owner.41b@example.test")
    for name in ("North Barn", "South Barn"):
        page.goto(people.site.url + "/facilities")
        steps.begin_facility(page)
        new = page.get_by_role("button", name="Start a new facility")
        if new.count():
            steps.press(new)
        steps.fill_details(page, name)
        steps.to_green_button(page)
        # Our page leads on by itself: whoever goes elsewhere before is overtaken by it.
        expect(page.locator("input[name=username]").first).to_be_visible()
    page.goto(people.site.url + "/facilities?search=north")

    expect(page.get_by_role("link", name="North Barn", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="South Barn", exact=True)).to_have_count(0)
