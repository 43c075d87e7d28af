"""One authorization for administrators: on a page and as JSON, its files and its bytes."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.base import new_id
from dcarbon.db.meters import Meter
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.services import audit
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import pages
from tests.integration.api.conftest import bearer, install_meter, said
from tests.integration.conftest import NOW
from tests.support.browser import Browser

FEED = b"<feed><script>alert('x')</script></feed>"
SCOPE = "FB=4_5_51;IntervalDuration=900;HistoryLength=34128000"


@dataclass(frozen=True)
class World:
    """An administrator, and an owner's authorization that something happened to."""

    browser: Browser
    boss: UUID
    owner: UUID
    facility: UUID
    authorization: UUID
    payload: UUID
    token: dict[str, str]

    @property
    def path(self) -> str:
        return f"/admin/authorizations/{self.authorization}"

    @property
    def api(self) -> str:
        return f"/authorizations/{self.authorization}"


@pytest.fixture
def world(app: Flask, runtime: Runtime) -> World:
    boss = pages.person(runtime, "boss@example.org", is_admin=True)
    owner = pages.person(runtime, "olive@example.org")
    facility = pages.facility(runtime, owner, name="=Mill+1")
    identity = pages.authorization(runtime, facility, owner)
    meter = install_meter(runtime, facility, first=NOW - timedelta(days=3), values=[7] * 96)
    attempt = new_id()
    with runtime.sessions.begin() as session:
        session.get_one(Meter, meter).authorization_id = identity
        row = session.get_one(Authorization, identity)
        row.granted_scope, row.consent_ends_at = SCOPE, NOW + timedelta(days=90)
        row.created_at = NOW - timedelta(days=41)
        session.add(
            AuthorizationSession(
                id=attempt,
                authorization_id=identity,
                person_id=owner.id,
                state_hash=attempt.bytes,
                redirect_uri="https://dcarbon.example/callback",
                created_at=NOW - timedelta(days=41),
                expires_at=NOW - timedelta(days=40),
                consumed_at=NOW - timedelta(days=40),
            )
        )
        session.add(
            SyncAttempt(
                authorization_id=identity,
                started_at=NOW - timedelta(hours=2),
                finished_at=NOW - timedelta(hours=2),
                run_id="0f4c2bd1-7d0e-4d3a-9a0e-6f0f4f9f8a11",
                sync_key="daily:2026-03-19",
                error_code="provider_unavailable",
                error_detail="503 from the custodian",
            )
        )
        for event, who, at, details in (
            (AuditEvent.AUTHORIZATION_STARTED, Actor(owner.id), 41, {"attempt": str(attempt)}),
            (AuditEvent.AUTHORIZATION_CREATED, Actor(owner.id), 40, {}),
            (AuditEvent.INTERVAL_DATA_IMPORTED, SYSTEM, 39, {"readings": 96}),
        ):
            audit.record(
                session,
                event,
                actor=who,
                at=NOW - timedelta(days=at),
                facility_id=facility,
                authorization_id=identity,
                **details,
            )
    payload = pages.payload(runtime, identity, FEED)
    browser = pages.at_browser(app, runtime, boss)
    token = bearer(runtime, boss.id)
    return World(browser, boss.id, owner.id, facility, identity, payload, token)


def _entries(runtime: Runtime, event: AuditEvent) -> list[AuditEntry]:
    with runtime.sessions() as session:
        chosen = select(AuditEntry).where(AuditEntry.event == event.value)
        return list(session.scalars(chosen.order_by(AuditEntry.seq)))


