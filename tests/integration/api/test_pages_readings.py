"""The readings page and what its chart draws: numbers, ranges, who may look."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from dcarbon.db.base import new_id
from dcarbon.db.meters import MeterChannel
from dcarbon.db.people import Person
from dcarbon.domain.calendar import day_bounds
from dcarbon.services.runtime import Runtime
from dcarbon_api.readings.messages import ChartAnswer
from tests.integration.api import pages
from tests.integration.api.conftest import install_meter
from tests.support.browser import Browser

PACIFIC = ZoneInfo("America/Los_Angeles")
SPRING = date(2026, 3, 8)
FIRST = day_bounds(SPRING - timedelta(days=2), PACIFIC)[0]
VALUES = [n % 17 * 11 for n in range(6 * 96 - 4)]
"""Six local days, the third of 23 hours."""


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


@pytest.fixture
def facility_id(runtime: Runtime, owner: Person) -> UUID:
    return pages.facility(runtime, owner)


@pytest.fixture
def meter_id(runtime: Runtime, facility_id: UUID) -> UUID:
    values = [None if 200 <= n < 203 else value for n, value in enumerate(VALUES)]
    return install_meter(runtime, facility_id, first=FIRST, values=values)


def _chart(browser: Browser, facility_id: UUID, **query: str) -> ChartAnswer:
    answer = browser.client.get(f"/facilities/{facility_id}/readings.json", query_string=query)
    assert answer.status_code == 200, answer.text
    return ChartAnswer.model_validate_json(answer.data)


def _page(browser: Browser, facility_id: UUID, query: str = "") -> str:
    return browser.get(f"/facilities/{facility_id}/readings{query}").text


@pytest.mark.usefixtures("meter_id")
def test_the_chart_draws_every_reading_at_its_instant(browser: Browser, facility_id: UUID) -> None:
    drawn = _chart(browser, facility_id, start="2026-03-06", end="2026-03-12", step="readings")

    (panel,) = drawn.panels
    (line,) = panel.lines
    start = int(FIRST.timestamp())
    expected: dict[int, int | None] = {
        start + n * 900: v for n, v in enumerate(VALUES) if not 200 <= n < 203
    }
    expected[start + 200 * 900] = None
    assert dict(zip(panel.starts, line.values, strict=True)) == expected
    assert (panel.unit, line.exponent, line.is_below) == ("kWh", -3, True)
    assert panel.end == day_bounds(SPRING + timedelta(days=4), PACIFIC)[0].timestamp()
    assert [(each.offset_s, each.name) for each in drawn.clock] == [
        (-28_800, "PST"),
        (-25_200, "PDT"),
    ]


@pytest.mark.usefixtures("meter_id")
def test_steps_are_local_days_and_say_what_is_partial(browser: Browser, facility_id: UUID) -> None:
    drawn = _chart(browser, facility_id, start="2026-03-06", end="2026-03-12", step="day")

    (panel,) = drawn.panels
    lengths = [b - a for a, b in zip(panel.starts, [*panel.starts[1:], panel.end], strict=True)]
    assert [length // 3600 for length in lengths] == [24, 24, 23, 24, 24, 24]
    assert panel.lines[0].partial == [2]
    assert sum(value or 0 for value in panel.lines[0].values) == sum(VALUES) - sum(VALUES[200:203])


@pytest.mark.usefixtures("meter_id")
def test_many_readings_are_thinned_and_peaks_stay(browser: Browser, facility_id: UUID) -> None:
    query = {"start": "2026-03-06", "end": "2026-03-12", "step": "readings"}

    whole = _chart(browser, facility_id, **query).panels[0]
    thin = _chart(browser, facility_id, **query, points="40").panels[0]

    assert (whole.is_thinned, thin.is_thinned) == (False, True)
    assert len(thin.starts) < 60 < len(whole.starts)
    assert max(v for v in thin.lines[0].values if v is not None) == max(VALUES)


@pytest.mark.usefixtures("meter_id")
def test_nothing_is_sent_again_while_nothing_has_changed(
    browser: Browser, facility_id: UUID
) -> None:
    address = f"/facilities/{facility_id}/readings.json?preset=week"
    first = browser.client.get(address)

    again = browser.client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    other = browser.client.get(
        f"{address}&step=hour", headers={"If-None-Match": first.headers["ETag"]}
    )

    assert (again.status_code, again.data) == (304, b"")
    assert other.status_code == 200


@pytest.mark.usefixtures("meter_id")
def test_the_page_has_table_and_totals_without_any_script(
    browser: Browser, facility_id: UUID
) -> None:
    shown = _page(browser, facility_id, "?start=2026-03-08&end=2026-03-09&step=hour")

    read = pages.words(shown)
    assert "Sun Mar 8, 2026 (23 hours)" in read
    assert "On Mar 8, 2026 the clock changes to PDT: that day has 23 hours." in read
    assert "America/Los_Angeles (PST)" in read
    assert "Sun Mar 8, 2026, 1:00 AM PST 3:00 AM PDT" in read
    day = VALUES[192:284]
    total = Decimal(sum(day) - sum(VALUES[200:203])) / 1000
    assert f"{total:f}" in read
    assert "partial" in read
    assert "March 2026, Mar 8 to Mar 8" in read


@pytest.mark.usefixtures("meter_id")
def test_a_long_table_has_pages_that_hold_every_reading_once(
    browser: Browser, facility_id: UUID
) -> None:
    query = "?start=2026-03-06&end=2026-03-12&step=readings"
    rows: list[str] = []
    for number in range(1, 7):
        shown = _page(browser, facility_id, f"{query}&page={number}")
        table = shown[shown.index('id="points-1"') :]
        rows += re.findall(r'<th scope="row">([^<]+)</th>', table)

    assert len(rows) == len(set(rows)) == len(VALUES) - 2
    assert 'rel="next"' not in table


def test_the_meters_table_leads_to_the_readings(
    browser: Browser, runtime: Runtime, facility_id: UUID, meter_id: UUID
) -> None:
    pages.count_day(runtime, meter_id, SPRING, "complete")
    pages.count_day(runtime, meter_id, SPRING + timedelta(days=1), "partial")
    pages.count_day(runtime, meter_id, SPRING + timedelta(days=9), "not_due")

    shown = browser.get(f"/facilities/{facility_id}").text

    read = pages.words(shown)
    assert "Mar 6, 2026, 12:00 AM PST" in read
    assert "Mar 12, 2026, 12:00 AM PDT" in read
    assert "50% 1 of 2 due days complete" in read
    assert f'href="/facilities/{facility_id}/readings?meter={meter_id}"' in shown


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?start=2026-03-09&end=2026-03-08", "The start is not before the end"),
        ("?start=2026-03-09", "Please give both"),
        ("?start=soon&end=2026-03-08", "must be a date like"),
        ("?start=2016-03-09&end=2026-03-08", "at most 1100 days"),
    ],
)
@pytest.mark.usefixtures("meter_id")
def test_a_range_that_makes_no_sense_says_what_to_do(
    browser: Browser, facility_id: UUID, query: str, says: str
) -> None:
    shown = browser.get(f"/facilities/{facility_id}/readings{query}")
    answer = browser.client.get(f"/facilities/{facility_id}/readings.json{query}")

    assert (shown.status_code, answer.status_code) == (422, 422)
    assert says in pages.words(shown.text)
    assert says in answer.get_json()["detail"]
    assert 'name="start"' in shown.text


@pytest.mark.usefixtures("meter_id")
def test_words_the_address_does_not_know_count_as_not_said(
    browser: Browser, facility_id: UUID
) -> None:
    usual = pages.words(_page(browser, facility_id))

    assert pages.words(_page(browser, facility_id, "?preset=x&step=y&page=z")) == usual
    assert "Mar 5, 2026 to Mar 11, 2026" in usual


def test_a_range_without_readings_says_where_they_are(
    browser: Browser, facility_id: UUID, meter_id: UUID
) -> None:
    shown = _page(browser, facility_id, f"?meter={meter_id}&start=2026-01-01&end=2026-01-08")

    read = pages.words(shown)
    assert "No readings in this range" in read
    assert "from Mar 6, 2026, 12:00 AM PST to Mar 12, 2026, 12:00 AM PDT" in read
    assert "Show the last week" in read


def test_a_facility_without_meters_says_what_happens_next(
    browser: Browser, facility_id: UUID
) -> None:
    shown = browser.get(f"/facilities/{facility_id}/readings")
    answer = browser.client.get(f"/facilities/{facility_id}/readings.json")

    assert shown.status_code == 200
    assert "No meters yet" in pages.words(shown.text)
    assert answer.status_code == 404


def test_others_facilities_and_meters_are_404(
    app: Flask, runtime: Runtime, browser: Browser, facility_id: UUID, meter_id: UUID
) -> None:
    stranger = pages.person(runtime, "ben@example.org")
    elsewhere = pages.facility(runtime, stranger)
    others_meter = install_meter(runtime, elsewhere, first=FIRST, values=[1])
    at_theirs = pages.at_browser(app, runtime, stranger)

    for end in ("readings", "readings.json"):
        for path in (f"{facility_id}/{end}", f"{facility_id}/{end}?meter={meter_id}"):
            assert at_theirs.get(f"/facilities/{path}").status_code == 404
        for meter in (others_meter, new_id()):
            asked = browser.get(f"/facilities/{facility_id}/{end}?meter={meter}")
            assert asked.status_code == 404
    assert browser.get(f"/facilities/{facility_id}/readings?meter=7").status_code == 404


def test_gas_is_in_its_own_unit_above_the_axis(
    browser: Browser, runtime: Runtime, facility_id: UUID
) -> None:
    first = day_bounds(SPRING, PACIFIC)[0] - timedelta(seconds=1)
    meter = install_meter(
        runtime,
        facility_id,
        first=first,
        values=[12, 34],
        interval_s=0,
        exponent=-1,
        durations_s=[23 * 3600, 24 * 3600],
    )
    with runtime.sessions.begin() as session:
        channel = session.query(MeterChannel).filter_by(meter_id=meter).one()
        channel.unit, channel.commodity = "therm", "gas"

    (panel,) = _chart(browser, facility_id, start="2026-03-08", end="2026-03-10").panels
    read = pages.words(_page(browser, facility_id, "?start=2026-03-08&end=2026-03-10"))

    assert (panel.unit, panel.step, panel.lines[0].is_below) == ("therm", "day", False)
    assert (panel.lines[0].values, panel.lines[0].exponent) == ([12, 34], -1)
    assert panel.lines[0].partial == []
    assert "Delivered, therm" in read
    assert "4.6 therm" in read


@pytest.mark.usefixtures("meter_id")
def test_previous_and_next_end_where_the_readings_do(browser: Browser, facility_id: UUID) -> None:
    last = _page(browser, facility_id, "?preset=day")
    before = re.search(r'rel="prev" href="([^"]+)"', last)

    assert 'rel="next"' not in last[: last.index("chart-1-title")]
    assert before
    shown = browser.get(before[1].replace("&amp;", "&")).text
    assert "Mar 10, 2026" in pages.words(shown)
    assert 'rel="next"' in shown[: shown.index("chart-1-title")]
