"""Story 4.3: which days are covered and why not, how a day came to be so, what was changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.calendar import day_bounds
from dcarbon.services import collection
from tests.journeys import steps
from tests.journeys.conftest import ARTEFACTS, PHONE, People, Site

pytestmark = pytest.mark.browser

PACIFIC = ZoneInfo("America/Los_Angeles")
GAPPY_METER = "4410000501"
WORST_FIRST = (
    "not_asked",
    "asked_empty",
    "partial",
    "not_due",
    "estimated",
    "restated",
    "complete",
)


def test_every_day_says_how_it_stands_and_what_was_changed(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    page, site = people.signed_in("owner.43c@example.test"), people.site
    steps.residential_facility(page, "Coverage House", "gappy")
    facility_id, meter_id = _ids(site)
    page.goto(f"{site.url}/facilities/{facility_id}")
    expect(page.locator("#progress-title")).to_have_count(0)
    steps.press(page.get_by_role("link", name="Coverage", exact=True))

    _expect_cells_as_counted(page, site, meter_id)
    seen(page, "4-3-coverage")
    _expect_arrow_keys(page)
    _keep_other_looks(page, "4-3-coverage")
    _expect_a_day_with_gaps(page, seen)
    _expect_the_day_clocks_went_back(page, site, facility_id, meter_id)
    page.goto(f"{site.url}/facilities/{facility_id}/changes")
    expect(page.get_by_text("Nothing was restated.")).to_be_visible()
    seen(page, "4-3-changes-none")

    day = _restate_a_day(page, site, facility_id, meter_id)
    _expect_the_change(page, site, facility_id, day, seen)


def _ids(site: Site) -> tuple[UUID, UUID]:
    with site.runtime.sessions() as session:
        chosen = (
            select(Facility.id, Meter.id)
            .join(Meter, Meter.facility_id == Facility.id)
            .where(Facility.name == "Coverage House")
        )
        facility_id, meter_id = session.execute(chosen).one()
        return facility_id, meter_id


def _cell(page: Page, day: date) -> Locator:
    return page.locator(f'.heat-map a[href$="/{day}"]')


def _stored(site: Site, meter_id: UUID) -> dict[date, str]:
    """Return the worst state of any channel on each day that was ever counted."""
    with site.runtime.sessions() as session:
        chosen = (
            select(CoverageDay.meter_day, CoverageDay.state)
            .join(MeterChannel, MeterChannel.id == CoverageDay.channel_id)
            .where(MeterChannel.meter_id == meter_id)
        )
        found: dict[date, str] = {}
        for day, state in session.execute(chosen):
            found[day] = min(state, found.get(day, state), key=WORST_FIRST.index)
        return found


def _expect_cells_as_counted(page: Page, site: Site, meter_id: UUID) -> None:
    stored = _stored(site, meter_id)
    assert {"complete", "partial"} <= set(stored.values())
    this_year = {day: state for day, state in stored.items() if day.year == _today().year}
    for day, state in this_year.items():
        sign = _cell(page, day).locator(".day")
        look = state.replace("_", "-")
        expect(sign).to_have_class(re.compile(rf"\bday-{look}\b"))
    covered = sum(state in {"complete", "estimated", "restated"} for state in this_year.values())
    expect(page.locator(".year-summary")).to_contain_text(
        re.compile(rf"^{covered} of \d+ due days")
    )


def _expect_arrow_keys(page: Page) -> None:
    """The whole calendar is one stop; arrow keys go on from there."""
    last = page.locator(".heat-map a").last
    last.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    before = _today() - timedelta(days=2)
    assert page.evaluate("document.activeElement.getAttribute('href')").endswith(str(before))
    assert page.locator('.heat-map a[tabindex="0"]').count() == 1


def _keep_other_looks(page: Page, name: str) -> None:
    """Keep pictures for people to look at: dark, on a phone, on paper."""
    usual = page.viewport_size
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=ARTEFACTS / f"{name}-dark.png", full_page=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    page.screenshot(path=ARTEFACTS / f"{name}-phone.png", full_page=True)
    expect(page.locator("body")).to_have_js_property("scrollWidth", PHONE["width"])
    page.locator("table").first.scroll_into_view_if_needed()
    page.screenshot(path=ARTEFACTS / f"{name}-phone-part.png")
    assert usual is not None
    page.set_viewport_size(usual)
    page.emulate_media(media="print")
    page.screenshot(path=ARTEFACTS / f"{name}-print.png", full_page=True)
    page.emulate_media(media="null", color_scheme="null")


def _expect_a_day_with_gaps(page: Page, seen: Callable[[Page, str], None]) -> None:
    steps.press(page.locator(".gaps li").filter(has_text="Partial").first.get_by_role("link"))

    expect(page.get_by_role("heading", level=1)).to_contain_text(str(_today().year))
    expect(page.get_by_text("missing", exact=True).first).to_be_visible()
    expect(page.get_by_text("never filled in").first).to_be_visible()
    expect(page.locator(".payloads .hash").first).to_have_text(re.compile("^[0-9a-f]{64}$"))
    seen(page, "4-3-coverage-day")
    _keep_other_looks(page, "4-3-coverage-day")


def _expect_the_day_clocks_went_back(
    page: Page, site: Site, facility_id: UUID, meter_id: UUID
) -> None:
    """It may be older than what was collected: the day has its 25 hours all the same."""
    day = _first_sunday_of_november()
    page.goto(f"{site.url}/facilities/{facility_id}/coverage/{meter_id}/{day}")

    expect(page.get_by_text("25 hours long: clocks go back")).to_be_visible()


def _restate_a_day(page: Page, site: Site, facility_id: UUID, meter_id: UUID) -> date:
    """Let the utility say twice as much of two hours, and collect as the nightly sync does."""
    complete = [day for day, state in _stored(site, meter_id).items() if state == "complete"]
    day = max(complete)
    start, end = day_bounds(day, PACIFIC)
    noon = start + (end - start) / 2
    sent = {
        "meter_id": GAPPY_METER,
        "start": noon.isoformat(),
        "end": (noon + timedelta(hours=2)).isoformat(),
        "factor": 2,
    }
    rooms = f"{site.sandbox.endpoints.http}/sandbox/restatements"
    answer = httpx2.post(rooms, json=sent, trust_env=False)
    assert answer.status_code == 200, answer.text
    with site.runtime.sessions() as session:
        chosen = select(Authorization.id).where(Authorization.facility_id == facility_id)
        authorization_id = session.scalars(chosen).one()
    outcome = collection.collect(site.runtime, authorization_id, start=start, end=end)
    assert outcome.restated > 0
    return day


def _expect_the_change(
    page: Page, site: Site, facility_id: UUID, day: date, seen: Callable[[Page, str], None]
) -> None:
    page.goto(f"{site.url}/facilities/{facility_id}/coverage?year={day.year}")
    expect(_cell(page, day).locator(".day-restated")).to_be_attached()
    steps.press(_cell(page, day))
    expect(page.get_by_role("heading", name="Restated")).to_be_visible()
    expect(page.get_by_text(re.compile(r"readings? changed")).first).to_be_visible()
    seen(page, "4-3-coverage-day-restated")
    steps.press(page.get_by_role("link", name="Changes", exact=True))

    _expect_doubled(page)
    seen(page, "4-3-changes")
    _keep_other_looks(page, "4-3-changes")


def _expect_doubled(page: Page) -> None:
    """Each difference is as large as what was stated before, and together they are the day's."""
    table = page.get_by_role("table", name="Every difference")
    sums: dict[str, Decimal] = {}
    for row in table.locator("tbody tr").all():
        cells = row.locator("td").all_inner_texts()
        old, new, difference = (_number(text) for text in cells[1:4])
        assert old > 0
        assert (new, difference) == (old * 2, old)
        sums[cells[0]] = sums.get(cells[0], Decimal(0)) + difference
    assert sums
    for channel, total in sums.items():
        days = page.get_by_role("table", name=f"{channel}, local days that differ")
        cells = days.locator("tbody tr").first.locator("td").all_inner_texts()
        reported, today, difference = (_number(text) for text in cells)
        assert difference == today - reported == total


def _number(text: str) -> Decimal:
    return Decimal(re.sub(r"[^0-9.\-]", "", text.replace("\N{MINUS SIGN}", "-")))


def _today() -> date:
    return datetime.now(UTC).astimezone(PACIFIC).date()


def _first_sunday_of_november() -> date:
    """Return the last one that is over."""
    days = (_today() - timedelta(days=n) for n in range(1, 380))
    return next(day for day in days if day.month == 11 and day.weekday() == 6 and day.day < 8)