def test_the_page_shows_all_there_is_of_an_authorization(world: World, client: FlaskClient) -> None:
    shown = world.browser.get(world.path)
    read = pages.words(shown.text)
    answer = said(client.get(world.api, headers=world.token))

    assert shown.status_code == 200
    for told in (
        *(
            "=Mill+1",
            "PG&E",
            "Active",
            "8675309",
            SCOPE,
            "Interval readings",
            "395 days of history",
        ),
        *("Olive", "olive@example.org", "Asked for this authorization"),
        *("Authorization started", "attempt 1", "Authorization given", "Attempts at the utility"),
        *("Meter 1001", "From the grid, kWh", "0.007 kWh", "0.672 kWh in 96 readings"),
        *("daily:2026-03-19", "provider_unavailable", "503 from the custodian", "Run 0f4c2bd1"),
        *("Readings imported", "Readings: 96", "Read"),
    ):
        assert told in read, told
    assert 'href="http://127.0.0.1:3000/runs/0f4c2bd1-' in shown.text
    assert f"partition={world.authorization}" in shown.text
    # The state that holds is that of the last step, and the newest step comes first.
    assert [step["status"] for step in answer["timeline"]] == ["active", "pending"]
    assert (answer["status"], answer["status_label"]) == ("active", "Active")
    assert answer["timeline"][1]["who"] == "Olive"
    assert answer["people"][0] | {"since": None} == {
        "id": str(world.owner),
        "name": "Olive",
        "email": "olive@example.org",
        "role": "owner_operator",
        "since": None,
        "is_asker": True,
    }
    assert answer["meters"][0]["newest"][0]["total"] == "0.672"
    assert answer["sync_attempts"]["attempts"][0]["error_code"] == "provider_unavailable"
    assert answer["payloads"]["payloads"][0]["byte_count"] == len(FEED)
    assert "sealed" not in shown.text + str(answer)


def test_long_lists_have_pages_of_their_own(
    world: World, client: FlaskClient, runtime: Runtime
) -> None:
    with runtime.sessions.begin() as session:
        session.add_all(
            SyncAttempt(authorization_id=world.authorization, started_at=NOW, finished_at=NOW)
            for _ in range(60)
        )

    first = world.browser.get(f"{world.path}/attempts")
    following = first.text.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = world.browser.get(following)
    by_api = said(client.get(f"{world.api}/attempts?limit=50", headers=world.token))
    rest = said(client.get(f"{world.api}/attempts?after={by_api['next']}", headers=world.token))

    assert "All 61 attempts" in pages.words(world.browser.get(world.path).text)
    assert (first.text.count("<tr>") - 1, second.text.count("<tr>") - 1) == (50, 11)
    assert (len(by_api["attempts"]), len(rest["attempts"]), rest["next"]) == (50, 11, None)
    assert world.browser.get(f"{world.path}/attempts?after=nonsense").status_code == 422
    assert (
        "application/atom+xml" in world.browser.get(f"{world.path}/payloads/{world.payload}").text
    )
    assert FEED[:16].hex() not in world.browser.get(f"{world.path}/payloads").text


def test_each_look_at_bytes_is_in_the_log_before_they_are_seen(
    world: World, client: FlaskClient, runtime: Runtime
) -> None:
    path = f"{world.path}/payloads/{world.payload}"
    world.browser.get(path)
    assert _entries(runtime, AuditEvent.PAYLOAD_VIEWED) == []

    shown = world.browser.post(path, {"go": "show"}, page=path)
    kept = world.browser.post(path, {"go": "download"}, page=path)
    by_api = client.get(f"{world.api}/payloads/{world.payload}/bytes", headers=world.token)

    assert "&lt;script&gt;" in shown.text
    assert "<script>alert" not in shown.text
    assert kept.data == by_api.data == FEED
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert kept.mimetype == by_api.mimetype == "application/octet-stream"
    looks = _entries(runtime, AuditEvent.PAYLOAD_VIEWED)
    assert [one.details["how"] for one in looks] == ["shown", "downloaded", "downloaded"]
    assert {(one.actor_id, one.authorization_id) for one in looks} == {
        (world.boss, world.authorization)
    }
    # A payload of another authorization is none of this one.
    foreign = f"/authorizations/{new_id()}/payloads/{world.payload}/bytes"
    assert client.get(foreign, headers=world.token).status_code == 404
    with runtime.sessions.begin() as session:
        session.get_one(LandedPayload, world.payload).erased_at = NOW
    gone = client.get(f"{world.api}/payloads/{world.payload}/bytes", headers=world.token)
    assert (gone.status_code, said(gone)["code"]) == (409, "payload_erased")
    told = world.browser.get(path).text
    assert "The bytes are not kept any more" in told
    assert "Look at the bytes" not in told
    assert len(_entries(runtime, AuditEvent.PAYLOAD_VIEWED)) == 3


