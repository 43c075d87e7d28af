"""How the house is, for Prometheus and for administrators: from a real database, and without."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

from dcarbon.db import heartbeats
from dcarbon.services import mails, signs_of_life, work
from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from tests.integration.api import pages
from tests.integration.api.conftest import bearer, said
from tests.integration.conftest import NOW

pytestmark = pytest.mark.database

Samples = dict[tuple[str, ...], float]


def scrape(client: FlaskClient, **headers: str) -> Samples:
    """Return every sample by its name and the values of its labels."""
    response = client.get("/metrics", headers=headers)
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_database_and_of_the_requests(runtime: Runtime) -> None:
    client = create_app(runtime).test_client()
    owner = pages.person(runtime, "olive@example.org")
    authorization = pages.authorization(runtime, pages.facility(runtime, owner), owner)
    with runtime.sessions.begin() as session:
        late = work.open_collection(
            session, authorization, reason="test", now=NOW - timedelta(minutes=3)
        )
        work.open_collection(session, authorization, reason="test", kind="repull", now=NOW)
        running = work.open_collection(
            session, authorization, reason="test", kind="repull", start=NOW, end=NOW, now=NOW
        )
        session.flush()
        work.start_attempt(session, authorization, order_id=running.id, run_id=None, now=NOW)
        work.close_order(session, late.id, outcome="done", now=NOW)
        waiting = work.open_collection(session, authorization, reason="x", now=NOW)
        waiting.not_before, waiting.last_error_code = NOW + timedelta(hours=1), "provider_down"
        mails.queue(
            session,
            to="ann@example.org",
            kind="sign_in",
            context={"link": "https://dcarbon.example/x", "minutes": 15},
            now=NOW - timedelta(seconds=40),
        )
    signs_of_life.give(runtime, heartbeats.PIPELINES)
    client.get("/healthz")
    client.get("/facilities/0190a5c0-0000-7000-8000-000000000000")

    found = scrape(client)

    assert found["dcarbon_database_up",] == 1
    orders = {key[1:]: n for key, n in found.items() if key[0] == "dcarbon_work_orders" and n}
    assert orders == {
        ("collect", "put_off"): 1,
        ("repull", "due"): 1,
        ("repull", "running"): 1,
    }
    assert found["dcarbon_work_orders_closed_last_day", "collect", "done"] == 1
    assert found["dcarbon_mails", "waiting"] == 1
    assert found["dcarbon_mail_oldest_seconds",] == 40
    assert found["dcarbon_sign_of_life_age_seconds", "pipelines"] == 0
    assert found["dcarbon_authorizations", "pge", "authorized"] == 1
    assert found["dcarbon_authorizations_behind", "late", "pge"] == 0
    assert found["dcarbon_audit_entries_total",] > 0
    counts = "dcarbon_http_request_duration_seconds_count"
    # A worker of its own, with the same figures.
    other = scrape(create_app(runtime).test_client())
    assert other[counts, "GET", "/healthz", "2xx"] == found[counts, "GET", "/healthz", "2xx"] == 1
    assert found[counts, "GET", "/facilities/<uuid:facility_id>", "4xx"] == 1
    assert found["dcarbon_http_problems_total", "token_missing"] == 1
    assert "0190a5c0" not in str(found)


TOKEN = "token-of-the-tests"
ASKERS: list[tuple[str | None, str, dict[str, str], int]] = [
    (None, "127.0.0.1", {}, 200),
    (None, "::1", {}, 200),
    (None, "203.0.113.7", {}, 403),
    (None, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
    (None, "127.0.0.1", {"Forwarded": "for=203.0.113.7"}, 403),
    (TOKEN, "203.0.113.7", {"Authorization": f"Bearer {TOKEN}"}, 200),
    (TOKEN, "127.0.0.1", {"Authorization": "Bearer token-of-others"}, 403),
    (TOKEN, "127.0.0.1", {}, 403),
]


def test_only_this_machine_or_who_has_the_token_reads_them(runtime: Runtime) -> None:
    for token, address, headers, status in ASKERS:
        secret = SecretStr(token) if token else None
        chosen = runtime.settings.model_copy(update={"metrics_token": secret})
        client = create_app(replace(runtime, settings=chosen)).test_client()

        response = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})

        assert response.status_code == status, (token, address, headers)


def test_a_database_that_is_away_is_a_figure_and_no_failure(
    runtime: Runtime, client: FlaskClient
) -> None:
    with runtime.engine.begin() as connection:
        connection.execute(text("alter table work_orders rename to gone"))

    found = scrape(client, Accept="text/plain")

    assert found["dcarbon_database_up",] == 0
    assert ("dcarbon_mails", "waiting") not in found


def test_the_system_page_says_what_is_wrong_and_then_what_works(
    app: Flask, runtime: Runtime
) -> None:
    admin = pages.person(runtime, "ada@example.org", is_admin=True)
    signs_of_life.give(runtime, heartbeats.PIPELINES)

    page = pages.at_browser(app, runtime, admin).get("/admin/system")
    answer = said(app.test_client().get("/admin/system", headers=bearer(runtime, admin.id)))

    read = pages.words(page.text)
    assert "things are wrong now" in read
    assert read.index("No mail server is set") < read.index("What works")
    assert "Set DCARBON_MAIL_HOST and DCARBON_MAIL_FROM" in read
    assert read.index("Dagster works") > read.index("What works")
    assert answer["state"] == "wrong"
    codes = {finding["code"]: finding for finding in answer["findings"]}
    assert codes["clock_differs"]["state"] == "wrong"  # the tests' clock stands still
    assert codes["pipelines_good"]["what_to_do"] is None
    assert {"database_good", "mail_not_set_up", "keys_good", "syncs_none"} <= set(codes)
    states = [finding["state"] for finding in answer["findings"]]
    assert states == sorted(states, key=["wrong", "watch", "good"].index)
