"""Administrators search the audit log, page through it and take it with them."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from dcarbon.db import audit_search as db
from dcarbon.db.audit_search import Wanted
from dcarbon.db.people import Person
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.audit_proof import Proof, entries_in
from dcarbon.domain.errors import InvalidInput
from dcarbon.services import audit
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from tests.integration.api import pages
from tests.integration.conftest import NOW
from tests.support.browser import Browser

JSON = {"Accept": "application/json"}
HASH = "5f" * 32
E = AuditEvent


class Log:
    """Some weeks of two facilities. Entries are found by what stands in ``mark``."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.olive = pages.person(runtime, "olive@example.test")
        self.oscar = pages.person(runtime, "oscar@example.test")
        self.mill = pages.facility(runtime, self.olive, name="Mill")
        self.barn = pages.facility(runtime, self.oscar, name="100% Barn")
        self.authorization = pages.authorization(runtime, self.mill, self.olive)
        olive = Actor(self.olive.id, ip="203.0.113.9")
        oscar = Actor(self.oscar.id, ip="2001:db8::7")
        mill: dict[str, Any] = {"facility_id": self.mill, "authorization_id": self.authorization}
        with runtime.sessions.begin() as session:
            done: list[tuple[int, AuditEvent, Actor, dict[str, Any]]] = [
                (30, E.AUTHORIZATION_STARTED, olive, {**mill, "provider": "pge"}),
                (29, E.AUTHORIZATION_FAILED, SYSTEM, {**mill, "code": "oauth_access_denied"}),
                (20, E.PERSON_UPDATED, oscar, {"person": str(self.olive.id)}),
                (10, E.PAYLOAD_UNREADABLE, SYSTEM, {**mill, "payload": HASH}),
                (5, E.DATA_EXPORTED, oscar, {"facility_id": self.barn, "format": "=1+1"}),
            ]
            for days, event, actor, more in done:
                at = NOW - timedelta(days=days)
                audit.record(session, event, actor=actor, at=at, mark=f"m{days}", **more)


@pytest.fixture
def log(runtime: Runtime) -> Log:
    return Log(runtime)


@pytest.fixture
def admin(runtime: Runtime) -> Person:
    return pages.person(runtime, "ada@example.test", is_admin=True)


@pytest.fixture
def browser(app: Flask, runtime: Runtime, admin: Person) -> Browser:
    return pages.at_browser(app, runtime, admin)


def asked(browser: Browser, **query: object) -> dict[str, Any]:
    answer = browser.client.get("/admin/audit", headers=JSON, query_string=query)
    assert answer.status_code == 200, answer.text
    found = answer.get_json()
    assert isinstance(found, dict)
    return found


def marks(browser: Browser, **query: object) -> list[str]:
    """Return the marks of what is found among the entries of the log above."""
    found = asked(browser, limit=200, **query)["entries"]
    return [one["details"]["mark"] for one in found if "mark" in one["details"]]


def test_each_filter_finds_its_entries_the_newest_first(browser: Browser, log: Log) -> None:
    """In one test, because the log they look at is made once."""
    olive, mill = str(log.olive.id), str(log.mill)
    for query, found in [
        ({}, ["m5", "m10", "m20", "m29", "m30"]),
        ({"event": "authorization_failed"}, ["m29"]),
        ({"event": "authorizations,data_exported"}, ["m5", "m29", "m30"]),
        ({"event": "data"}, ["m5", "m10"]),
        # What a person did, and what was done about them
        ({"person": "olive"}, ["m20", "m30"]),
        ({"person": olive}, ["m20", "m30"]),
        ({"person": "oscar@EXAMPLE.test"}, ["m5", "m20"]),
        ({"person": "system"}, ["m10", "m29"]),
        ({"person": "o%r"}, []),
        ({"facility": "mil"}, ["m10", "m29", "m30"]),
        ({"facility": mill.upper()}, ["m10", "m29", "m30"]),
        ({"facility": "0%"}, ["m5"]),
        ({"facility": "nowhere"}, []),
        ({"authorization": str(log.authorization)}, ["m10", "m29", "m30"]),
        ({"authorization": "8675309"}, ["m10", "m29", "m30"]),
        ({"ip": "203.0.113.9"}, ["m30"]),
        ({"ip": "203.0.112.0/23"}, ["m30"]),
        ({"ip": "2001:db8::/32"}, ["m5", "m20"]),
        ({"start": "2026-03-10", "end": "2026-03-15T12:00:00Z"}, ["m10"]),
        # Words: of details by their beginnings, and those that people read for an event
        ({"text": "oauth_access"}, ["m29"]),
        ({"text": HASH}, ["m10"]),
        ({"text": "PGE"}, ["m30"]),
        ({"text": "consent did not"}, ["m29"]),
        ({"text": "could not m10"}, ["m10"]),
        ({"text": "it's \\ -- :* &|!<>"}, []),
        ({"person": "system", "facility": "mill", "event": "data", "text": "m10"}, ["m10"]),
    ]:
        assert marks(browser, **query) == found, query


