"""Every route, taken from the URL map so that a new one cannot be missed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from dcarbon.db.base import new_id
from dcarbon.services.runtime import Runtime
from dcarbon_api.security.access import Access, declared
from tests.integration.api.conftest import Resident, bearer, said

OPEN_TO_ALL = {
    "GET /",
    "GET /docs",
    "GET /openapi.json",
    "GET /healthz",
    "GET /readyz",
    "GET /static/<path:filename>",
    "GET /sign-in",
    "POST /sign-in",
    "GET /sign-in/sent",
    "GET /sign-in/<secret>",
    "POST /sign-in/<secret>",
    "GET /sign-in/oidc",
    "GET /sign-in/oidc/callback",
    "POST /sign-out",
    "GET /invitations/<secret>",
    "POST /invitations/<secret>",
    "POST /invitations/<secret>/accept",
    "GET /green-button/callback",
    "POST /green-button/notify/<provider>",
    "GET /utilityapi/return",
    "POST /utilityapi/webhook",
}


def _routes(app: Flask) -> Iterator[tuple[str, Rule, Access]]:
    for rule in app.url_map.iter_rules():
        access = declared(app.view_functions[rule.endpoint])
        assert access is not None
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield method, rule, access


def _address(rule: Rule) -> str:
    return re.sub(r"<uuid:\w+>", lambda _: str(new_id()), rule.rule)


def test_only_the_routes_named_here_are_open_to_all(app: Flask) -> None:
    found = {f"{method} {rule.rule}" for method, rule, access in _routes(app) if not access.scope}

    assert found == OPEN_TO_ALL


def test_changes_need_the_scope_write_and_reading_the_scope_read(app: Flask) -> None:
    for method, rule, access in _routes(app):
        if access.scope:
            assert access.scope == ("read" if method == "GET" else "write"), rule.rule


@pytest.mark.parametrize("kind", ["missing", "basic", "unknown", "revoked", "expired", "too_long"])
def test_no_closed_route_answers_without_a_working_token(
    app: Flask, client: FlaskClient, runtime: Runtime, ann: Resident, kind: str
) -> None:
    headers = {
        "missing": {},
        "basic": {"Authorization": "Basic YTpi"},
        "unknown": {"Authorization": "Bearer dcarbon_unknown"},
        "revoked": bearer(runtime, ann.person_id, is_revoked=True),
        "expired": bearer(runtime, ann.person_id, expires_in=timedelta(seconds=-1)),
        "too_long": {"Authorization": f"Bearer {'x' * 4000}"},
    }[kind]

    for method, rule, access in _routes(app):
        if access.scope is None:
            continue
        response = client.open(_address(rule), method=method, headers=headers)
        code = "token_missing" if kind in {"missing", "basic"} else "token_invalid"
        assert (response.status_code, said(response)["code"]) == (401, code), rule.rule
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_no_closed_route_answers_a_token_of_the_wrong_scope(
    app: Flask, client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    for method, rule, access in _routes(app):
        if access.scope is None:
            continue
        other = "write" if access.scope == "read" else "read"
        headers = bearer(runtime, ann.person_id, scopes=[other])
        response = client.open(_address(rule), method=method, headers=headers)
        assert (response.status_code, said(response)["code"]) == (403, "scope_missing"), rule.rule
        assert f'scope="{access.scope}"' in response.headers["WWW-Authenticate"]


def test_a_token_in_the_query_string_is_not_looked_at(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    secret = ann.headers["Authorization"].removeprefix("Bearer ")

    response = client.get(f"/facilities?access_token={secret}")

    assert response.status_code == 401


def test_every_answer_carries_the_security_headers(app: Flask, client: FlaskClient) -> None:
    for method, rule, _ in _routes(app):
        response = client.open(_address(rule), method=method)
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, rule.rule
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-Id"]
