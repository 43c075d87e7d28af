"""Story 1.2: the utility is not on the Green Button list; UtilityAPI reaches it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People

pytestmark = pytest.mark.browser


def test_a_searched_utility_is_authorised_through_utilityapi(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    page = people.signed_in("owner.12@example.test", kind="commercial")
    steps.begin_facility(page)
    steps.choose_role(page, "Owner + Operator")
    steps.fill_details(page, "Angeles Depot")

    steps.to_utilityapi(page, "LADWP")
    steps.consent_at_utilityapi(page, "hourly")
    expect(page.get_by_text(re.compile("now shares|still confirming"))).to_be_visible()
    seen(page, "1-2-after-return")

    page.get_by_role("link", name=re.compile("Go to Angeles Depot")).click()
    expect(page.get_by_text("UtilityAPI").first).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_count(1)


def test_a_search_narrows_the_list_without_leaving_the_page(people: People) -> None:
    page = people.signed_in("owner.12b@example.test")
    steps.begin_facility(page)

    page.get_by_label("Find your utility").press_sequentially("edison")

    expect(page.locator("#utilities input[type=radio]")).not_to_have_count(0)
    expect(page.locator("#utilities")).not_to_contain_text("LADWP")
