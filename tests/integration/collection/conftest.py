"""The main job's surroundings: a served sandbox over real TLS and a runtime that trusts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import text

from dcarbon import settings
from dcarbon.cli.browsing import Visitor
from dcarbon.db.facilities import Facility
from dcarbon.domain.calendar import day_bounds
from dcarbon.services import authorizations, facilities, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.authorizations import Completed
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_sandbox import loads
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.customers import customer_by_login
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.server import Ports, Running, running

START = datetime(2026, 11, 20, 18, tzinfo=UTC)
"""Ninety days before it lies the end of daylight saving time."""
PACIFIC = ZoneInfo("America/Los_Angeles")


@pytest.fixture
def clock() -> SandboxClock:
    return SandboxClock(START)


@pytest.fixture
def sandbox(tmp_path: Path, clock: SandboxClock) -> Iterator[Running]:
    """The sandbox on the clock of the test: how long the test takes makes nothing happen there."""
    with running(tmp_path / "sandbox", ports=Ports(0, 0, 0), clock=clock) as served:
        control = served.app.test_client()
        answer = control.patch("/sandbox/utilityapi/settings", json={"real_time": False})
        assert answer.status_code == 200
        yield served


@pytest.fixture
def history_days() -> int:
    """How far back a first collection reaches: three pieces."""
    return 90


@pytest.fixture
def runtime(
    database_url: str, tmp_path: Path, sandbox: Running, clock: SandboxClock, history_days: int
) -> Iterator[Runtime]:
    fast = {
        f"DCARBON_PROVIDERS__{key}__OVERRIDES__PER_SECOND": "20" for key in ("PGE", "SCE", "SDGE")
    }
    chosen = settings.load(
        {**product_settings(sandbox.endpoints), **fast, "DCARBON_HISTORY_DAYS": str(history_days)},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
    )
    with open_runtime(chosen, clock=clock.now) as runtime:
        yield runtime


@dataclass(frozen=True)
class Customer:
    """A person with a facility who can walk a utility's pages."""

    runtime: Runtime
    actor: Actor
    facility: Facility

    def authorise(
        self, provider: str, login: str, *, utility: str = "", press: str | None = None
    ) -> Completed:
        """Go to the utility and come back, as a browser without scripts does."""
        back = self.visit(provider, login, utility=utility, press=press)
        complete = (
            authorizations.complete_utilityapi if utility else authorizations.complete_green_button
        )
        return complete(self.runtime, parameters=back, browser=None)

    def visit(
        self, provider: str, login: str, *, utility: str = "", press: str | None = None
    ) -> dict[str, str]:
        """Go to the utility and return what it sends back with the browser."""
        visitor = Visitor.new()
        visitor.press = press
        started = self.start(provider, utility)
        answers = {"username": login, "login": login, "password": login}
        public = self.runtime.settings.public_url
        with visitor.http:
            back = visitor.through(started.redirect_url, answers, until=public)
        return dict(parse_qsl(urlsplit(back).query))

    def start(self, provider: str, utility: str = "") -> authorizations.Started:
        if utility:
            return authorizations.start_utilityapi(
                self.runtime,
                facility_id=self.facility.id,
                utility=utility,
                actor=self.actor,
                browser=None,
            )
        return authorizations.start_green_button(
            self.runtime,
            facility_id=self.facility.id,
            provider=provider,
            actor=self.actor,
            browser=None,
        )


Make = Callable[[str], Customer]


@pytest.fixture
def customer(runtime: Runtime) -> Make:
    def make(name: str = "Test House") -> Customer:
        person = people.ensure(
            runtime.sessions,
            email=f"{name.replace(' ', '.')}@example.test",
            account_kind="residential",
            actor=SYSTEM,
            now=runtime.now(),
        )
        actor = Actor(person.id, scopes=frozenset({"read", "write"}))
        facility = facilities.create(
            runtime.sessions,
            FacilityDetails(name=name),
            account_kind="residential",
            role="owner_operator",
            actor=actor,
            now=runtime.now(),
        )
        return Customer(runtime, actor, facility)

    return make


def authorization_of(completed: Completed) -> UUID:
    assert completed.authorization_id is not None
    return completed.authorization_id


def whole_days(window: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    """Begin the window with its local day: Green Button custodians send whole blocks."""
    first_day = window[0].astimezone(PACIFIC).date()
    return day_bounds(first_day, PACIFIC)[0], window[1]


def stored_wh(runtime: Runtime) -> dict[str, Decimal]:
    """Sum the stored energy by direction, in watt-hours."""
    with runtime.sessions() as session:
        rows = session.execute(
            text(
                "select direction, sum(value) from intervals"
                " where unit = 'Wh' and measure = 'usage' and direction <> 'net' group by 1"
            )
        )
        return {row[0]: Decimal(row[1]) for row in rows}


def sandbox_wh(
    login: str, window: tuple[datetime, datetime], *, as_of: datetime = START
) -> dict[str, Decimal]:
    """Sum the electricity the sandbox holds in the window, in watt-hours."""
    known = customer_by_login(login)
    assert known is not None
    totals = {"delivered": 0, "received": 0}
    for meter in known.meters:
        if meter.commodity == "gas":
            continue
        found = loads.readings(meter, *window, as_of=as_of)
        totals["delivered"] += int(np.sum(found.delivered_mwh[found.present]))
        totals["received"] += int(np.sum(found.received_mwh[found.present]))
    return {name: Decimal(total) / 1000 for name, total in totals.items()}
