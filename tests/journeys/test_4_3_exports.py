"""Story 4.3: readings are taken away as CSV, Excel and Parquet, and opened again.

What is in the files is compared with what the database holds, as its own view tells it.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from dcarbon.services.runtime import Runtime
from tests.journeys import steps
from tests.journeys.conftest import ARTEFACTS, PHONE, People

pytestmark = pytest.mark.browser

_STORED = text(
    "select i.value from intervals i join meters m on m.id = i.meter_id"
    " join facilities f on f.id = m.facility_id where f.name = :name"
    " order by m.external_id, i.direction, i.channel_id, i.start_utc"
)


def test_readings_are_taken_away_in_each_format(
    people: People, seen: Callable[[Page, str], None], tmp_path: Path
) -> None:
    page = people.signed_in("owner.43x@example.test")
    steps.residential_facility(page, "Export House", "sunny")
    page.get_by_role("link", name="Export House").first.click()
    expect(page.locator("#progress-title")).to_have_count(0)
    page.reload()
    steps.press(page.get_by_role("link", name="Exports", exact=True))
    expected = _stored(people.site.runtime, "Export House")
    expect(page.locator("#summary")).to_contain_text(f"{len(expected):,} readings")
    seen(page, "4-3-exports")
    page.set_viewport_size(PHONE)
    page.screenshot(path=ARTEFACTS / "4-3-exports-phone.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=ARTEFACTS / "4-3-exports-dark.png", full_page=True)

    for kind, opened in (("CSV", _csv), ("Excel", _excel), ("Parquet", _parquet)):
        page.get_by_role("radio", name=re.compile(f"^{kind}")).check()
        ending = {"CSV": "zip", "Excel": "xlsx", "Parquet": "parquet"}[kind]
        expect(page.locator("#summary code")).to_have_text(re.compile(rf"\.{ending}$"))
        assert opened(_downloaded(page, "Download", tmp_path)) == expected
    about = _downloaded(page, "What is in it, as text", tmp_path).read_text(encoding="utf-8")
    assert f"Readings: {len(expected):,}\n" in about


def test_a_choice_is_counted_before_it_is_taken(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    page = people.signed_in("owner.43y@example.test")
    steps.residential_facility(page, "Counting House", "sunny")
    page.get_by_role("link", name="Counting House").first.click()
    expect(page.locator("#progress-title")).to_have_count(0)
    steps.press(page.get_by_role("link", name="Exports", exact=True))
    summary = page.locator("#summary")
    first = page.get_by_label("First day").input_value()

    page.get_by_label("Last day").fill(first)
    page.get_by_label("Last day").blur()
    expect(summary).to_contain_text(re.compile(r"\b(92|96|100|184|192|200) readings"))
    page.get_by_label("First day").fill("2020-01-01")
    page.get_by_label("Last day").fill("2020-01-31")
    page.get_by_label("Last day").blur()
    expect(summary).to_contain_text("No readings in this range")
    expect(summary.get_by_role("button", name="Download")).to_have_count(0)
    page.get_by_label("Last day").fill("2019-01-31")
    page.get_by_label("Last day").blur()
    expect(summary).to_contain_text("This cannot be exported")
    seen(page, "4-3-exports-refused")
    steps.press(page.get_by_role("link", name="All readings"))
    page.get_by_role("radio", name="As reported on").check()
    page.get_by_label("Date of the report").fill("2020-01-01")
    page.get_by_label("Date of the report").blur()
    expect(summary).to_contain_text("as reported on Jan 1, 2020")
    expect(summary).to_contain_text("No readings")


def _downloaded(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.locator("#summary").get_by_text(name).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def _stored(runtime: Runtime, facility: str) -> list[Decimal]:
    with runtime.sessions() as session:
        return [Decimal(one) for one in session.scalars(_STORED, {"name": facility})]


def _csv(path: Path) -> list[Decimal]:
    with (
        zipfile.ZipFile(path) as archive,
        archive.open("readings.csv") as content,
        io.TextIOWrapper(content, encoding="utf-8", newline="") as file,
    ):
        return [Decimal(row["value"]) for row in csv.DictReader(file, strict=True)]


def _excel(path: Path) -> list[Decimal]:
    book = openpyxl.load_workbook(path, read_only=True)
    assert book.sheetnames == ["Readings", "About"]
    rows = book["Readings"].iter_rows(min_row=2, values_only=True)
    return [Decimal(str(row[6])) for row in rows]


def _parquet(path: Path) -> list[Decimal]:
    return list(pq.read_table(path)["value"].to_pylist())
