"""Story 1.6: every step is saved; an unfinished registration is continued or another is begun."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People

pytestmark = pytest.mark.browser


def test_unfinished_registrations_are_listed_and_continued(
    people: People, site: object, seen: Callable[[Page, str], None]
) -> None:
    page = people.signed_in("owner.16@example.test", kind="commercial")
    steps.begin_facility(page)
    steps.choose_role(page, "Owner + Operator")
    steps.facility_name(page).fill("Half Typed")
    page.get_by_role("button", name="Continue to Green Button").click()
    expect(page.get_by_text(re.compile("choose", re.IGNORECASE)).first).to_be_visible()

    page.get_by_role("link", name="Facilities").first.click()
    page.get_by_role("link", name="Continue existing registration").first.click()
    expect(page.get_by_role("button", name="Start a new facility")).to_be_visible()
    seen(page, "1-6-unfinished")
    page.get_by_role("button", name="Start a new facility").click()
    steps.choose_role(page, "Owner + Operator")
    page.get_by_role("link", name="Add New Facility").first.click()
    expect(page.get_by_role("link", name=re.compile("^Continue"))).to_have_count(2)
    page.get_by_role("link", name=re.compile("Continue Half Typed")).click()

    expect(steps.facility_name(page)).to_have_value("Half Typed")