def test_the_record_is_the_same_bytes_as_long_as_nothing_happens(
    world: World, client: FlaskClient, runtime: Runtime
) -> None:
    def fetch(kind: str) -> bytes:
        return bytes(client.get(f"{world.api}/record.{kind}", headers=world.token).data)

    table, pdf = fetch("csv"), fetch("pdf")
    client.get(f"{world.api}/payloads/{world.payload}/bytes", headers=world.token)
    assert (fetch("csv"), fetch("pdf")) == (table, pdf)

    rows = list(csv.DictReader(io.StringIO(table.decode())))
    of = {(row["section"], row["what"]): row for row in rows}
    assert of["authorization", "Facility"]["detail"] == "'=Mill+1"
    assert of["authorization", "Status"]["detail"] == "Active"
    assert of["timeline", "Authorization started"]["who"] == "Olive"
    assert of["sync attempt", "daily:2026-03-19"]["state"] == "provider_unavailable"
    assert {row["section"] for row in rows} >= {"person", "meter", "channel", "payload"}
    assert [row["what"] for row in rows if row["section"] == "audit entry"] == [
        "authorization_started",
        "authorization_created",
        "interval_data_imported",
    ]
    assert pdf.startswith(b"%PDF-")
    assert len(_entries(runtime, AuditEvent.AUTHORIZATION_RECORD_DOWNLOADED)) == 4

    with runtime.sessions.begin() as session:
        session.get_one(Authorization, world.authorization).last_sync = NOW
    assert fetch("csv") != table


def test_a_range_is_asked_for_once_and_followed(
    world: World, client: FlaskClient, runtime: Runtime
) -> None:
    path = f"{world.path}/repull"
    asked = pages.words(world.browser.get(path).text)

    wrong = world.browser.post(
        path, {"first_day": "2026-03-09", "last_day": "2026-03-01"}, page=path
    )
    unread = world.browser.post(path, {"first_day": "", "last_day": "2026-03-01"}, page=path)
    days = {"first_day": "2026-03-07", "last_day": "2026-03-08"}
    done = world.browser.post(path, days, page=path)
    again = client.post(
        f"{world.api}/repulls", json={"start": "2026-03-07", "end": "2026-03-09"},
        headers=world.token,
    )  # fmt: skip

    assert "America/Los_Angeles, both included" in asked
    assert (wrong.status_code, unread.status_code) == (422, 422)
    assert "The start is not before the end." in wrong.text
    assert (done.status_code, done.location) == (303, world.path)
    # The clocks go forward on 8 March.
    said_of_it = said(again)
    assert (said_of_it["start"], said_of_it["end"], said_of_it["is_new"]) == (
        *("2026-03-07T08:00:00Z", "2026-03-09T07:00:00Z", False),
    )
    (entry,) = _entries(runtime, AuditEvent.REPULL_REQUESTED)
    assert (entry.actor_id, entry.authorization_id) == (world.boss, world.authorization)
    assert entry.details == {
        "order": said_of_it["order_id"],
        "start": "2026-03-07T08:00:00+00:00",
        "end": "2026-03-09T07:00:00+00:00",
    }
    read = pages.words(world.browser.get(world.path).text)
    assert "Fetching a range again It begins within seconds. Mar 7 to Mar 8, 2026." in read.replace(
        "Mar 7, 2026 to", "Mar 7 to"
    )
    (task,) = said(client.get(f"{world.api}/progress", headers=world.token))["tasks"]
    assert (task["kind"], task["state"], task["asked_by"]) == ("repull", "waiting", "Boss")
    with runtime.sessions() as session:
        assert len(session.scalars(select(WorkOrder)).all()) == 1


def test_nothing_is_fetched_of_what_is_not_active(
    world: World, client: FlaskClient, runtime: Runtime
) -> None:
    with runtime.sessions.begin() as session:
        session.get_one(Authorization, world.authorization).status = "expired"

    told = world.browser.get(f"{world.path}/repull")
    refused = client.post(f"{world.api}/repulls", json={"start": "2026-03-01"}, headers=world.token)

    assert told.status_code == 303
    assert (refused.status_code, said(refused)["code"]) == (409, "not_authorized")
    assert _entries(runtime, AuditEvent.REPULL_REQUESTED) == []
