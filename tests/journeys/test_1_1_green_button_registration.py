"""Story 1.1: an owner who operates registers a facility and authorises PG&E by Green Button."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People

pytestmark = pytest.mark.browser


def test_an_owner_and_operator_registers_authorises_and_sees_readings_arrive(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    page = people.signed_in("owner.11@example.test", kind="commercial")
    seen(page, "1-1-empty-dashboard")

    steps.begin_facility(page)
    seen(page, "1-1-role")
    steps.choose_role(page, "Owner + Operator")
    seen(page, "1-1-details")
    steps.fill_details(page, "Imaginary Plant")
    steps.to_green_button(page)
    steps.consent_at_green_button(page, "acme")
    steps.expect_connected(page)
    seen(page, "1-1-connected")

    page.get_by_role("link", name=re.compile("Go to Imaginary Plant")).click()
    expect(page.get_by_role("rowheader")).to_have_count(4)
    seen(page, "1-1-facility")
