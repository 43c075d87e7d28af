"""The web app outlives its database: it says so meanwhile, and serves again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from dcarbon import settings
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database
from dcarbon.services import api_tokens, people
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_api.app import create_app
from tests.integration.nothing_lost.conftest import kill_server

pytestmark = pytest.mark.database

ASKED = "/facilities"


@pytest.fixture
def runtime(place: Path) -> Iterator[Runtime]:
    with embedded.server(place) as urls:
        engine = database.create(urls[embedded.PRODUCT_DATABASE])
        migrate.upgrade(engine)
        engine.dispose()
        chosen = settings.load(
            {},
            directory=place,
            database_url=urls[embedded.PRODUCT_DATABASE],
            seal_keys_file=place / "seal.keys",
        )
        with open_runtime(chosen) as runtime:
            yield runtime


@pytest.fixture
def client(runtime: Runtime) -> FlaskClient:
    return create_app(runtime).test_client()


@pytest.fixture
def headers(runtime: Runtime) -> dict[str, str]:
    person = people.ensure(
        runtime.sessions,
        email="ann@example.test",
        account_kind="residential",
        actor=SYSTEM,
        now=runtime.now(),
    )
    _, secret = api_tokens.create(
        runtime.sessions,
        person_id=person.id,
        name="test",
        scopes=api_tokens.SCOPES,
        actor=SYSTEM,
        now=runtime.now(),
    )
    return {"Authorization": f"Bearer {secret}"}


def test_while_postgresql_is_away_requests_are_503_and_served_again_when_it_is_back(
    client: FlaskClient, headers: dict[str, str], place: Path
) -> None:
    before = client.get(ASKED, headers=headers)
    kill_server(place)
    meanwhile = client.get(ASKED, headers=headers)
    with embedded.server(place):
        after = client.get(ASKED, headers=headers)

    assert [one.status_code for one in (before, meanwhile, after)] == [200, 503, 200]
    assert meanwhile.get_json()["code"] == "not_ready"
    assert meanwhile.headers["Retry-After"]
