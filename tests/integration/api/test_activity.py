"""People see what happened at their own facilities: who did it as they may know them, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from dcarbon.db.people import Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services import audit
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.conftest import NOW

_IMPORTED = {"new": 2976, "start": "2026-03-01T08:00:00+00:00"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def owner(runtime: Runtime) -> Person:
    return pages.person(runtime, "olive@example.test")


@pytest.fixture
def facility(runtime: Runtime, owner: Person) -> UUID:
    """An owner, an operator and an administrator have each done something here."""
    made = pages.facility(runtime, owner)
    operator = pages.person(runtime, "oscar@example.test")
    admin = pages.person(runtime, "ada@example.test", is_admin=True)
    pages.give_role(runtime, made, operator, "operator")
    elsewhere = pages.facility(runtime, operator, name="Barn")
    with runtime.sessions.begin() as session:
        for hours, event, actor, place, more in [
            (50, AuditEvent.FACILITY_UPDATED, Actor(owner.id, ip="203.0.113.9"), made, {}),
            (49, AuditEvent.DATA_EXPORTED, Actor(operator.id, ip="198.51.100.4"), made, {}),
            (48, AuditEvent.FACILITY_UPDATED, Actor(operator.id), elsewhere, {}),
            (2, AuditEvent.AUTHORIZATION_REVOKED, Actor(admin.id, ip="192.0.2.1"), made, {}),
            (1, AuditEvent.INTERVAL_DATA_IMPORTED, SYSTEM, made, _IMPORTED),
        ]:
            at = NOW - timedelta(hours=hours)
            told: dict[str, Any] = {"reason": "asked by phone", **more}
            audit.record(session, event, actor=actor, at=at, facility_id=place, **told)
    return made


def test_the_tab_tells_who_did_what_and_hides_what_is_not_theirs_to_know(
    app: Flask, runtime: Runtime, owner: Person, facility: UUID
) -> None:
    browser = pages.at_browser(app, runtime, owner)

    read = pages.words(browser.get(f"/facilities/{facility}/activity").text)
    told = browser.client.get(f"/facilities/{facility}/activity", headers=JSON).get_json()

    assert "4:00 AM PDT Readings imported" in read
    assert "From 2026-03-01 00:00 PST" in read
    assert "New readings 2,976" in read
    assert "By an administrator of DCarbon" in read
    assert "By Oscar" in read
    assert "By you" in read
    assert not [hidden for hidden in ("Ada", "asked by phone", "198.51.100.4") if hidden in read]
    assert "203.0.113.9" in read
    events = [(one["event"], one["who"], one["ip"]) for one in told["events"]]
    # The facility was made at the tests' now, after what is told above.
    assert events == [
        ("facility_created", "Olive", None),
        ("interval_data_imported", "DCarbon", None),
        ("authorization_revoked", "an administrator of DCarbon", None),
        ("data_exported", "Oscar", None),
        ("facility_updated", "Olive", "203.0.113.9"),
    ]
    assert "asked by phone" not in str(told)


def test_kinds_and_pages_narrow_the_list(
    app: Flask, runtime: Runtime, owner: Person, facility: UUID
) -> None:
    browser = pages.at_browser(app, runtime, owner)
    address = f"/facilities/{facility}/activity"

    data = browser.client.get(f"{address}?about=data", headers=JSON).get_json()
    first = browser.client.get(f"{address}?limit=2", headers=JSON).get_json()
    rest = browser.client.get(f"{address}?after={first['next']}", headers=JSON).get_json()
    nothing = pages.words(browser.get(f"{address}?about=generation").text)
    unknown = browser.client.get(f"{address}?about=moon", headers=JSON)

    assert [one["event"] for one in data["events"]] == ["interval_data_imported", "data_exported"]
    assert (len(first["events"]), len(rest["events"]), rest["next"]) == (2, 3, None)
    assert "Nothing of this kind has happened yet." in nothing
    assert unknown.status_code == 422


@pytest.mark.parametrize("name", ["endpoint", "_method", "_scheme", "_anchor", "facility_id"])
def test_what_an_address_says_besides_leads_nowhere_else(
    app: Flask, runtime: Runtime, owner: Person, facility: UUID, name: str
) -> None:
    browser = pages.at_browser(app, runtime, owner)
    address = f"/facilities/{facility}/activity"
    after = browser.client.get(f"{address}?limit=2", headers=JSON).get_json()["next"]

    shown = browser.get(f"{address}?after={after}&{name}=ftp")

    assert shown.status_code == 200
    assert f'href="{address}?{name}=ftp"' in shown.text
