"""Fixtures of tests with real parts: an open runtime over the test's own database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dcarbon import settings
from dcarbon.db.facilities import Facility
from dcarbon.services import facilities, people
from dcarbon.services.actors import SYSTEM
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime, open_runtime

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
WEBHOOK_SECRET = "webhook-secret-of-tests"


@pytest.fixture
def runtime(database_url: str, tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on the migrated, empty database, with a landing zone and keys of its own."""
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        providers={
            "pge": {"client_id": "client-of-tests", "client_secret": "not-a-secret"},
            "utilityapi": {"api_token": "not-a-token", "webhook_secret": WEBHOOK_SECRET},
        },
    )
    with open_runtime(chosen, clock=lambda: NOW) as runtime:
        yield runtime


@pytest.fixture
def facility(runtime: Runtime) -> Facility:
    """The house of a person, without meters."""
    person = people.ensure(
        runtime.sessions,
        email="owner@example.test",
        account_kind="residential",
        actor=SYSTEM,
        now=runtime.now(),
    )
    return facilities.create(
        runtime.sessions,
        FacilityDetails(name="House"),
        account_kind="residential",
        role="owner_operator",
        actor=SYSTEM,
        now=runtime.now(),
        person_id=person.id,
    )
