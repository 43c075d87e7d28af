"""What a utility changed: totals as reported and as known today, and each difference."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask

from dcarbon.db.people import Person
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages, stating
from tests.integration.services.histories import midnight
from tests.support.browser import Browser

JSON = {"Accept": "application/json"}
FIRST = datetime(2026, 3, 5, 3, tzinfo=UTC)
SECOND = datetime(2026, 3, 12, 3, tzinfo=UTC)
CHANGED = date(2026, 3, 1)
"""Its first hour is the last of February in UTC minus eight."""


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.test")


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


@pytest.fixture
def facility(runtime: Runtime, owner: Person) -> UUID:
    """Four days around the end of February; later one hour is changed and a day comes on top."""
    made = pages.facility(runtime, owner)
    stating.state(runtime, made, stating.hours(date(2026, 2, 26), 4), at=FIRST)
    noon = midnight(CHANGED, stating.ZONE) + timedelta(hours=12)
    again = stating.hours(CHANGED, 2, odd={noon: (250, 17)})
    stating.state(runtime, made, again, at=SECOND)
    return made


def asked(browser: Browser, facility: UUID, **query: str) -> str:
    given = "&".join(f"{name}={value}" for name, value in query.items())
    answer = browser.get(f"/facilities/{facility}/changes?{given}")
    assert answer.status_code == 200
    return pages.words(answer.text)


def test_by_default_today_is_compared_with_just_before_the_first_change(
    browser: Browser, facility: UUID
) -> None:
    read = asked(browser, facility)

    assert "2 readings were stated differently later" in read
    assert "As reported at Mar 11, 2026, 8:00:00 PM PDT" in read
    assert "Feb 2026 72.000 72.000 0.000" in read
    assert "Mar 2026 24.000 47.250 +23.250" in read
    assert "Mar 1, 2026 24.000 23.250 \N{MINUS SIGN}0.750" in read
    assert "Mar 2, 2026 nothing known 24.000 +24.000" in read
    assert "3 days are the same as reported." in read


def test_a_chosen_date_means_its_end_at_the_meter(browser: Browser, facility: UUID) -> None:
    """The first statement was recorded on March 4, 7 PM: on the 3rd nothing was known."""
    before = asked(browser, facility, reported_on="2026-03-03")
    after = asked(browser, facility, reported_on="2026-03-04")

    assert "As reported at the end of Mar 3, 2026" in before
    assert "Feb 2026 nothing known 72.000 +72.000" in before
    assert "Feb 2026 72.000 72.000 0.000" in after


def test_each_difference_has_both_clocks_both_values_when_and_whose_payload(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    read = asked(browser, facility)
    answer = browser.client.get(f"/facilities/{facility}/changes", headers=JSON).get_json()

    one = answer["differences"][0]
    assert (one["old"], one["new"], one["difference"]) == ("1000", "250", "-750")
    assert one["start"] == "2026-03-01T20:00:00Z"
    assert datetime.fromisoformat(one["recorded_at"]) == SECOND
    assert one["old_payload_sha256"] != one["new_payload_sha256"]
    assert (
        "Mar 1, 2026, 12:00 PM PST 2026-03-01 20:00 UTC From the grid 1.000 kWh 0.250 kWh "
        f"\N{MINUS SIGN}0.750 kWh Mar 11, 2026, 8:00 PM PDT {one['new_payload_sha256'][:12]}"
        in read
    )
    assert (answer["count"], answer["pages"]) == (2, 1)
    months = {each["first"]: each["difference"] for each in answer["totals"][0]["months"]}
    assert {month: float(value) for month, value in months.items()} == {
        "2026-02-01": 0,
        "2026-03-01": 23250,
    }


def test_a_range_without_changes_says_so_and_a_date_still_compares(
    browser: Browser, facility: UUID
) -> None:
    february = {"start": "2026-02-26", "end": "2026-03-01"}

    alone = asked(browser, facility, **february)
    compared = asked(browser, facility, **february, reported_on="2026-03-01")

    assert "Nothing was restated." in alone
    assert "As reported at" not in alone
    assert "Nothing was restated." in compared
    assert "Feb 2026 nothing known 72.000 +72.000" in compared


def test_the_times_of_change_lead_to_what_was_known_before_each(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    noon = midnight(CHANGED, stating.ZONE) + timedelta(hours=12)
    third = SECOND + timedelta(days=1)
    stating.state(runtime, facility, stating.hours(CHANGED, 1, odd={noon: (300, 17)}), at=third)

    shown = browser.get(f"/facilities/{facility}/changes").text
    links = re.findall(r'href="([^"]*reported_on=[^"]*)"', shown)

    assert len(links) == 2
    latest = pages.words(browser.get(links[0].replace("&amp;", "&")).text)
    assert "Mar 1, 2026 23.250 23.300 +0.050" in latest


def test_many_differences_come_a_page_at_a_time(
    browser: Browser, runtime: Runtime, facility: UUID
) -> None:
    later = stating.hours(date(2026, 2, 26), 4, value=999)
    stating.state(runtime, facility, later, at=SECOND + timedelta(days=2))

    first = browser.client.get(f"/facilities/{facility}/changes", headers=JSON).get_json()
    second = browser.client.get(f"/facilities/{facility}/changes?page=2", headers=JSON).get_json()

    assert (first["count"], first["pages"]) == (2 + 2 * 96, 2)
    assert len(first["differences"]) == 100
    assert len(second["differences"]) == 94
    recorded = [one["recorded_at"] for one in first["differences"] + second["differences"]]
    assert recorded == sorted(recorded, reverse=True)
    assert "Next page" in asked(browser, facility)
    assert "Previous page" in asked(browser, facility, page="2")
    assert "Next page" in asked(browser, facility, endpoint="x", facility_id="y", _method="POST")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("start=2026-03-01", "Please give both"),
        ("start=soon&end=2026-03-02", "The start must be a date like 2026-01-31"),
        ("start=2026-03-02&end=2026-03-01", "before"),
        ("reported_on=soon", "The date of the report must be a date like 2026-01-31"),
        ("reported_on=2026-03-01T00:00", "needs a UTC offset"),
    ],
)
def test_a_date_that_cannot_be_read_is_said_beside_the_form(
    browser: Browser, facility: UUID, query: str, says: str
) -> None:
    answer = browser.get(f"/facilities/{facility}/changes?{query}")

    assert answer.status_code == 422
    read = pages.words(answer.text)
    assert says in read
    assert "Compare" in read
