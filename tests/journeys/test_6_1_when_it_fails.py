"""Story 6.1: whatever ends the flow, a page says what went wrong and what to do, and retries."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import People, Site

pytestmark = pytest.mark.browser

Seen = Callable[[Page, str], None]


def _at_the_utility(people: People, email: str, name: str) -> Page:
    page = people.signed_in(email)
    steps.begin_facility(page)
    steps.fill_details(page, name)
    steps.to_green_button(page)
    return page


def test_a_declined_authorization_can_be_tried_again(people: People, seen: Seen) -> None:
    page = _at_the_utility(people, "resident.61@example.test", "Declined House")

    steps.consent_at_green_button(page, "sunny", decision="Deny")
    expect(page.get_by_text("What to do")).to_be_visible()
    seen(page, "6-1-declined")
    page.get_by_role("link", name="Try again").click()
    steps.to_green_button(page)
    steps.consent_at_green_button(page, "sunny")

    steps.expect_connected(page)


def test_a_utility_that_is_down_is_named_and_loses_nothing(
    people: People, site: Site, seen: Seen
) -> None:
    page = _at_the_utility(people, "resident.61b@example.test", "Outage House")
    rooms = f"{site.sandbox.endpoints.http}/sandbox"
    httpx2.post(f"{rooms}/scenarios/outage", trust_env=False).raise_for_status()
    try:
        steps.consent_at_green_button(page, "sunny")
        expect(page.get_by_text("What to do")).to_be_visible()
        seen(page, "6-1-utility-down")
    finally:
        httpx2.post(f"{rooms}/scenarios/calm", trust_env=False).raise_for_status()

    page.get_by_role("link", name=re.compile("Try again|Go to")).first.click()
    expect(page.get_by_text("Outage House").first).to_be_visible()


def test_a_consent_without_readings_is_told_from_a_decline(people: People, seen: Seen) -> None:
    page = _at_the_utility(people, "resident.61d@example.test", "Narrow House")
    page.locator("input[name=username]").first.fill("sunny")
    page.locator("input[name=password]").first.fill("sunny")
    page.get_by_role("button", name="Sign in").click()
    page.locator("input[name=group][value=usage]").uncheck()
    page.get_by_role("button", name="Approve", exact=True).click()

    expect(page.get_by_text("leaves out the meter's interval readings")).to_be_visible()
    expect(page.get_by_role("link", name="Try again")).to_be_visible()
    seen(page, "6-1-narrowed")


def test_an_answer_used_twice_is_refused_calmly(people: People, site: Site, seen: Seen) -> None:
    page = _at_the_utility(people, "resident.61c@example.test", "Replay House")
    answers: list[str] = []
    page.on("request", lambda request: answers.append(request.url))
    steps.consent_at_green_button(page, "sunny")
    steps.expect_connected(page)
    callback = next(url for url in answers if url.startswith(f"{site.url}/green-button/callback"))

    page.goto(callback)

    expect(page.get_by_text(re.compile("already used|used before")).first).to_be_visible()
    seen(page, "6-1-replayed")
