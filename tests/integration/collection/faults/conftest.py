"""One served sandbox for all faults, calm again before each test, and what to compare with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from dcarbon import settings
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.providers.limits import Urgency
from dcarbon.services import collection
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.server import Ports, Running, running
from tests.integration.collection.conftest import (
    START,
    Customer,
    authorization_of,
    sandbox_wh,
    stored_wh,
    whole_days,
)

LATER = timedelta(hours=2)
"""Longer than an access token lives."""
_UTILITYAPI_DEFAULTS = {"prepaid": True, "appear_delay_s": 0, "update_delay_s": 0}


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("faulty-sandbox")
    with running(directory, ports=Ports(0, 0, 0), clock=SandboxClock(START)) as served:
        yield served


@pytest.fixture
def sandbox(_served: Running) -> Running:
    """The sandbox without a fault, every switch as each utility has it."""
    control = _served.app.test_client()
    assert control.post("/sandbox/scenarios/calm").status_code == 200
    assert control.post("/sandbox/scenarios/no-limits").status_code == 200
    assert (
        control.patch("/sandbox/utilityapi/settings", json=_UTILITYAPI_DEFAULTS).status_code == 200
    )
    return _served


@pytest.fixture
def clock(_served: Running) -> SandboxClock:
    clock: SandboxClock = _served.sandbox.clock
    clock.set(START)
    return clock


@pytest.fixture
def environment(sandbox: Running) -> dict[str, str]:
    """Settings of a short history, asked for in windows of five days."""
    fast = {
        f"DCARBON_PROVIDERS__{key}__OVERRIDES__{name}": value
        for key in ("PGE", "SCE", "SDGE")
        for name, value in (("PER_SECOND", "1000"), ("REQUEST_WINDOW_DAYS", "5"))
    }
    return {**product_settings(sandbox.endpoints), **fast, "DCARBON_HISTORY_DAYS": "12"}


@pytest.fixture
def runtime(
    database_url: str, tmp_path: Path, environment: dict[str, str], clock: SandboxClock
) -> Iterator[Runtime]:
    with reopened(environment, database_url, tmp_path, clock) as runtime:
        yield runtime


def reopened(
    environment: Mapping[str, str],
    database_url: str,
    directory: Path,
    clock: SandboxClock,
    *,
    urgency: Urgency = Urgency.PERSON_WAITS,
) -> Any:
    """Open a runtime as another process with these settings would."""
    chosen = settings.load(
        environment,
        directory=directory,
        database_url=database_url,
        seal_keys_file=directory / "seal.keys",
    )
    return open_runtime(chosen, clock=clock.now, urgency=urgency)


@dataclass(frozen=True)
class Control:
    """The sandbox's control room."""

    http: FlaskClient

    def fault(self, kind: str, **rule: object) -> None:
        self._post("/sandbox/faults", {"kind": kind, **rule})

    def count(self, kind: str, **rule: object) -> Callable[[], int]:
        """Put a lasting fault in force and return what tells how often it has happened."""
        answer = self.http.post("/sandbox/faults", json={"kind": kind, "times": None, **rule})
        assert answer.status_code == 200, answer.text
        number = answer.get_json()["id"]

        def happened() -> int:
            rules = self.http.get("/sandbox/faults").get_json()
            rules = rules.get("faults", rules) if isinstance(rules, dict) else rules
            return sum(rule["happened"] for rule in rules if rule["id"] == number)

        return happened

    def switch(self, utility: str, **values: object) -> None:
        self._post(f"/sandbox/utilities/{utility}", values)

    def utilityapi(self, **values: object) -> None:
        answer = self.http.patch("/sandbox/utilityapi/settings", json=values)
        assert answer.status_code == 200, answer.text

    def revoke_at_utilityapi(self, uid: str) -> None:
        self._post(f"/sandbox/utilityapi/authorizations/{uid}/revoke", {})

    def act(self, external_id: str, verb: str) -> None:
        self._post(f"/sandbox/authorizations/{external_id}/{verb}", {})

    def calm(self) -> None:
        assert self.http.delete("/sandbox/faults").status_code == 200

    def _post(self, path: str, body: Mapping[str, object]) -> None:
        answer = self.http.post(path, json=dict(body))
        assert answer.status_code == 200, answer.text


