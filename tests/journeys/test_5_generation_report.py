"""Issue 5: a month of readings becomes a registry's file, evidence, and later a correction."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, expect
from sqlalchemy import select

from dcarbon.db.people import Person
from dcarbon.services import facilities, generation_adjustments
from dcarbon.services.actors import Actor
from dcarbon.services.facilities import FacilityDetails
from tests.journeys import steps
from tests.journeys.conftest import People, Site
from tests.support import solar_month
from tests.support.solar_month import Roof

pytestmark = pytest.mark.browser
EMAIL = "owner.5g@example.test"


def months() -> tuple[date, date]:
    """Return the last month that is over, and the one before it."""
    this = datetime.now(solar_month.ZONE).date().replace(day=1)
    last = (this - timedelta(days=1)).replace(day=1)
    return last, (last - timedelta(days=1)).replace(day=1)


def with_a_gap(before: date) -> solar_month.Hour:
    """Return hours of which three are missing on a day of the earlier month."""

    def hour(direction: str, at: datetime) -> int | None:
        is_gap = at.date() == before.replace(day=12) and 11 <= at.hour < 14
        return None if is_gap else solar_month.sunny(direction, at) + at.day * 700

    return hour


def build(site: Site, folder: Path) -> Roof:
    """Give the person who has just signed in a roof with two months of readings."""
    last, before = months()
    with site.runtime.sessions() as session:
        person = session.scalars(select(Person).where(Person.email == EMAIL)).one()
    facility = facilities.create(
        site.runtime.sessions,
        FacilityDetails(name="Sunny Warehouse", city="Fresno", state="CA"),
        account_kind="commercial",
        role="owner_operator",
        actor=Actor(person.id),
        now=site.runtime.now(),
    )
    this = (last + timedelta(days=40)).replace(day=1)
    content = solar_month.feed(before, this - timedelta(days=1), with_a_gap(before))
    return solar_month.build(
        site.runtime,
        facility,
        Actor(person.id),
        folder,
        content,
        claim_from=before,
        name="Roof array",
        registry="wregis",
        registry_id="W5521",
    )


def restate(roof: Roof, day: date) -> None:
    """Let the utility state less export for one day, and the system notice."""

    def hour(direction: str, at: datetime) -> int:
        return solar_month.sunny(direction, at) // (2 if direction == "received" else 1)

    roof.take_in(solar_month.feed(day, day, hour))
    generation_adjustments.look(roof.runtime)


def test_a_month_is_reported_proven_and_corrected(
    site: Site, people: People, seen: Callable[[Page, str], None], tmp_path: Path
) -> None:
    page = people.signed_in(EMAIL, kind="commercial")
    roof = build(site, tmp_path)
    last, before = months()
    page.goto(f"{site.url}/facilities/{roof.facility.id}")
    steps.press(page.get_by_role("link", name="Generation", exact=True))
    seen(page, "5-generation-months")

    row = page.get_by_role("row").filter(has_text=f"{before:%B %Y}")
    expect(row.get_by_text("Not complete")).to_be_visible()
    steps.press(row.get_by_role("button", name=re.compile("Look at it")))
    expect(page.get_by_text("3 of 24 hours lack readings").first).to_be_visible()
    expect(page.get_by_role("button", name="Make it final")).to_have_count(0)
    seen(page, "5-report-stopped")

    steps.press(page.get_by_role("link", name="Generation", exact=True).first)
    row = page.get_by_role("row").filter(has_text=f"{last:%B %Y}")
    steps.press(row.get_by_role("button", name=re.compile("Prepare the report")))
    expect(page.get_by_text("only the hourly positive flow to the grid counts")).to_be_visible()
    seen(page, "5-report-draft")
    steps.press(page.get_by_role("button", name="Make it final"))
    expect(page.get_by_text("The report is final.")).to_be_visible()
    seen(page, "5-report-final")

    number = page.locator(".report-number strong").inner_text()
    file = _downloaded(page, "Download CSV")
    assert file.path().read_text().split(",")[2:] == [
        f"{last:%m/%Y}",
        f"{last:%m/%d/%Y}",
        f"{(last + timedelta(days=31)).replace(day=1) - timedelta(days=1):%m/%d/%Y}",
        number,
    ]
    assert _downloaded(page, "Download PDF").path().read_bytes().startswith(b"%PDF-")
    _verify(_downloaded(page, "Download ZIP"), tmp_path / "evidence", number)

    restate(roof, last.replace(day=9))
    page.goto(f"{site.url}/facilities/{roof.facility.id}/generation")
    expect(page.get_by_text("has changed since it was reported")).to_be_visible()
    seen(page, "5-generation-correction")
    steps.press(page.get_by_role("link", name="Look at the correction").first)
    expect(page.get_by_role("heading", name="The full corrected total")).to_be_visible()
    expect(page.get_by_text(re.compile(r"for another \d+ days"))).to_be_visible()
    seen(page, "5-report-correction")
    link = site.link_in_mail(EMAIL, "/generation-reports/")
    assert link == page.url

    phone = people.signed_in(EMAIL, dark=True, phone=True)
    phone.goto(page.url)
    seen(phone, "5-report-phone-dark")
    phone.goto(f"{site.url}/facilities/{roof.facility.id}/generation")
    seen(phone, "5-generation-phone-dark")
    steps.press(page.get_by_role("button", name="Make it final"))
    expect(page.get_by_text("What is carried")).to_be_visible()
    seen(page, "5-report-corrected")


def _downloaded(page: Page, name: str) -> Download:
    with page.expect_download() as awaited:
        page.get_by_role("link", name=name).click()
    return awaited.value


def _verify(download: Download, folder: Path, number: str) -> None:
    """Unpack the evidence and let its own program compute the number, in a clean process."""
    folder.mkdir()
    download.save_as(folder / "evidence.zip")
    subprocess.run(
        [sys.executable, "-m", "zipfile", "-e", "evidence.zip", "."], cwd=folder, check=True
    )
    (folder / "evidence.zip").unlink()
    done = subprocess.run(
        [sys.executable, "-I", "verify.py"],
        cwd=folder,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split(" MWh")[0]) == (0, f"OK: {number}"), done.stdout
