"""People with facilities, on a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from dcarbon import settings
from dcarbon.db import platform_secrets
from dcarbon.db.audit import AuditEntry
from dcarbon.db.facilities import Facility
from dcarbon.domain.secrets import Secret
from dcarbon.services import facilities, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.conftest import NOW, WEBHOOK_SECRET


@dataclass(slots=True)
class MovableClock:
    at: datetime = field(default=NOW)

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, clock: MovableClock) -> Iterator[Runtime]:
    """As every integration test's, on a clock of its own, and set up for SDG&E too."""
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        providers={
            "pge": {"client_id": "client-of-tests", "client_secret": "not-a-secret"},
            "sdge": {"client_id": "client-of-tests", "client_secret": "not-a-secret"},
            "utilityapi": {"api_token": "not-a-token", "webhook_secret": WEBHOOK_SECRET},
        },
    )
    with open_runtime(chosen, clock=clock.now) as runtime:
        yield runtime


@dataclass(frozen=True)
class Resident:
    """A person and a facility of theirs."""

    actor: Actor
    facility: Facility


Settle = Callable[..., Resident]


@pytest.fixture
def settle(runtime: Runtime) -> Settle:
    """Make a person with a facility in a role."""

    def make(name: str = "ann", *, role: str = "owner_operator") -> Resident:
        person = people.ensure(
            runtime.sessions,
            email=f"{name}@example.test",
            account_kind="residential",
            actor=SYSTEM,
            now=runtime.now(),
        )
        actor = Actor(person.id)
        facility = facilities.create(
            runtime.sessions,
            FacilityDetails(name=f"House of {name}"),
            account_kind="residential",
            role=role,
            actor=actor,
            now=runtime.now(),
        )
        return Resident(actor, facility)

    return make


def set_api_token(runtime: Runtime, token: str) -> None:
    """Seal the token with which the platform asks UtilityAPI."""
    with runtime.sessions.begin() as session:
        platform_secrets.replace(
            session,
            runtime.keys,
            Secret(token),
            provider="utilityapi",
            name="api_token",
            set_by=None,
            now=runtime.now(),
        )


def entries(runtime: Runtime) -> list[AuditEntry]:
    """Return the audit log in its order."""
    with runtime.sessions() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.seq)))


def events(runtime: Runtime) -> list[str]:
    return [entry.event for entry in entries(runtime)]
