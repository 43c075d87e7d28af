"""Generating units: what a channel may be used for is decided, a meter is claimed, and only once.

The facility comes by UtilityAPI, which states three channels of one meter: to and from the grid,
and net.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys import steps
from tests.journeys.conftest import ARTEFACTS, DESKTOP, PHONE, People

pytestmark = pytest.mark.browser


def test_a_unit_is_registered_its_export_meter_claimed_and_everything_else_refused(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    page = _with_a_facility(people, "owner.50@example.test", "Angeles Roof")
    expect(page.get_by_text("A generating unit is what makes electricity here")).to_be_visible()
    seen(page, "5-generation-empty")

    _register_unit(page, seen)
    _see_that_net_and_consumption_are_never_claimed(page, seen)
    _see_that_somebody_has_to_decide_first(page)
    _choose_export(page, seen)
    _claim(page, seen)
    _see_that_the_same_days_are_refused(page, seen)
    _pictures(page, "5-generation")
    _end(page, seen)

    other = _with_a_facility(people, "owner.51@example.test", "Angeles Roof too")
    _see_that_the_same_meter_is_refused_to_somebody_else(page, other, seen)


def _with_a_facility(people: People, email: str, name: str) -> Page:
    """Register a home at LADWP with the customer *hourly*; be on its page Generation."""
    page = people.signed_in(email)
    steps.begin_facility(page)
    steps.fill_details(page, name)
    page.get_by_label("System size in kW").fill("7.2")
    page.get_by_label("Commercial operation date").fill("2024-05-31")
    steps.to_utilityapi(page, "LADWP")
    steps.consent_at_utilityapi(page, "hourly")
    expect(page.get_by_text(re.compile("now shares|still confirming"))).to_be_visible()
    page.get_by_role("link", name=re.compile(f"Go to {name}")).click()
    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(page.locator("#progress-title")).to_have_count(0)
    steps.press(page.get_by_role("link", name="Generation", exact=True))
    return page


def _register_unit(page: Page, seen: Callable[[Page, str], None]) -> None:
    steps.press(page.get_by_role("link", name="Add a generating unit"))
    expect(page.get_by_label("Nameplate capacity")).to_have_value("7.2")
    expect(page.get_by_label("Commercial operation date")).to_have_value("2024-05-31")
    steps.press(page.get_by_role("button", name="Add this unit"))
    expect(page.get_by_text("Please choose one of: WREGIS")).to_be_visible()
    seen(page, "5-generation-unit-refused")
    page.get_by_label("Registry", exact=True).select_option(label="M-RETS")
    page.get_by_label("Name", exact=True).fill("Roof")
    steps.press(page.get_by_role("button", name="Add this unit"))
    expect(page.get_by_text("Roof is registered.")).to_be_visible()
    seen(page, "5-generation-unit")


def _see_that_net_and_consumption_are_never_claimed(
    page: Page, seen: Callable[[Page, str], None]
) -> None:
    for channel, reason, name in (
        ("Net", "What was generated cannot be told from it", "net"),
        ("From the grid", "consumption, which is never claimed", "consumption"),
    ):
        steps.press(_channel(page, channel).get_by_role("link", name="Details"))
        expect(page.get_by_role("radio", name=re.compile("^Export by the hour"))).to_be_disabled()
        expect(page.get_by_role("radio", name=re.compile("^Production"))).to_be_disabled()
        expect(page.get_by_text(f"{reason}").first).to_be_visible()
        seen(page, f"5-generation-channel-{name}")
        steps.press(page.get_by_role("link", name="Cancel"))


def _see_that_somebody_has_to_decide_first(page: Page) -> None:
    steps.press(page.get_by_role("link", name="Claim a meter for Roof"))
    page.get_by_role("radio", name=re.compile("nobody has decided")).check()
    steps.press(page.get_by_role("button", name="Claim this meter"))
    expect(page.get_by_text("No channel of this meter is set to count this way.")).to_be_visible()
    steps.press(page.get_by_role("link", name="Cancel"))


def _choose_export(page: Page, seen: Callable[[Page, str], None]) -> None:
    steps.press(_channel(page, "To the grid").get_by_role("link", name="Decide"))
    expect(page.get_by_role("radio", name=re.compile("^Export by the hour"))).to_be_checked()
    expect(page.get_by_text("github.com/mrets/Operating-Procedures").first).to_be_visible()
    page.get_by_label("Note").fill("No production meter was installed")
    seen(page, "5-generation-channel-export")
    steps.press(page.get_by_role("button", name="Save"))
    expect(_channel(page, "To the grid").get_by_text("Export by the hour")).to_be_visible()


def _claim(page: Page, seen: Callable[[Page, str], None]) -> None:
    steps.press(page.get_by_role("link", name="Claim a meter for Roof"))
    expect(page.get_by_role("radio", name=re.compile("counts as export"))).to_be_checked()
    expect(page.get_by_label("First day")).to_have_value(re.compile(r"^20\d\d-\d\d-\d\d$"))
    seen(page, "5-generation-claim")
    steps.press(page.get_by_role("button", name="Claim this meter"))
    expect(page.get_by_text("The meter counts for Roof now.")).to_be_visible()
    expect(page.get_by_text("Claimed by Owner.50")).to_be_visible()


def _see_that_the_same_days_are_refused(page: Page, seen: Callable[[Page, str], None]) -> None:
    steps.press(page.get_by_role("link", name="Claim a meter for Roof"))
    steps.press(page.get_by_role("button", name="Claim this meter"))
    expect(page.get_by_text(re.compile(r"counts for Roof from .* on already"))).to_be_visible()
    seen(page, "5-generation-claim-refused")
    steps.press(page.get_by_role("link", name="Cancel"))


def _end(page: Page, seen: Callable[[Page, str], None]) -> None:
    steps.press(page.get_by_role("link", name=re.compile("^End or take back")))
    page.get_by_label("Last day").fill("2020-01-01")
    steps.press(page.get_by_role("button", name="End the claim"))
    expect(page.get_by_text("The last day is before the first.")).to_be_visible()
    seen(page, "5-generation-end")
    steps.press(page.get_by_role("link", name="Generation", exact=True).first)


def _see_that_the_same_meter_is_refused_to_somebody_else(
    first: Page, page: Page, seen: Callable[[Page, str], None]
) -> None:
    steps.press(page.get_by_role("link", name="Add a generating unit"))
    page.get_by_label("Registry", exact=True).select_option(label="M-RETS")
    steps.press(page.get_by_role("button", name="Add this unit"))
    steps.press(_channel(page, "To the grid").get_by_role("link", name="Decide"))
    steps.press(page.get_by_role("button", name="Save"))
    steps.press(page.get_by_role("link", name=re.compile("^Claim a meter")))
    steps.press(page.get_by_role("button", name="Claim this meter"))
    expect(page.get_by_text("The same meter is known through another")).to_be_visible()
    expect(page.get_by_text("Angeles Roof", exact=True)).to_have_count(0)
    seen(page, "5-generation-claimed-elsewhere")
    expect(first.get_by_text("Claimed by Owner.50")).to_be_visible()


def _channel(page: Page, name: str) -> Locator:
    """Return the entry of a channel on the page Generation."""
    return page.locator(".channel-list > li").filter(has_text=re.compile(rf"^\s*{re.escape(name)}"))


def _pictures(page: Page, name: str) -> None:
    """Keep pictures of the page as it looks small and dark."""
    for scheme, size in (("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE)):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_viewport_size(size)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= size["width"], size
        page.screenshot(path=ARTEFACTS / f"{name}-{scheme}-{size['width']}.png", full_page=True)
    page.emulate_media(color_scheme="null")
    page.set_viewport_size(DESKTOP)
