"""Story 4.3: the readings of a facility's meters, as a chart, as tables, and as totals.

The browser's clock is that of Paris, which changes on other days than the meter's, so that nothing
can come from it. What is drawn is compared with the readings in the database one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from dcarbon.db.facilities import Facility
from dcarbon.db.interval_days_reading import read_channels
from dcarbon.db.meters import Meter
from dcarbon.services.runtime import Runtime
from tests.journeys import steps
from tests.journeys.conftest import ARTEFACTS, DESKTOP, PHONE, People

pytestmark = pytest.mark.browser

PACIFIC = ZoneInfo("America/Los_Angeles")
DRAWN = """() => {
  const {data, scales} = document.querySelector("[data-chart]").plot;
  return {data, from: scales.x.min, to: scales.x.max};
}"""
LABELS = """() => {
  const {axes} = document.querySelector("[data-chart]").plot;
  return {ticks: axes[0]._splits, words: axes[0]._values};
}"""


def test_readings_are_drawn_listed_and_summed_as_they_are_stored(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    first = people.signed_in("owner.43@example.test")
    steps.residential_facility(first, "Reading House", "gappy")
    page = _in_paris(people, first).new_page()
    page.goto(first.url.replace("/connected", "").split("?")[0])
    expect(page.locator("#progress-title")).to_have_count(0)
    seen(page, "4-3-facility")
    steps.press(page.get_by_role("link", name="Readings", exact=True))

    _expect_drawn(page)
    page.screenshot(path=ARTEFACTS / "4-3-readings-week.png", full_page=True)
    _expect_what_is_stored(page, people.site.runtime, has_holes=False)
    _open_the_week_of_a_hole(page, people.site.runtime)
    _expect_what_is_stored(page, people.site.runtime, has_holes=True)
    _expect_local_midnights(page)
    _expect_zoom_and_back(page)
    _expect_every_preset(page, seen)
    _expect_tables_without_scripts(people, page)


def _in_paris(people: People, signed_in: Page, **more: Any) -> BrowserContext:
    """Return the same person's browser on a clock that is not the meter's."""
    state = signed_in.context.storage_state()
    context = people.browser.new_context(
        viewport=DESKTOP, storage_state=state, timezone_id="Europe/Paris", **more
    )
    context.set_default_timeout(steps.PATIENCE_MS)
    people.contexts.append(context)
    return context


def _expect_drawn(page: Page) -> None:
    expect(page.locator("#readings[data-state=drawn]")).to_be_attached()


def _stored(runtime: Runtime, start: int, end: int) -> dict[str, dict[int, Decimal]]:
    """Return by direction the quantity in kWh of each reading, by the second it starts."""
    with runtime.sessions() as session:
        meter = (
            session.query(Meter)
            .join(Facility, Facility.id == Meter.facility_id)
            .filter(Facility.name == "Reading House")
            .one()
        )
        edges = (datetime.fromtimestamp(edge, UTC) for edge in (start, end))
        found = read_channels(session, meter.id, *edges)
    return {
        each.channel.direction: {
            int(row["start"].timestamp()): Decimal(row["value"]).scaleb(_exponent(each) - 3)
            for row in each.readings.to_pylist()
        }
        for each in found
    }


def _exponent(each: Any) -> int:
    return int(each.readings.schema.field("value").metadata[b"exponent"])


def _expect_what_is_stored(page: Page, runtime: Runtime, *, has_holes: bool) -> None:
    drawn = page.evaluate(DRAWN)
    times, below, above = drawn["data"]
    stored = _stored(runtime, int(drawn["from"]), int(drawn["to"]))

    assert round((times[-1] - times[0]) / 86_400) == 7
    for line, sign, direction in ((below, -1, "delivered"), (above, 1, "received")):
        shown = {time: value for time, value in zip(times, line, strict=True) if value is not None}
        expected = {time: float(sign * value) for time, value in stored[direction].items()}
        assert shown == pytest.approx(expected)
    missing = {time for time, value in zip(times[:-1], below[:-1], strict=True) if value is None}
    assert not missing & set(stored["delivered"])
    assert missing or not has_holes


def _open_the_week_of_a_hole(page: Page, runtime: Runtime) -> None:
    """Go where the meter in the radio shadow sent nothing for a while."""
    last = page.evaluate(DRAWN)["to"]
    stored = sorted(_stored(runtime, last - 80 * 86_400, last)["delivered"])
    hole = next(a for a, b in pairwise(stored) if b - a > 900)
    page.get_by_role("textbox", name="From").fill(_local(hole - 3 * 86_400))
    page.get_by_role("textbox", name="Until").fill(_local(hole + 4 * 86_400))
    steps.press(page.get_by_role("button", name="Show"))
    _expect_drawn(page)
    page.screenshot(path=ARTEFACTS / "4-3-readings-hole.png")


def _local(moment: float) -> str:
    midnight = datetime.fromtimestamp(moment, PACIFIC).replace(hour=0, minute=0)
    return midnight.strftime("%Y-%m-%dT%H:%M")


def _expect_local_midnights(page: Page) -> None:
    """The axis names the meter's days, although the browser is in Paris."""
    found = page.evaluate(LABELS)

    words = [word for word in found["words"] if word]
    assert len(words) >= 7
    for tick, label in zip(found["ticks"], found["words"], strict=True):
        local = datetime.fromtimestamp(tick, PACIFIC)
        assert (local.minute, local.hour % 12) == (0, 0)
        assert local.strftime("%b %-d") in label or "12 PM" in label
    box = page.locator("[data-chart] .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + 20)
    expect(page.locator("[data-readout]")).to_have_text(re.compile(r"12(:\d\d)? AM P[SD]T · From"))


def _expect_zoom_and_back(page: Page) -> None:
    before = page.evaluate(DRAWN)
    box = page.locator("[data-chart] .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.30, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + 50, steps=4)
    page.mouse.up()

    expect(page.locator("[data-tools]")).to_be_visible()
    closer = page.evaluate(DRAWN)
    span = before["to"] - before["from"]
    assert closer["from"] == pytest.approx(before["from"] + 0.30 * span, abs=3600)
    assert closer["to"] == pytest.approx(before["from"] + 0.45 * span, abs=3600)
    page.screenshot(path=ARTEFACTS / "4-3-readings-closer.png")
    page.get_by_role("button", name="Whole range").click()
    assert page.evaluate(DRAWN) == before
    expect(page.locator("[data-tools]")).to_be_hidden()


def _expect_every_preset(page: Page, seen: Callable[[Page, str], None]) -> None:
    for preset, length in (("Day", "15 minutes"), ("90 days", "local hour"), ("Year", "local day")):
        steps.press(page.get_by_role("link", name=preset, exact=True))
        _expect_drawn(page)
        expect(page.get_by_role("link", name=preset, exact=True)).to_have_attribute(
            "aria-current", "true"
        )
        expect(page.locator("[data-each]")).to_have_text(f"One point for each {length}")
    seen(page, "4-3-readings-year")
    steps.press(page.get_by_role("link", name="Month", exact=True))
    _expect_drawn(page)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=ARTEFACTS / "4-3-readings-month-dark.png", full_page=True)
    page.emulate_media(color_scheme="null")
    page.set_viewport_size(PHONE)
    page.screenshot(path=ARTEFACTS / "4-3-readings-month-phone.png", full_page=True)
    page.set_viewport_size(DESKTOP)


def _expect_tables_without_scripts(people: People, signed_in: Page) -> None:
    page = _in_paris(people, signed_in, java_script_enabled=False).new_page()
    page.goto(re.sub(r"preset=\w+", "preset=day", signed_in.url))

    expect(page.get_by_text("The chart is drawn with JavaScript.")).to_be_visible()
    table = page.get_by_role("region", name=re.compile("one row for each 15 minutes"))
    cells = [float(text) for text in table.locator("td.number").all_inner_texts() if text[0] != "n"]
    totals = [
        float(text.split()[0]) for text in page.locator(".facts-numbers dd").all_inner_texts()
    ]
    assert len(totals) == 3
    assert sum(cells) == pytest.approx(totals[0] + totals[1])
    page.get_by_role("textbox", name="From").fill("2001-01-01T00:00")
    page.get_by_role("textbox", name="Until").fill("2001-01-02T00:00")
    steps.press(page.get_by_role("button", name="Show"))
    expect(page.get_by_text("No readings in this range")).to_be_visible()
    page.screenshot(path=ARTEFACTS / "4-3-readings-none.png", full_page=True)
