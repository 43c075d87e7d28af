"""Every error is a problem document with a stable code, and tells nothing of what is inside."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from structlog.testing import capture_logs

from dcarbon.domain.errors import ProviderThrottled, ProviderUnavailable, SealBroken
from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from dcarbon_api.security.access import public
from tests.integration.api.conftest import Resident, said

START = "/green-button/start"


def test_an_unknown_address_is_404(client: FlaskClient) -> None:
    response = client.get("/nothing/here")

    assert (response.status_code, said(response)["code"]) == (404, "route_unknown")
    assert response.mimetype == "application/problem+json"
    assert said(response)["request_id"] == response.headers["X-Request-Id"]


def test_a_wrong_method_is_405_and_names_the_right_ones(client: FlaskClient) -> None:
    response = client.delete("/facilities")

    assert (response.status_code, said(response)["code"]) == (405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]


def test_a_body_that_is_too_large_is_413(client: FlaskClient, ann: Resident) -> None:
    response = client.post(START, headers=ann.headers, json={"provider": "x" * 200_000})

    assert (response.status_code, said(response)["code"]) == (413, "body_too_large")


def test_a_body_in_chunks_is_413_too_and_never_read_in_part(
    client: FlaskClient, ann: Resident
) -> None:
    """Werkzeug stops at the cap without a word, and blanks after a whole object would hide it."""
    body = json.dumps({"facility_id": str(ann.facility_id), "provider": "pge"}) + " " * 200_000

    response = client.post(
        START,
        headers=ann.headers,
        input_stream=io.BytesIO(body.encode()),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )

    assert (response.status_code, said(response)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None]
)
def test_a_body_that_is_not_called_json_is_415(
    client: FlaskClient, ann: Resident, media_type: str | None
) -> None:
    response = client.post(START, headers=ann.headers, data=b"{}", content_type=media_type)

    assert (response.status_code, said(response)["code"]) == (415, "media_type_unsupported")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"{'a': 1}", b'{"a": NaN}', b'{"a": "\\ud800"}', b"\xff\xfe", b"[" * 5000],
    ids=["empty", "cut", "quotes", "nan", "surrogate", "encoding", "deep"],
)
def test_malformed_json_is_400(client: FlaskClient, ann: Resident, body: bytes) -> None:
    response = client.post(START, headers=ann.headers, data=body, content_type="application/json")

    assert (response.status_code, said(response)["code"]) == (400, "json_malformed")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"facility_id": "is missing", "provider": "is missing"}),
        ([], {"facility_id": "is missing", "provider": "is missing"}),
        (["facility_id"], {"request": "must be a JSON object"}),
        ({"facility_id": None, "provider": "pge"}, {"facility_id": "must not be null"}),
        ({"facility_id": 7, "provider": "pge"}, {"facility_id": "must be a UUID"}),
        ({"facility_id": "7", "provider": "pge"}, {"facility_id": "must be a UUID"}),
        (
            {"facility_id": "0190a5c0-0000-7000-8000-000000000000", "provider": 1},
            {"provider": "must be text"},
        ),
        (
            {"facility_id": "0190a5c0-0000-7000-8000-000000000000", "provider": " "},
            {"provider": "must not be empty"},
        ),
        (
            {"facility_id": "0190a5c0-0000-7000-8000-000000000000", "provider": "p\x00"},
            {"provider": "must not hold control characters"},
        ),
        (
            {
                "facility_id": "0190a5c0-0000-7000-8000-000000000000",
                "provider": "pge",
                "secret": None,
            },
            {"secret": "is not known here"},
        ),
    ],
    ids=[
        "empty",
        "empty_list",
        "list",
        "null",
        "number_for_uuid",
        "no_uuid",
        "number_for_text",
        "blank",
        "control_character",
        "extra",
    ],
)
def test_members_that_do_not_fit_are_listed_in_words(
    client: FlaskClient, ann: Resident, body: object, fields: dict[str, str]
) -> None:
    response = client.post(START, headers=ann.headers, json=body)

    assert (response.status_code, said(response)["code"]) == (422, "request_invalid")
    assert {e["field"]: e["problem"] for e in said(response)["errors"]} == fields
    assert all(field in said(response)["detail"] for field in fields)


def test_what_was_sent_is_not_sent_back(client: FlaskClient, ann: Resident) -> None:
    response = client.post(START, headers=ann.headers, json={"facility_id": "swordfish"})

    assert b"swordfish" not in response.data


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ProviderThrottled(retry_after=timedelta(seconds=7.2)), "8"),
        (ProviderUnavailable(), "60"),
    ],
    ids=["told", "not_told"],
)
def test_a_provider_that_is_down_is_503_with_a_time_to_come_back(
    runtime: Runtime, error: ProviderUnavailable, seconds: str
) -> None:
    client = _failing(runtime, error)

    response = client.get("/fails")

    assert (response.status_code, response.headers["Retry-After"]) == (503, seconds)


def test_an_unforeseen_error_is_500_with_a_number_and_without_internals(runtime: Runtime) -> None:
    client = _failing(runtime, KeyError("row of ann@example.org"))

    with capture_logs() as logged:
        response = client.get("/fails")

    assert (response.status_code, said(response)["code"]) == (500, "internal_error")
    assert said(response)["request_id"]
    assert b"KeyError" not in response.data
    failure = next(line for line in logged if line["event"] == "request_failed")
    assert failure["error_type"] == "KeyError"
    assert "_fail" in failure["where"][-1]
    assert "ann@example.org" not in str(logged)


def test_a_failure_of_ours_shows_only_the_words_of_its_kind(runtime: Runtime) -> None:
    client = _failing(runtime, SealBroken("key 7", display_message="key 7 of /etc/keys"))

    response = client.get("/fails")

    assert (response.status_code, said(response)["code"]) == (500, "seal_broken")
    assert "/etc/keys" not in said(response)["detail"]


def test_a_browser_gets_a_page_instead(client: FlaskClient) -> None:
    response = client.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})

    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "There is no page at this address" in response.text


def test_the_log_names_the_route_and_never_what_was_in_the_request(
    client: FlaskClient, ann: Resident
) -> None:
    with capture_logs() as logged:
        client.get("/meters?facility_id=swordfish", headers=ann.headers)

    line = next(entry for entry in logged if entry["event"] == "request")
    assert (line["route"], line["status"], line["code"]) == ("/meters", 422, "request_invalid")
    assert line["duration_ms"] >= 0
    assert "swordfish" not in str(logged)
    assert ann.headers["Authorization"].removeprefix("Bearer ") not in str(logged)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("proxy-12345678", r"proxy-12345678"),
        ("short", r"[0-9a-f-]{36}"),
        ("12345678<script>", r"[0-9a-f-]{36}"),
        ("1" * 65, r"[0-9a-f-]{36}"),
    ],
)
def test_a_request_id_from_a_proxy_is_kept_when_it_looks_like_one(
    client: FlaskClient, given: str, expected: str
) -> None:
    response = client.get("/healthz", headers={"X-Request-Id": given})

    assert re.fullmatch(expected, response.headers["X-Request-Id"])


def test_a_process_is_ready_only_with_a_migrated_database(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 200

    with app.extensions["dcarbon"].engine.begin() as connection:
        connection.execute(text("delete from alembic_version"))

    response = client.get("/readyz")
    assert (response.status_code, said(response)["code"]) == (503, "not_ready")
    assert client.get("/healthz").status_code == 200


def _failing(runtime: Runtime, error: Exception) -> FlaskClient:
    """Return a client of an application with a route that fails."""

    @public
    def _fail() -> str:
        raise error

    app = create_app(runtime)
    app.add_url_rule("/fails", "fails", _fail)
    return app.test_client()
