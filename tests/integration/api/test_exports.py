"""Exports by the API and by the page of a facility: files, words beside them, and refusals."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, datetime

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.base import new_id
from dcarbon.db.people import Person
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import Resident, install_meter, said
from tests.support.browser import Browser

pytestmark = pytest.mark.database
FIRST = datetime(2026, 3, 7, 8, tzinfo=UTC)
"""Local midnight of the day before clocks go forward."""
RANGE = {"start": "2026-03-07", "end": "2026-03-10"}


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.org")


@pytest.fixture
def browser(app: Flask, runtime: Runtime, owner: Person) -> Browser:
    return pages.at_browser(app, runtime, owner)


def lines(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def test_a_program_gets_each_format_with_its_name_and_type(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    meter = install_meter(runtime, ann.facility_id, first=FIRST, values=[5, None, 7])
    query = {"meter_id": str(meter), **RANGE}

    text = client.get("/exports", query_string=query, headers=ann.headers)
    book = client.get("/exports", query_string={**query, "format": "xlsx"}, headers=ann.headers)
    table = client.get("/exports", query_string={**query, "format": "parquet"}, headers=ann.headers)

    assert [row["value"] for row in lines(text.data)] == ["5", "7"]
    assert (text.mimetype, text.headers["X-Readings"]) == ("text/csv", "2")
    assert text.headers["Content-Disposition"] == (
        'attachment; filename="home-1001-2026-03-07-to-2026-03-09.csv"'
    )
    assert openpyxl.load_workbook(io.BytesIO(book.data))["Readings"]["G3"].value == 7
    assert book.headers["Content-Disposition"].endswith('.xlsx"')
    assert pq.read_table(pa.BufferReader(table.data)).num_rows == 2
    assert table.mimetype == "application/vnd.apache.parquet"
    for answer in (text, book, table):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_not_theirs_is_not_found(
    client: FlaskClient, runtime: Runtime, ann: Resident, ben: Resident
) -> None:
    meter = install_meter(runtime, ann.facility_id, first=FIRST, values=[5])

    for query in (
        {"meter_id": str(meter)},
        {"facility_id": str(ann.facility_id)},
        {"facility_id": str(ben.facility_id), "meter_id": str(meter)},
        {"meter_id": str(new_id())},
    ):
        for path in ("/exports", "/exports/about"):
            answer = client.get(path, query_string={**query, **RANGE}, headers=ben.headers)
            assert (answer.status_code, said(answer)["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "wrong",
    [
        {"start": "soon"},
        {"end": "2026-03-01"},
        {"format": "pdf"},
        {"reported_on": "never"},
        {"meter_id": ""},
        {"colour": "red"},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    client: FlaskClient, ann: Resident, wrong: dict[str, str]
) -> None:
    query = {"facility_id": str(ann.facility_id), **RANGE, **wrong}

    answer = client.get("/exports", query_string=query, headers=ann.headers)

    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


def test_a_program_can_ask_first_what_it_would_get(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    install_meter(runtime, ann.facility_id, first=FIRST, values=[5, None, 7])
    query = {"facility_id": str(ann.facility_id), **RANGE}

    told = said(client.get("/exports/about", query_string=query, headers=ann.headers))

    assert told["readings"] == 2
    (meter,) = told["meters"]
    assert (meter["name"], meter["time_zone"]) == ("1001", "America/Los_Angeles")
    assert meter["channels"][0]["readings"] == 2
    assert told["file_names"]["csv"] == "home-1001-2026-03-07-to-2026-03-09.csv"
    exported = client.get("/exports", query_string=query, headers=ann.headers)
    assert [column["name"] for column in told["columns"]] == list(lines(exported.data)[0])


def test_the_description_names_what_kinds_of_file_there_are(client: FlaskClient) -> None:
    path = said(client.get("/openapi.json"))["paths"]["/exports"]["get"]

    assert set(path["responses"]["200"]["content"]) == {
        "text/csv",
        "application/zip",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.apache.parquet",
    }
    assert "429" in path["responses"]


def test_the_page_says_how_much_the_choice_comes_to(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility = pages.facility(runtime, owner)
    install_meter(runtime, facility, first=FIRST, values=list(range(96)))
    install_meter(runtime, facility, first=FIRST, values=[1] * 4, direction="received")

    shown = browser.get(f"/facilities/{facility}/exports")
    less = browser.get(
        f"/facilities/{facility}/exports?first=2026-03-08&last=2026-03-08&format=xlsx"
    )

    read = pages.words(shown.text)
    assert "100 readings of 2 meters, as known today" in read
    assert "mill-2026-03-07-to-2026-03-07.zip" in read
    assert "payload_sha256" in read
    assert "No readings in this range, as known today." in pages.words(less.text)
    assert 'type="submit"> Download' not in less.text


def test_the_form_leads_to_the_file(browser: Browser, runtime: Runtime, owner: Person) -> None:
    facility = pages.facility(runtime, owner)
    install_meter(runtime, facility, first=FIRST, values=list(range(96)))
    query = "first=2026-03-07&last=2026-03-07&known=today&reported_on=&format=zip"

    file = browser.get(f"/facilities/{facility}/exports/download?{query}")
    about = browser.get(f"/facilities/{facility}/exports/about?{query}")

    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        assert len(lines(archive.read("readings.csv"))) == 96
        assert archive.read("about.txt").decode() == about.text
    assert about.mimetype == "text/plain"
    assert "Readings: 96\n" in about.text
    with runtime.sessions() as session:
        events = session.scalars(select(AuditEntry.event)).all()
    assert events.count("data_exported") == 1


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("first=x", "The first day must be a date like 2026-01-31."),
        ("first=2026-03-09&last=2026-03-01", "The start is not before the end."),
        ("known=reported", "Please give the date the readings should be as reported on."),
        ("last=9999-12-31", "The range does not lie between"),
    ],
)
def test_a_choice_that_makes_no_sense_is_said_in_the_form(
    browser: Browser, runtime: Runtime, owner: Person, query: str, says: str
) -> None:
    facility = pages.facility(runtime, owner)
    install_meter(runtime, facility, first=FIRST, values=[1])

    for path in ("", "/download", "/about"):
        answer = browser.get(f"/facilities/{facility}/exports{path}?{query}")
        assert answer.status_code == 422
        assert says in pages.words(answer.text)


def test_a_facility_without_meters_or_readings_says_what_comes(
    browser: Browser, runtime: Runtime, owner: Person
) -> None:
    facility = pages.facility(runtime, owner)
    answer = browser.get(f"/facilities/{facility}/exports")
    assert "Nothing to export yet" in answer.text

    install_meter(runtime, facility, first=FIRST, values=[None])

    assert "No readings yet" in browser.get(f"/facilities/{facility}/exports").text


def test_the_quota_is_said_on_the_page(browser: Browser, runtime: Runtime, owner: Person) -> None:
    facility = pages.facility(runtime, owner)
    install_meter(runtime, facility, first=FIRST, values=[1])
    address = f"/facilities/{facility}/exports/download"
    for _ in range(runtime.settings.exports_per_person):
        assert browser.get(address).status_code == 200

    refused = browser.get(address)

    assert refused.status_code == 429
    assert "Many exports were made within the hour." in pages.words(refused.text)


def test_somebody_elses_page_is_not_found(app: Flask, runtime: Runtime, browser: Browser) -> None:
    other = pages.facility(runtime, pages.person(runtime, "oscar@example.org"))

    for path in ("", "/download", "/about"):
        assert browser.get(f"/facilities/{other}/exports{path}").status_code == 404
    assert Browser(app).get(f"/facilities/{other}/exports").status_code == 303
