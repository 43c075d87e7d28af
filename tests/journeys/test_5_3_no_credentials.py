"""Story 5.3: nobody's password is ever asked for here, neither ours nor the utility's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People

pytestmark = pytest.mark.browser


def test_no_page_of_ours_asks_for_a_password(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    page = people.visitor()
    for path in ("/", "/sign-in", "/docs"):
        page.goto(f"{people.site.url}{path}")
        expect(page.locator("input[type=password]")).to_have_count(0)
        seen(page, f"5-3{path.replace('/', '-')}")

    page = people.signed_in("resident.53@example.test")
    steps.begin_facility(page)

    expect(page.locator("input[type=password]")).to_have_count(0)
    expect(page.get_by_text("We never see your password").first).to_be_visible()
    page.goto(f"{people.site.url}/account")
    expect(page.locator("input[type=password]")).to_have_count(0)
    seen(page, "5-3-account")