def test_pages_follow_one_another_without_gap_or_repetition(browser: Browser, log: Log) -> None:
    """Also among entries of one moment, and with two indexes behind one search."""
    with log.runtime.sessions.begin() as session:
        for number in range(7):
            actor = Actor(log.olive.id)
            person = str(log.olive.id) if number % 2 else None
            told: dict[str, Any] = {"person": person, "mark": f"same{number}"}
            audit.record(session, E.PERSON_UPDATED, actor=actor, at=NOW, **told)
    whole = asked(browser, person=str(log.olive.id), limit=200)["entries"]

    found: list[int] = []
    after: dict[str, int] = {}
    while True:
        page = asked(browser, person=str(log.olive.id), limit=3, **after)
        found += [one["seq"] for one in page["entries"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}

    assert found == [one["seq"] for one in whole]
    assert len(set(found)) == len(found) > 9
    assert asked(browser, after=2**63 - 1)["entries"] == []


def test_an_entry_is_told_with_names_of_today_and_its_hash(browser: Browser, log: Log) -> None:
    one = asked(browser, text="m30")["entries"][0]

    assert (one["title"], one["group"]) == ("Authorization started", "authorizations")
    assert (one["actor_name"], one["facility_name"], one["utility"]) == ("Olive", "Mill", "PG&E")
    assert one["ip"] == "203.0.113.9"
    assert one["details"] == {"mark": "m30", "provider": "pge"}
    assert re.fullmatch(r"[0-9a-f]{64}", one["hash"])
    assert datetime.fromisoformat(one["at"]) == NOW - timedelta(days=30)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("event=moon_reached", "none of the events"),
        ("ip=300.1.1.1", "neither an IP address"),
        ("start=soon", "The start must be a date like 2026-01-31"),
        ("start=2026-03-02T00:00", "needs a UTC offset"),
        ("start=2026-03-02&end=2026-03-01", "not before the end"),
    ],
)
def test_what_cannot_be_searched_is_said_beside_the_form_and_to_programs(
    browser: Browser, query: str, says: str
) -> None:
    page = browser.get(f"/admin/audit?{query}")
    answer = browser.client.get(f"/admin/audit?{query}", headers=JSON)

    assert (page.status_code, answer.status_code) == (422, 422)
    assert says in pages.words(page.text)
    assert says in answer.get_json()["detail"]


def test_the_page_keeps_its_search_in_the_address_and_leads_on(browser: Browser, log: Log) -> None:
    shown = browser.get("/admin/audit?facility=mill&event=authorization_started")
    read = pages.words(shown.text)

    assert shown.status_code == 200
    assert "Facility: mill" in read
    assert "Event: Authorization started" in read
    assert "Somebody was sent to the utility to give consent." in read
    assert "Olive" in read
    assert "203.0.113.9" in read
    narrower = re.findall(r'href="([^"]*ip=203[^"]*)"', shown.text)[0].replace("&amp;", "&")
    assert "facility=mill" in narrower
    assert "Authorization started" in pages.words(browser.get(narrower).text)
    assert "No entry fits." in pages.words(browser.get("/admin/audit?text=nowhere").text)


def test_the_whole_log_as_json_lines_proves_itself(
    browser: Browser, log: Log, admin: Person
) -> None:
    got = browser.client.get("/admin/audit/export?format=jsonl")

    proof = Proof()
    entries = list(entries_in(io.BytesIO(got.data), proof))
    for entry in entries:
        proof.take(entry)
    verdict = proof.verdict()
    assert not verdict.findings
    assert verdict.first == 1
    assert f'-to-{verdict.last}.jsonl"' in got.headers["Content-Disposition"]
    newest = asked(browser, limit=1)["entries"][0]
    assert (newest["event"], newest["actor_id"]) == ("audit_log_exported", str(admin.id))
    assert newest["seq"] == verdict.last + 1
    assert newest["details"] == {"filters": [], "format": "jsonl", "last_seq": verdict.last}


def test_files_hold_what_the_search_finds_the_oldest_first(browser: Browser, log: Log) -> None:
    """The name somebody typed is not kept: it could be personal data."""
    chosen = {"person": "oscar", "event": "person_updated,data_exported"}
    rows = _csv(browser.client.get("/admin/audit/export", query_string={**chosen, "format": "csv"}))
    lines = browser.client.get("/admin/audit/export", query_string={**chosen, "format": "jsonl"})

    named = [json.loads(row["details"])["mark"] for row in rows]
    assert named == ["m20", "m5"]
    assert [json.loads(one)["details"]["mark"] for one in lines.data.splitlines()] == named
    assert rows[1]["facility_name"] == "100% Barn"
    assert rows[1]["at_utc"] == "2026-03-15T12:00:00.000000Z"
    assert rows[1]["actor_name"] == "Oscar"
    told = asked(browser, event="audit_log_exported", limit=1)["entries"][0]
    assert told["details"]["filters"] == ["event", "person"]
    assert "oscar" not in json.dumps(told["details"])


def test_a_search_that_takes_too_long_is_ended_with_advice(runtime: Runtime) -> None:
    with runtime.sessions() as busy, runtime.sessions() as session:
        busy.execute(text("lock table audit_entries in access exclusive mode"))
        with pytest.raises(InvalidInput, match="too long") as refused:
            db.page(session, Wanted(), after=None, limit=1, longest=timedelta(milliseconds=50))

    assert refused.value.code == "search_too_long"
    assert "Add a range of time" in refused.value.display_message


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("192.0.2.66, 203.0.113.9:4711", "203.0.113.9"),
        ("192.0.2.66, unknown", "127.0.0.1"),
    ],
)
def test_behind_a_trusted_network_the_log_has_the_asker_s_address(
    runtime: Runtime, admin: Person, said: str, address: str
) -> None:
    networks = (ip_network("127.0.0.0/8"),)
    changed = runtime.settings.model_copy(update={"trusted_networks": networks})
    browser = pages.at_browser(create_app(replace(runtime, settings=changed)), runtime, admin)

    browser.client.get("/admin/audit/export", headers={"X-Forwarded-For": said})

    assert asked(browser, event="audit_log_exported")["entries"][0]["ip"] == address


def _csv(answer: Any) -> list[dict[str, str]]:
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))
