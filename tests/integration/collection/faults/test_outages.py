"""A utility that is down for a long time, and back: seen by nobody but those who should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.mails import Mail
from dcarbon.db.provider_states import ProviderState
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.providers.limits import Urgency
from dcarbon.services import collection, people, provider_health, work
from dcarbon.services.actors import SYSTEM
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.conftest import sandbox_wh, stored_wh, whole_days
from tests.integration.collection.faults.conftest import Consented, Control, reopened

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
Door = Callable[[], AbstractContextManager[Runtime]]
TICK = timedelta(minutes=5)
ADMIN = "admin@example.test"


@pytest.fixture
def at_the_door(
    environment: dict[str, str], database_url: str, tmp_path: Path, clock: SandboxClock
) -> Door:
    """Open what serves people, as it is when it has not asked the utility for a second."""
    return lambda: cast(
        "AbstractContextManager[Runtime]", reopened(environment, database_url, tmp_path, clock)
    )


@pytest.fixture
def in_the_back(
    environment: dict[str, str], database_url: str, tmp_path: Path, clock: SandboxClock
) -> Door:
    """Open what works in the background, as a process that has just begun."""
    return lambda: cast(
        "AbstractContextManager[Runtime]",
        reopened(environment, database_url, tmp_path, clock, urgency=Urgency.BACKGROUND),
    )


@dataclass(frozen=True)
class Pipelines:
    """Does what sensors and runs do, a tick at a time."""

    runtime: Runtime
    clock: SandboxClock
    finished: list[CollectionOutcome] = field(default_factory=list)

    def work(self, lasting: timedelta) -> None:
        end = self.clock.now() + lasting
        while self.clock.now() < end:
            provider_health.tell(self.runtime)
            provider_health.look_again(self.runtime)
            for order, authorization, _ in work.due(self.runtime.sessions, now=self.clock.now()):
                outcome = collection.collect(self.runtime, authorization, order_id=order)
                if outcome.error is None:
                    self.finished.append(outcome)
            self.clock.set(self.clock.now() + TICK)

    def mails(self) -> list[tuple[str, str]]:
        kinds = ("provider_down", "provider_back")
        with self.runtime.sessions() as session:
            rows = session.scalars(select(Mail).where(Mail.kind.in_(kinds)).order_by(Mail.id))
            return [(row.kind, row.to_address) for row in rows]

    def bodies(self) -> list[str]:
        with self.runtime.sessions() as session:
            rows = session.scalars(select(Mail).order_by(Mail.id))
            return [" ".join(r.text_body.split()) for r in rows if r.kind.startswith("provider")]

    def audited(self) -> list[str]:
        with self.runtime.sessions() as session:
            rows = session.scalars(select(AuditEntry.event).order_by(AuditEntry.seq))
            return [event for event in rows if event.startswith("provider_")]

    def attempts(self, since: datetime) -> list[str | None]:
        with self.runtime.sessions() as session:
            codes = select(SyncAttempt.error_code).where(SyncAttempt.started_at >= since)
            return list(session.scalars(codes))

    def open_orders(self) -> int:
        with self.runtime.sessions() as session:
            return len(session.scalars(select(WorkOrder).where(WorkOrder.done_at.is_(None))).all())


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "DCARBON_OUTAGE_MAIL_HOURS": "2"}


@pytest.fixture
def pipelines(in_the_back: Door, clock: SandboxClock, runtime: Runtime) -> Iterator[Pipelines]:
    """The process that works in the background, beside the one that people are served by."""
    people.make_admin(runtime.sessions, email=ADMIN, actor=SYSTEM, now=clock.now())
    with in_the_back() as background:
        yield Pipelines(background, clock)


def test_a_long_outage_from_its_first_failure_to_its_last_reading(
    consented: Make, control: Control, pipelines: Pipelines, clock: SandboxClock
) -> None:
    houses = [consented() for _ in range(3)]
    began = clock.now()
    asked = control.count("unavailable", provider="sdge")

    pipelines.work(timedelta(hours=4))

    # Five failures pause it, then a probe at a time: seldom, and one only.
    assert asked() <= 5 + 5 + 4 * 60 / 15 * 1.5
    for house in houses:
        assert house.standing() == ("authorized", "authorized", "delayed")
        since = house.authorization().sync_health_since
        assert since is not None
        assert since < began + TICK
        assert house.order().done_at is None
    assert pipelines.mails() == [("provider_down", ADMIN)]
    assert "3 facilities wait for readings" in pipelines.bodies()[0]
    assert pipelines.audited() == ["provider_down"]
    assert set(pipelines.attempts(began)) == {"provider_unavailable", "provider_paused"}

    control.calm()
    asked, back = control.count("slow", provider="sdge", parameters={"seconds": 0}), clock.now()
    pipelines.work(timedelta(minutes=50))

    assert [house.standing()[2] for house in houses] == ["ok"] * 3
    assert pipelines.open_orders() == 0
    assert {outcome.authorization_id for outcome in pipelines.finished} == {h.id for h in houses}
    held = [sandbox_wh(houses[0].login, whole_days(o.window)) for o in pipelines.finished]
    assert stored_wh(pipelines.runtime) == {
        name: sum(one[name] for one in held) for name in ("delivered", "received")
    }
    assert pipelines.attempts(back).count(None) == 3
    assert pipelines.mails() == [("provider_down", ADMIN), ("provider_back", ADMIN)]
    assert "San Diego Gas & Electric was down from" in pipelines.bodies()[1]
    assert pipelines.audited() == ["provider_down", "provider_recovered"]
    # What three calm collections take, three new access tokens, and the probe among them.
    assert asked() <= 3 * (requests_of_one(consented(), control) + 1)


def requests_of_one(house: Consented, control: Control) -> int:
    """Count what the utility is asked in one collection when all is well."""
    control.calm()
    asked = control.count("slow", provider="sdge", parameters={"seconds": 0})
    house.collect()
    return asked()


def test_a_short_outage_is_told_nobody(
    consented: Make, control: Control, pipelines: Pipelines
) -> None:
    house = consented()
    control.count("unavailable", provider="sdge")
    pipelines.work(timedelta(hours=1))
    control.calm()

    pipelines.work(timedelta(hours=1))

    assert house.standing() == ("authorized", "authorized", "ok")
    assert (pipelines.mails(), pipelines.audited()) == ([], [])


def test_a_utility_that_flickers_is_told_of_once(
    consented: Make, control: Control, pipelines: Pipelines, at_the_door: Door, in_the_back: Door
) -> None:
    """A single answer in a long outage is no recovery, and what follows no second outage."""
    houses = [consented() for _ in range(2)]
    control.count("unavailable", provider="sdge")
    pipelines.work(timedelta(hours=3))
    control.calm()
    with at_the_door() as door:
        flickered = collection.collect(door, houses[0].id, order_id=houses[0].order().id)
    assert flickered.error is None
    control.count("unavailable", provider="sdge")

    # A process remembers a pause for a second of real time, hours of this clock: another one works.
    with in_the_back() as background:
        Pipelines(background, pipelines.clock).work(timedelta(hours=3))

    assert pipelines.mails() == [("provider_down", ADMIN)]


def test_while_one_utility_is_down_the_others_are_collected(
    consented: Make, control: Control, pipelines: Pipelines
) -> None:
    down, fine = consented("sdge"), consented("pge", "sunny")
    control.count("unavailable", provider="sdge")

    pipelines.work(timedelta(minutes=30))

    assert [house.standing()[2] for house in (down, fine)] == ["delayed", "ok"]


def is_paused(runtime: Runtime, provider: str) -> bool:
    with runtime.sessions() as session:
        state = session.get(ProviderState, provider)
    return state is not None and state.probe_at is not None


def test_a_customer_at_the_door_is_let_through_while_the_utility_is_paused(
    consented: Make, control: Control, pipelines: Pipelines, at_the_door: Door
) -> None:
    first, second = consented(), consented()
    control.count("unavailable", provider="sdge")
    pipelines.work(timedelta(minutes=30))
    assert is_paused(pipelines.runtime, "sdge")
    control.calm()

    with at_the_door() as door:
        outcome = collection.collect(door, first.id)

    assert outcome.error is None
    assert not is_paused(pipelines.runtime, "sdge")
    assert second.order().not_before <= pipelines.clock.now()
