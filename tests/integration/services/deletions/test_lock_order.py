"""Whoever erases takes the locks of facilities before any row, as those do that collect."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.services import deletion_work, deletions, people, readings_storing, retention
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Settle
from tests.integration.services.deletions.conftest import ended
from tests.support.solar_month import Roof

pytestmark = pytest.mark.database
_WAITING = text(
    "select count(*) from pg_stat_activity "
    "where datname = current_database() and wait_event_type = 'Lock'"
)


@contextmanager
def waiting_for(runtime: Runtime, facility_id: UUID, work: Callable[[], object]) -> Iterator[None]:
    """Have work wait for the lock of a facility inside the block, and done after it."""
    with ThreadPoolExecutor(1) as pool:
        with runtime.sessions() as holding:
            readings_storing.lock(holding, [facility_id])
            working = pool.submit(work)
            until = time.monotonic() + 60
            while not is_anybody_waiting(runtime):
                assert time.monotonic() < until, "nobody waits"
                time.sleep(0.02)
            yield
        working.result(timeout=60)


def is_anybody_waiting(runtime: Runtime) -> bool:
    with runtime.sessions() as session:
        return bool(session.scalar(_WAITING))


def free(
    runtime: Runtime, row: type[Authorization | Facility], ids: Collection[UUID]
) -> list[UUID]:
    """Return which of these rows nobody has locked, in order."""
    chosen = select(row.id).where(row.id.in_(ids)).order_by(row.id)
    with runtime.sessions() as session:
        return list(session.scalars(chosen.with_for_update(skip_locked=True)))


def test_retention_has_no_authorization_in_hand_while_it_waits(
    roof: Roof, consent: UUID, clock: MovableClock
) -> None:
    runtime = roof.runtime
    ended(runtime, consent)
    clock.advance(timedelta(days=2558))
    (due,) = retention.preview(runtime)

    with waiting_for(runtime, roof.facility.id, lambda: retention.enforce(runtime, due.due)):
        assert free(runtime, Authorization, [consent]) == [consent]

    assert retention.preview(runtime) == []


def test_a_deletion_has_no_facility_in_hand_while_it_waits_for_another(
    runtime: Runtime, settle: Settle
) -> None:
    olga = settle("olga")
    facilities = [olga.facility.id, *(_another(runtime, olga.actor) for _ in range(3))]
    asked = deletions.ask(runtime, actor=olga.actor)
    root = people.make_admin(
        runtime.sessions, email="root@example.test", actor=SYSTEM, now=runtime.now()
    )
    deletions.approve(runtime, asked.id, actor=Actor(root.id, is_admin=True))

    def carry_out() -> None:
        deletion_work.carry_out(runtime, asked.id)

    with waiting_for(runtime, max(facilities), carry_out):
        assert free(runtime, Facility, facilities) == sorted(facilities)


def _another(runtime: Runtime, owner: Actor) -> UUID:
    facility = Facility(id=new_id(), name="Another Hall", account_kind="residential")
    with runtime.sessions.begin() as session:
        session.add(facility)
        session.flush()
        role = FacilityRole(facility_id=facility.id, person_id=owner.person_id, role="owner")
        session.add(role)
        return facility.id
