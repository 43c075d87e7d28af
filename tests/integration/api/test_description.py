"""The API's description: valid OpenAPI 3.1, complete, and the same on the page for people."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from dcarbon_api.security.access import declared
from tests.integration.api.conftest import said

NOT_FOR_PROGRAMS = {
    "pages.home",
    "pages.docs",
    "pages.description",
    "static",
    "green_button.callback",
    "green_button.notify",
    "utilityapi.returned",
    "utilityapi.webhook",
    "metrics.read_metrics",
}

PAGE_AREAS = {
    "sign_in",
    "company_sign_in",
    "account",
    "account_deletion",
    "admin_authorizations",
    "admin_bulk",
    "admin_authorization",
    "admin_authorization_actions",
    "admin_deletions",
    "deletion_receipts",
    "dashboard",
    "new_facility",
    "connection",
    "operators",
    "facility_settings",
    "exports",
    "readings",
    "generation",
    "generation_reports",
}
"""Areas that are pages only."""


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/openapi.json")
    assert response.status_code == 200
    return said(response)


def test_every_route_for_programs_is_described_with_its_scope(
    app: Flask, document: dict[str, Any]
) -> None:
    for rule in app.url_map.iter_rules():
        area = rule.endpoint.partition(".")[0]
        if rule.endpoint in NOT_FOR_PROGRAMS or area in PAGE_AREAS:
            continue
        path = document["paths"][re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)]
        method = next(iter((rule.methods or set()) - {"HEAD", "OPTIONS"})).lower()
        access = declared(app.view_functions[rule.endpoint])
        assert access is not None
        assert path[method].get("x-scope") == access.scope
        assert ("401" in path[method]["responses"]) is (access.scope is not None)


def test_the_version_is_3_1_and_operations_are_told_apart(document: dict[str, Any]) -> None:
    names = [o["operationId"] for path in document["paths"].values() for o in path.values()]

    assert document["openapi"].startswith("3.1")
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    resolver = Registry().with_resource("", DRAFT202012.create_resource(document)).resolver()

    references = set(re.findall(r"'\$ref': '([^']+)'", str(document)))

    assert references
    for reference in references:
        assert resolver.lookup(reference).contents


def test_every_error_is_described_as_a_problem_document(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]


def test_the_page_shows_every_operation_and_every_kind_of_problem(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    page = client.get("/docs").text

    for path in document["paths"].values():
        for operation in path.values():
            assert f'id="{operation["operationId"]}"' in page
    assert "<code>redirectUrl</code>" in page
    for code in ("token_missing", "request_invalid", "provider_throttled", "route_unknown"):
        assert f'id="problem-{code}"' in page


@pytest.mark.parametrize("address", ["/", "/docs"])
def test_what_a_page_needs_is_served_by_us_and_may_be_kept(
    client: FlaskClient, address: str
) -> None:
    page = client.get(address).text

    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert assets
    for asset in assets:
        response = client.get(asset)
        assert response.status_code == 200
        assert "immutable" in response.headers["Cache-Control"]
        response.close()


def test_the_first_page_names_the_utilities(client: FlaskClient) -> None:
    assert "PG&amp;E" in client.get("/").text or "Pacific Gas" in client.get("/").text
