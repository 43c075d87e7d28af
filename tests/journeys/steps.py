"""Steps that several journeys take: what a person types and presses, in the words of the pages."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

PATIENCE_MS = 60_000
"""How long anything is waited for: the slowest machine is to answer within it."""


def press(button: Locator) -> None:
    """Press what leads to another page, and be there before anything else is done."""
    with button.page.expect_navigation():
        button.click()


def begin_facility(page: Page) -> None:
    """Press *Add New Facility* and get as far as the first question."""
    press(page.get_by_role("button", name="Add New Facility").first)
    start = page.get_by_role("button", name=re.compile(r"^Start"))
    if start.count():
        press(start.first)


def choose_role(page: Page, role: str) -> None:
    page.get_by_role("radio", name=re.compile(rf"^{re.escape(role)}(?! \+)")).check()
    press(page.get_by_role("button", name="Continue"))


def fill_details(page: Page, name: str) -> None:
    facility_name(page).fill(name)
    page.get_by_role("textbox", name=re.compile("^Street")).fill("1 Rooftop Way")
    page.get_by_role("textbox", name="City").fill("Anytown")
    page.get_by_role("combobox", name="State").select_option("CA")
    page.get_by_role("textbox", name="ZIP code").fill("95000")


def facility_name(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Facility name")


def to_green_button(page: Page, utility: str = "PG&E") -> None:
    page.get_by_role("radio", name=re.compile(rf"^{re.escape(utility)}\b")).check()
    expect(page.get_by_text("secure Green Button portal")).to_be_visible()
    press(page.get_by_role("button", name="Continue to Green Button"))


def to_utilityapi(page: Page, search: str) -> None:
    page.get_by_label("Find your utility").fill(search)
    press(page.get_by_role("button", name="Search"))
    page.get_by_role("radio", name=re.compile(search)).first.check()
    press(page.get_by_role("button", name="Continue to UtilityAPI"))


def consent_at_green_button(page: Page, login: str, *, decision: str = "Approve") -> None:
    """Sign in at the utility's own pages and decide."""
    expect(page.locator("input[name=username]").first).to_be_visible()
    page.locator("input[name=username]").first.fill(login)
    page.locator("input[name=password]").first.fill(login)
    press(page.get_by_role("button", name="Sign in"))
    page.get_by_role("button", name=decision, exact=True).click()


def consent_at_utilityapi(page: Page, login: str, *, answer: str = "Agree") -> None:
    expect(page.locator("input[name=login]")).to_be_visible()
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill(login)
    press(page.get_by_role("button", name="Sign in"))
    page.get_by_role("button", name=answer, exact=True).click()


def expect_connected(page: Page) -> None:
    """The confirmation, the live progress and its end."""
    expect(page.get_by_text(re.compile("now shares the readings"))).to_be_visible()
    expect(page.get_by_text("Active").first).to_be_visible()
    expect(page.locator("main").get_by_text(re.compile(r"\d+ meters?")).first).to_be_visible()


def residential_facility(page: Page, name: str, login: str, utility: str = "PG&E") -> None:
    """Register a home and authorise it by Green Button, to the end."""
    begin_facility(page)
    fill_details(page, name)
    to_green_button(page, utility)
    consent_at_green_button(page, login)
    expect_connected(page)
