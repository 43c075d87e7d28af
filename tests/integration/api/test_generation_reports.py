"""Generation reports by page and API: from the month to the files, and nothing for strangers."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dcarbon.db.audit import AuditEntry
from dcarbon.db.facilities import Facility
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import Resident, said
from tests.support import solar_month
from tests.support.browser import Browser
from tests.support.solar_month import Roof

pytestmark = pytest.mark.database
FEBRUARY = date(2026, 2, 1)


@pytest.fixture
def roof(runtime: Runtime, ann: Resident, tmp_path: Path) -> Roof:
    return _roof(runtime, ann, tmp_path)


def _roof(runtime: Runtime, who: Resident, folder: Path, **answers: str) -> Roof:
    with runtime.sessions() as session:
        facility = session.get_one(Facility, who.facility_id)
    return solar_month.build(
        runtime,
        facility,
        Actor(who.person_id),
        folder,
        solar_month.feed(FEBRUARY, date(2026, 2, 28)),
        claim_from=FEBRUARY,
        **answers,
    )


@pytest.fixture
def browser(app: Flask, runtime: Runtime, ann: Resident) -> Browser:
    return pages.at_browser(app, runtime, pages.person(runtime, "ann@example.org"))


def prepared(client: FlaskClient, roof: Roof, who: Resident, month: str = "2026-02") -> UUID:
    body = {"generating_unit_id": str(roof.unit_id), "month": month}
    response = client.post("/generation-reports", json=body, headers=who.headers)
    assert response.status_code == 201, response.text
    return UUID(said(response)["id"])


def final(client: FlaskClient, roof: Roof, who: Resident) -> UUID:
    report = prepared(client, roof, who)
    response = client.post(f"/generation-reports/{report}/finalise", headers=who.headers)
    assert response.status_code == 200, response.text
    return report


def test_a_program_takes_a_month_from_draft_to_file(
    client: FlaskClient, roof: Roof, ann: Resident
) -> None:
    report = prepared(client, roof, ann)
    draft = said(client.get(f"/generation-reports/{report}", headers=ann.headers))
    done = said(client.post(f"/generation-reports/{report}/finalise", headers=ann.headers))
    file = client.get(f"/generation-reports/{report}/file", headers=ann.headers)

    assert (draft["state"], draft["reported"], draft["file_sha256"]) == ("draft", "11.760", None)
    assert draft["checks"]["errors"] == []
    assert len(draft["checks"]["passed"]) > 20
    assert draft["days"][0]["wh"] == "420000"
    assert (done["state"], done["ledger"]["certificates"]) == ("final", 11)
    assert done["ledger"]["remainder"] == "0.760"
    assert file.data == b"805,805,02/2026,02/01/2026,02/28/2026,11.760"
    assert file.mimetype == "text/csv"
    assert 'filename="mrets-805-2026-02.csv"' in file.headers["Content-Disposition"]


def test_a_unit_says_how_its_months_stand(client: FlaskClient, roof: Roof, ann: Resident) -> None:
    final(client, roof, ann)

    found = said(client.get(f"/generating-units/{roof.unit_id}/reports", headers=ann.headers))

    assert [(one["month"], one["state"]) for one in found["months"]] == [
        ("2026-03-01", "not_over"),
        ("2026-02-01", "reported"),
    ]
    assert found["months"][1]["known"] == "11.760000"
    assert found["months"][1]["report_by"] == "2027-02-28"
    assert [line["certificates"] for line in found["ledger"]] == [11]
    assert found["corrections"] == []


def test_statement_and_evidence_are_sent_as_files(
    client: FlaskClient, roof: Roof, ann: Resident, runtime: Runtime
) -> None:
    report = final(client, roof, ann)

    statement = client.get(f"/generation-reports/{report}/statement", headers=ann.headers)
    evidence = client.get(f"/generation-reports/{report}/evidence", headers=ann.headers)

    assert (statement.mimetype, statement.data[:5]) == ("application/pdf", b"%PDF-")
    with zipfile.ZipFile(io.BytesIO(evidence.data)) as packed:
        assert packed.testzip() is None
        assert {"README.txt", "verify.py", "report.json", "SHA256SUMS"} <= set(packed.namelist())
    evidence.close()
    with runtime.sessions() as session:
        files = [
            row.details["file"]
            for row in session.query(AuditEntry).filter_by(event="generation_report_downloaded")
        ]
    assert len(files) == 2


@pytest.mark.parametrize("kind", ["file", "statement", "evidence"])
def test_a_draft_has_no_files(client: FlaskClient, roof: Roof, ann: Resident, kind: str) -> None:
    report = prepared(client, roof, ann)

    response = client.get(f"/generation-reports/{report}/{kind}", headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == (409, "report_not_final")


def test_what_stands_in_the_way_is_said_to_programs(
    client: FlaskClient, roof: Roof, ann: Resident
) -> None:
    report = prepared(client, roof, ann, month="2026-03")

    response = client.post(f"/generation-reports/{report}/finalise", headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == (409, "report_has_errors")
    assert "The month is not over" in said(response)["detail"]


def test_a_stranger_finds_nothing(
    client: FlaskClient, roof: Roof, ann: Resident, ben: Resident
) -> None:
    report = final(client, roof, ann)
    body = {"generating_unit_id": str(roof.unit_id), "month": "2026-02"}

    answers = [
        client.get(f"/generating-units/{roof.unit_id}/reports", headers=ben.headers),
        client.post("/generation-reports", json=body, headers=ben.headers),
        client.post(f"/generation-reports/{report}/finalise", headers=ben.headers),
        *(
            client.get(f"/generation-reports/{report}{path}", headers=ben.headers)
            for path in ("", "/file", "/statement", "/evidence")
        ),
    ]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("month", ["2026-13", "March", "2026-04"])
def test_a_month_that_is_none_is_refused(
    client: FlaskClient, roof: Roof, ann: Resident, month: str
) -> None:
    body = {"generating_unit_id": str(roof.unit_id), "month": month}

    response = client.post("/generation-reports", json=body, headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == (422, "month_invalid")


def test_the_generation_page_leads_to_the_report(
    browser: Browser, roof: Roof, ann: Resident
) -> None:
    page = f"/facilities/{ann.facility_id}/generation"
    shown = pages.words(browser.get(page).text)

    asked = browser.post(
        "/generation-reports", {"unit": str(roof.unit_id), "month": "2026-02"}, page=page
    )
    report = pages.words(browser.get(urlsplit(asked.location).path).text)

    assert "February 2026 Ready to report 11.760" in shown
    assert "March 2026 Not over yet" in shown
    assert asked.status_code == 303
    assert "11.760 MWh" in report
    assert "only the hourly positive flow to the grid counts" in report
    assert "Nothing stands against this report" in report
    assert "Sun, Feb 1 , 2026 24 420.000 Complete" in report
    assert "Make it final" in report


def test_a_person_makes_it_final_and_gets_the_files(browser: Browser, roof: Roof) -> None:
    page = _drafted(browser, roof)
    seen = _seen(browser.get(page).text)

    answered = browser.post(f"{page}/finalise", {"seen": seen}, page=page)
    shown = browser.get(page).text

    assert answered.status_code == 303
    assert "The report is final" in pages.words(shown)
    assert "11 certificates, and 0.760 MWh carried to the next report" in pages.words(shown)
    assert f"{page}/file" in shown
    assert f"{page}/evidence" in shown
    assert browser.get(f"{page}/file").data.endswith(b"11.760")


def test_a_person_who_looked_at_another_number_is_told(browser: Browser, roof: Roof) -> None:
    page = _drafted(browser, roof)

    answered = browser.post(f"{page}/finalise", {"seen": "00" * 32}, page=page)

    assert answered.status_code == 303
    assert "Please look at the number again" in pages.words(browser.get(page).text)


def test_a_report_that_errors_stop_offers_no_button_and_says_what_to_do(
    browser: Browser, roof: Roof
) -> None:
    page = _drafted(browser, roof, month="2026-03")
    shown = pages.words(browser.get(page).text)

    answered = browser.post(f"{page}/finalise", {}, page=page)

    assert "Make it final" not in shown
    assert "Stops the report The month is not over" in shown
    assert "Readings are missing on Mar 1, 2026" in shown
    assert answered.status_code == 303
    assert "The month is not over" in pages.words(browser.get(page).text)


def test_what_is_unconfirmed_is_said_on_the_page(
    browser: Browser, runtime: Runtime, ann: Resident, tmp_path: Path
) -> None:
    roof = _roof(runtime, ann, tmp_path, registry="wregis", registry_id="W5521")

    shown = pages.words(browser.get(_drafted(browser, roof)).text)

    assert "Unconfirmed" in shown
    assert "The current WREGIS file format is not public" in shown
    assert "Report the month now Mar 1, 2026 to May 14, 2026, 55 days left" in shown


def test_the_days_lead_to_the_pages_of_the_days(
    browser: Browser, roof: Roof, ann: Resident
) -> None:
    shown = browser.get(_drafted(browser, roof)).text

    assert f"/facilities/{ann.facility_id}/coverage/{roof.meter_id}/2026-02-01" in shown
    assert (
        browser.get(
            f"/facilities/{ann.facility_id}/coverage/{roof.meter_id}/2026-02-01"
        ).status_code
        == 200
    )


def test_names_of_people_are_shown_as_they_were_typed(
    browser: Browser, runtime: Runtime, ann: Resident, tmp_path: Path
) -> None:
    roof = _roof(runtime, ann, tmp_path, name="<b>Roof</b>")

    shown = browser.get(_drafted(browser, roof)).text

    assert "<b>Roof</b>" not in shown
    assert "&lt;b&gt;Roof&lt;/b&gt;" in shown


@pytest.mark.parametrize("path", ["", "/file"])
def test_somebody_not_signed_in_signs_in_first(
    app: Flask, client: FlaskClient, roof: Roof, ann: Resident, path: str
) -> None:
    report = final(client, roof, ann)

    answered = Browser(app).get(f"/generation-reports/{report}{path}")

    assert answered.status_code == 303
    assert answered.location.startswith("/sign-in")


def _drafted(browser: Browser, roof: Roof, month: str = "2026-02") -> str:
    asked = browser.post(
        "/generation-reports",
        {"unit": str(roof.unit_id), "month": month},
        page=f"/facilities/{roof.facility.id}/generation",
    )
    return urlsplit(asked.location).path


def _seen(shown: str) -> str:
    return shown.partition('name="seen" value="')[2].partition('"')[0]