@pytest.fixture
def control(sandbox: Running) -> Control:
    return Control(sandbox.app.test_client())


@dataclass(frozen=True)
class Consented:
    """A customer who has authorized, and what may be asked of the stored state."""

    runtime: Runtime
    clock: SandboxClock
    id: UUID
    login: str

    def collect(self, **arguments: Any) -> CollectionOutcome:
        return collection.collect(self.runtime, self.id, **arguments)

    def collect_when_due(self) -> CollectionOutcome:
        """Collect again when the open order is due, as the sensor does."""
        order = self.order()
        assert order.done_at is None
        self.clock.set(max(self.clock.now(), order.not_before))
        return self.collect(order_id=order.id)

    def authorization(self) -> Authorization:
        with self.runtime.sessions() as session:
            return session.get_one(Authorization, self.id)

    def facility(self) -> Facility:
        with self.runtime.sessions() as session:
            return session.get_one(Facility, self.authorization().facility_id)

    def external_id(self) -> str:
        external_id = self.authorization().external_id
        assert external_id is not None
        return external_id

    def order(self) -> WorkOrder:
        """Return the last order of this authorization."""
        query = select(WorkOrder).where(WorkOrder.authorization_id == self.id)
        with self.runtime.sessions() as session:
            return session.scalars(query.order_by(WorkOrder.id.desc()).limit(1)).one()

    def attempt(self) -> SyncAttempt:
        """Return the last attempt to collect."""
        query = select(SyncAttempt).where(SyncAttempt.authorization_id == self.id)
        with self.runtime.sessions() as session:
            return session.scalars(query.order_by(SyncAttempt.id.desc()).limit(1)).one()

    def attempts(self) -> list[SyncAttempt]:
        """Return every attempt to collect, oldest first."""
        query = select(SyncAttempt).where(SyncAttempt.authorization_id == self.id)
        with self.runtime.sessions() as session:
            return list(session.scalars(query.order_by(SyncAttempt.id)))

    def payload_states(self) -> list[str]:
        with self.runtime.sessions() as session:
            rows = session.scalars(select(LandedPayload).order_by(LandedPayload.id)).all()
        assert all(len(self.runtime.landing.get(row.sha256)) == row.byte_count for row in rows)
        return [row.state for row in rows]

    def stored_days(self) -> int:
        with self.runtime.sessions() as session:
            return session.scalar(select(func.count()).select_from(IntervalDay)) or 0

    def standing(self) -> tuple[str, str | None, str]:
        """Return the status, what the facility shows of it, and the health of collecting."""
        row = self.authorization()
        return row.status, self.facility().auth_status, row.sync_health

    def has_all_of(self, window: tuple[datetime, datetime]) -> bool:
        """Say whether exactly the utility's readings of these days are stored."""
        asked = window if self.authorization().method == "utilityapi" else whole_days(window)
        return stored_wh(self.runtime) == sandbox_wh(self.login, asked)


@pytest.fixture
def consented(
    runtime: Runtime, clock: SandboxClock, customer: Callable[[str], Customer]
) -> Callable[..., Consented]:
    """Make a customer who has authorized a utility. Each is another one: nobody is shared."""
    numbers = itertools.count()

    def make(provider: str = "sdge", login: str = "sunny", *, utility: str = "") -> Consented:
        someone = customer(f"House {next(numbers)}")
        completed = someone.authorise(provider, login, utility=utility)
        assert completed.error is None
        return Consented(runtime, clock, authorization_of(completed), login)

    return make
