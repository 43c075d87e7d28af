"""The API against its own description: whatever fits it, or does not, gets a described answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.config import (
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dcarbon.db.base import new_id
from dcarbon.services import api_tokens, invitations, registrations, web_sessions
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from tests.integration.api import generation, pages
from tests.integration.api.answering import answering_runtime
from tests.integration.api.conftest import bearer, install_meter
from tests.integration.conftest import NOW

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 12
"""For each operation, beside the edges of every parameter; 39 operations take half a minute."""


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    with answering_runtime(database_url, tmp_path) as runtime:
        yield runtime


class Objects:
    """What an owner has, so that generated requests reach more than *not found*."""

    def __init__(self, runtime: Runtime) -> None:
        owner = pages.person(runtime, "olive@example.org")
        actor = Actor(owner.id)
        facility = pages.facility(runtime, owner)
        unasked = pages.facility(runtime, owner, name="Barn", role="owner")
        authorization = pages.authorization(runtime, facility, owner)
        meter = install_meter(runtime, facility, first=NOW, values=[1, None, 3])
        spare, _ = api_tokens.create(
            runtime.sessions,
            person_id=owner.id,
            name="spare",
            scopes=["read"],
            actor=SYSTEM,
            now=NOW,
        )
        web_sessions.open_session(runtime, owner.id, how="link", ip=None, user_agent=None)
        opened = web_sessions.sessions_of(runtime, actor, current=None)[0].id
        begun = registrations.start_new(runtime, actor)
        unit = generation.unit(runtime, facility, actor)
        claimed = generation.export_meter(runtime, facility, actor)
        claim = generation.claim(runtime, unit, claimed, actor)
        report = generation.report(runtime, unit, actor)
        invitations.invite(runtime, unasked, email="oscar@example.org", actor=actor)
        self.headers = bearer(runtime, owner.id)
        self.ids: dict[str, list[UUID]] = {
            "facility_id": [facility, unasked],
            "authorization_id": [authorization],
            "authorization": [authorization],
            "registration_id": [begun.id],
            "meter_id": [meter, claimed],
            "claim_id": [claim],
            "channel_id": [generation.channel(runtime, claimed)],
            "meter": [meter],
            "token_id": [spare.id],
            "session_id": [opened],
            "generating_unit_id": [unit],
            "unit_id": [unit],
            "report_id": [report],
        }

    def known(self, values: Any) -> Any:
        """Return the values with most of the ids that could be ours replaced by ones that are."""
        if not isinstance(values, dict):
            return values
        return {name: self._known(name, value) for name, value in values.items()}

    def _known(self, name: str, value: Any) -> Any:
        try:
            given = UUID(value)
        except (ValueError, TypeError, AttributeError):
            return value
        found = [*self.ids.get(name, []), new_id()]
        return str(found[given.int % len(found)])


@pytest.fixture
def description(app: Flask, runtime: Runtime, request: pytest.FixtureRequest) -> Any:
    # Schemathesis 4.32 notes the operation in this attribute, which pytest 9.2 no longer has.
    request.node._nodeid = request.node.nodeid
    objects = Objects(runtime)
    config = SchemathesisConfig(
        projects=ProjectsConfig(
            default=ProjectConfig(
                generation=GenerationConfig(max_examples=EXAMPLES, deterministic=True)
            )
        )
    )
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
    schema.config.update(headers=objects.headers)

    @schema.hook("map_path_parameters")
    def in_the_path(context: Any, path_parameters: Any) -> Any:
        return objects.known(path_parameters)

    @schema.hook("map_query")
    def in_the_query(context: Any, query: Any) -> Any:
        return objects.known(query)

    @schema.hook("map_body")
    def in_the_body(context: Any, body: Any) -> Any:
        return objects.known(body)

    return schema


described = schemathesis.pytest.from_fixture("description")


@described.parametrize()
@settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=EXAMPLES,
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_the_description_says(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=CHECKS)
