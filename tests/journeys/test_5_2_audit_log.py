"""Story 5.2: people see what happened at their facility, administrators find it in the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from dcarbon.services import people as people_service
from dcarbon.services.actors import SYSTEM
from tests.journeys import steps
from tests.journeys.conftest import People

pytestmark = pytest.mark.browser


def test_what_a_person_did_is_in_their_activity_and_found_by_an_administrator(
    people: People, seen: Callable[[Page, str], None]
) -> None:
    owner = people.signed_in("owner.52@example.test")
    steps.residential_facility(owner, "Ledger House", "sunny")
    owner.goto(owner.url.partition("/connected")[0])
    steps.press(owner.get_by_role("link", name="Activity"))

    expect(owner.get_by_role("heading", name="Authorization given")).to_be_visible()
    expect(owner.get_by_role("heading", name="Readings imported").first).to_be_visible()
    seen(owner, "5-2-activity")
    steps.press(owner.get_by_role("link", name="Data", exact=True))
    expect(owner.get_by_role("heading", name="Authorization given")).to_have_count(0)

    runtime = people.site.runtime
    people_service.make_admin(
        runtime.sessions, email="admin.52@example.test", actor=SYSTEM, now=runtime.now()
    )
    admin = people.signed_in("admin.52@example.test")
    steps.press(admin.get_by_role("link", name="Administration"))
    steps.press(admin.get_by_role("link", name="Audit log"))
    seen(admin, "5-2-audit-log")
    admin.get_by_label("What happened").select_option("Authorization started")
    admin.get_by_label("Facility").fill("ledger")
    steps.press(admin.get_by_role("button", name="Search"))

    expect(admin.get_by_role("heading", name="Authorization started")).to_have_count(1)
    expect(admin.get_by_role("link", name=re.compile("^127.0.0.1"))).to_be_visible()
    admin.get_by_text("Details of entry").click()
    expect(admin.get_by_text("Hash", exact=True)).to_be_visible()
    seen(admin, "5-2-audit-found")
    with admin.expect_download() as started:
        admin.get_by_role("link", name="JSON lines").click()
    lines = started.value.path().read_text("utf-8").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["authorization_started"]
    admin.goto(f"{people.site.url}/admin/audit?ip=everywhere")
    expect(admin.get_by_text("neither an IP address nor a network")).to_be_visible()
    seen(admin, "5-2-audit-refused")
