"""Coverage as a calendar, and one day's history: on pages and for programs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask

from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages, stating
from tests.integration.conftest import NOW
from tests.integration.services.histories import midnight
from tests.support.browser import Browser

JSON = {"Accept": "application/json"}
FIRST = datetime(2026, 3, 17, 3, tzinfo=UTC)
HOLE, GUESS = date(2026, 3, 5), date(2026, 3, 9)
EMPTY, CLOCKS, CHANGED = date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 10)


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.test")


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


@pytest.fixture
def facility(runtime: Runtime, owner: Person) -> UUID:
    """March 1 to 15 hourly, of which some is missing, estimated and, a day later, restated."""
    made = pages.facility(runtime, owner)
    start = {day: midnight(day, stating.ZONE) for day in (HOLE, GUESS, CHANGED, EMPTY)}
    odd: dict[datetime, tuple[int | None, int | None]] = {
        start[HOLE] + timedelta(hours=14): (None, None),
        start[HOLE] + timedelta(hours=15): (None, None),
        start[GUESS] + timedelta(hours=3): (900, 8),
        **{start[EMPTY] + timedelta(hours=n): (None, None) for n in range(24)},
    }
    readings = stating.hours(date(2026, 3, 1), 15, odd=odd)
    asked = date(2026, 3, 1), date(2026, 3, 16)
    stating.state(runtime, made, readings, at=FIRST, asked=asked)
    noon = start[CHANGED] + timedelta(hours=12)
    later = stating.hours(CHANGED, 1, odd={noon: (1500, 17)})
    stating.state(runtime, made, later, at=FIRST + timedelta(days=1))
    return made


def cell(page: str, day: date) -> tuple[str, str, str]:
    """Return the look, the title and the words of a day."""
    found = re.search(
        rf'/{day}" title="([^"]*)"><span class="day day-([a-z-]+)"[^>]*></span>.*?'
        r'visually-hidden">([^<]*)<',
        page,
    )
    assert found, day
    return found[2], found[1], found[3]


def test_each_day_says_its_state_by_sign_words_and_numbers(
    browser: Browser, facility: UUID
) -> None:
    shown = browser.get(f"/facilities/{facility}/coverage").text

    assert cell(shown, date(2026, 3, 1))[::2] == ("complete", "Mar 1: complete")
    look, title, said = cell(shown, HOLE)
    assert (look, said) == ("partial", "Mar 5: partial")
    assert "some of this day" in title
    assert "To the grid: 22 of 24 readings." in title
    assert cell(shown, EMPTY)[::2] == ("asked-empty", "Mar 7: asked and empty")
    assert "23 of 23 readings. 23 hours long: clocks go forward." in cell(shown, CLOCKS)[1]
    assert "1 estimated" in cell(shown, GUESS)[1]
    assert cell(shown, CHANGED)[::2] == ("restated", "Mar 10: restated")
    assert cell(shown, date(2026, 3, 16))[0] == "asked-empty"
    assert cell(shown, date(2026, 3, 18))[0] == "not-due"
    assert "January to February Not asked" in pages.words(shown)
    assert f'{NOW.date() + timedelta(days=1)}"' not in shown


def test_the_year_is_summed_up_in_a_sentence_and_what_is_missing_is_listed(
    browser: Browser, facility: UUID
) -> None:
    read = pages.words(browser.get(f"/facilities/{facility}/coverage?year=2026").text)

    assert (
        "13 of 75 due days complete; 1 with estimates; 1 restated; 1 with gaps; "
        "2 empty at the utility; 59 not asked for; 4 not due yet." in read
    )
    assert "Jan 1 to Feb 28, 2026 59 days" in read
    assert "Asked and empty We asked; the utility has no readings for this day." in read
    assert "The utility is not connected at the moment" in read


def test_one_channel_can_be_looked_at_alone(browser: Browser, facility: UUID) -> None:
    start = browser.get(f"/facilities/{facility}/coverage").text
    (channel,) = re.findall(r'<option value="([0-9a-f-]{36})">To the grid', start)

    shown = browser.get(f"/facilities/{facility}/coverage?channel={channel}").text

    assert "To the grid: 22 of 24" in cell(shown, HOLE)[1]
    assert "From the grid" not in cell(shown, HOLE)[1]


def test_a_year_before_has_a_way_back_to_this_one(browser: Browser, facility: UUID) -> None:
    shown = browser.get(f"/facilities/{facility}/coverage?year=2025").text

    assert "365 not asked for" in pages.words(shown)
    assert re.search(r'rel="next" href="[^"]*year=2026"', shown)
    assert 'rel="prev"' not in shown


def test_a_facility_without_meters_says_when_they_come(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    barn = pages.facility(runtime, owner, name="Barn")

    for page in ("coverage", "changes"):
        assert "No meters yet" in browser.get(f"/facilities/{barn}/{page}").text
    answer = browser.client.get(f"/facilities/{barn}/coverage", headers=JSON).get_json()
    assert (answer["meter_id"], answer["days"], answer["due"]) == (None, [], 0)


def day_path(runtime: Runtime, facility: UUID, day: object) -> str:
    return f"/facilities/{facility}/coverage/{stating.meter_of(runtime, facility)}/{day}"


def test_a_day_with_a_hole_says_where_it_is(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    shown = browser.get(day_path(runtime, facility, HOLE)).text

    read = pages.words(shown)
    assert "Thursday, March 5, 2026" in read
    assert "Missing 2:00 to 4:00 PM PST" in read
    assert "22 of 24 readings" in read
    assert "Total of the day 22.000 kWh" in read
    assert "12:00 to 1:00 AM PST 2026-03-05 08:00 UTC 1.000 1.000" in read
    assert shown.count('class="is-missing">missing') == 2
    assert shown.count("<tr>") == 1 + 23


def test_a_day_on_which_clocks_change_is_named_by_its_hours(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    read = pages.words(browser.get(day_path(runtime, facility, CLOCKS)).text)

    assert "America/Los_Angeles (PST, then PDT)" in read
    assert "This day is 23 hours long: clocks go forward." in read
    assert "1:00 AM PST to 3:00 AM PDT" in read


def test_the_history_of_a_day_names_each_statement_its_changes_and_its_payload(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    path = day_path(runtime, facility, CHANGED)

    read = pages.words(browser.get(path).text)
    answer = browser.client.get(path, headers=JSON).get_json()

    assert "Mar 16, 2026, 8:00 PM PDT" in read
    assert "To the grid: 24 readings stated" in read
    assert "Mar 17, 2026, 8:00 PM PDT" in read
    assert "To the grid: 1 reading changed" in read
    assert "12:00 PM PDT, To the grid: 1.000 kWh became 1.500 kWh (+0.500 kWh)" in read
    first, second = answer["statements"]
    assert list(first["filled"].values()) == [24, 24]
    assert [(each["old"], each["new"]) for each in second["changes"]] == [("1000", "1500")] * 2
    hashes = {each["id"]: each["sha256"] for each in answer["payloads"]}
    for statement in (first, second):
        (payload,) = statement["payload_ids"]
        assert hashes[payload] in read
        assert hashes[payload][:12] in read
    assert "Batch/7" in read
    assert answer["coverage"]["state"] == "restated"
    assert [each["total"] for each in answer["channels"]] == ["24500", "24500"]


def test_an_empty_day_says_so_without_tables(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    read = pages.words(browser.get(day_path(runtime, facility, EMPTY)).text)

    assert "There are no readings of this day." in read
    assert "Nothing was ever stated of this day." in read
    assert "Payloads" not in read


def test_days_lead_on_to_the_next_and_stop_at_today(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    ordinary = browser.get(day_path(runtime, facility, HOLE)).text
    today = browser.get(day_path(runtime, facility, "2026-03-20")).text

    assert re.search(r'rel="prev" href="[^"]*/2026-03-04"', ordinary)
    assert re.search(r'rel="next" href="[^"]*/2026-03-06"', ordinary)
    assert 'rel="next"' not in today


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("coverage?year=twenty", "year must be a year in four digits, like 2026."),
        ("coverage?year=1999", "year must be from 2000 to 2026, like 2026."),
        ("coverage?year=2027", "year must be from 2000 to 2026, like 2026."),
        ("coverage/{meter}/yesterday", "The day must be a date like 2026-01-31."),
        ("coverage/{meter}/2026-02-30", "The day must be a date like 2026-01-31."),
        ("coverage/{meter}/2026-03-21", "Please choose one from 2000-01-01 to 2026-03-20."),
        ("coverage/{meter}/1999-12-31", "Please choose one from 2000-01-01 to 2026-03-20."),
    ],
)
def test_a_date_that_cannot_be_shown_says_what_to_do(
    *, browser: Browser, runtime: Runtime, facility: UUID, path: str, says: str
) -> None:
    meter = str(stating.meter_of(runtime, facility))

    answer = browser.get(f"/facilities/{facility}/{path.replace('{meter}', meter)}")

    assert answer.status_code == 422
    assert says in pages.words(answer.text)


def test_the_year_for_programs_has_each_day_with_its_channels(
    browser: Browser, facility: UUID
) -> None:
    answer = browser.client.get(f"/facilities/{facility}/coverage", headers=JSON).get_json()

    days = {each["day"]: each for each in answer["days"]}
    assert (answer["due"], answer["covered"], len(days)) == (75, 13, 79)
    assert answer["by_state"]["asked_empty"] == 2
    assert [days[str(CLOCKS)]["hours"], days[str(HOLE)]["hours"]] == [23, 24]
    (one, other) = days[str(HOLE)]["channels"]
    assert (one["expected"], one["present"]) == (other["expected"], other["present"]) == (24, 22)
    assert days["2026-01-01"]["channels"] == []


@pytest.mark.parametrize("page", ["coverage", "coverage/{meter}/2026-03-05", "changes"])
def test_what_is_somebody_elses_or_unknown_is_404(
    *, app: Flask, browser: Browser, runtime: Runtime, facility: UUID, page: str
) -> None:
    meter = str(stating.meter_of(runtime, facility))
    stranger = pages.at_browser(app, runtime, pages.person(runtime, "sam@example.test"))
    path = page.replace("{meter}", meter)
    wrong = page.replace("{meter}", str(new_id()))
    asked = f"{wrong}?meter={new_id()}" if wrong == path else wrong

    assert stranger.get(f"/facilities/{facility}/{path}").status_code == 404
    assert browser.get(f"/facilities/{new_id()}/{path}").status_code == 404
    assert browser.get(f"/facilities/{facility}/{asked}").status_code == 404
    assert browser.get(f"/facilities/{facility}/{path}").status_code == 200


@pytest.mark.parametrize("query", ["meter=7", "channel=7", f"channel={UUID(int=7)}"])
def test_what_names_nothing_is_404(browser: Browser, facility: UUID, query: str) -> None:
    assert browser.get(f"/facilities/{facility}/coverage?{query}").status_code == 404


def test_a_day_that_was_not_due_when_counted_is_not_so_for_ever(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    """When syncs ended, the last days stayed *not due yet* until somebody asked again."""
    barn = pages.facility(runtime, owner, name="Barn")
    asked = date(2026, 3, 16), date(2026, 3, 16)
    readings = stating.hours(date(2026, 3, 15), 1)
    stating.state(runtime, barn, readings, at=datetime(2026, 3, 17, 4, tzinfo=UTC), asked=asked)

    shown = browser.get(f"/facilities/{barn}/coverage").text
    strips = [browser.get(path).text for path in (f"/facilities/{barn}", "/facilities")]

    assert cell(shown, date(2026, 3, 16))[0] == "asked-empty"
    for strip in strips:
        assert "Mar 16: We asked; the utility has no readings for this day." in strip
        assert "Mar 17: The utility has not had time to publish this day yet." in strip
