"""Claims made at the same moment: one is taken, and the others are told the same plain reason."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import text

from dcarbon.db.generating_units import MeterClaim
from dcarbon.domain.errors import ClaimRefused
from dcarbon.services import meter_claims
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Resident, Settle, events
from tests.integration.services.test_generating_units import created
from tests.integration.services.test_meter_claims import MARCH, export, export_meter, refusal

pytestmark = pytest.mark.database


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


@pytest.fixture
def roof(runtime: Runtime, ann: Resident) -> UUID:
    return created(runtime, ann)


def test_of_many_at_once_one_claims_and_the_others_are_told_the_same(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    meter = export_meter(runtime, ann, numbers=("1001",))
    gate, told = threading.Barrier(6), []

    def ask() -> None:
        gate.wait()
        try:
            meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)
            told.append("claimed")
        except ClaimRefused as error:
            told.append(f"{error.code}: {error.display_message}")

    in_parallel([ask] * 6)

    assert told.count("claimed") == 1
    assert len(set(told)) == 2
    assert next(one for one in told if one != "claimed").startswith("claim_overlaps: Meter 1001")
    assert events(runtime).count("meter_claimed") == 1


def test_the_database_decides_when_another_program_claims_at_the_same_moment(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    """Something else than our service writes a claim, unseen until it commits: the constraint
    makes ours wait, and the refusal names what it lost to."""
    meter, told = export_meter(runtime, ann, numbers=("1001",)), list[ClaimRefused]()

    def ask() -> None:
        told.append(refusal(runtime, roof, export(meter), ann.actor))

    with runtime.sessions.begin() as session:
        session.add(
            MeterClaim(
                generating_unit_id=roof, meter_id=meter, basis="hourly_export", first_day=MARCH
            )
        )
        session.flush()
        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: waiting(runtime) == 1)

    thread.join(timeout=60)
    assert [one.code for one in told] == ["claim_overlaps"]
    assert "Meter 1001 counts for Roof from Mar 1, 2026 on" in told[0].display_message


def test_two_people_with_the_same_meter_by_two_rows_claim_it_once(
    runtime: Runtime, ann: Resident, settle: Settle, roof: UUID
) -> None:
    ben = settle("ben")
    barn, gate, told = created(runtime, ben, registry_id=""), threading.Barrier(2), []
    pairs = [
        (ann, roof, export_meter(runtime, ann, numbers=("1001",))),
        (ben, barn, export_meter(runtime, ben, numbers=("1001",))),
    ]

    def asking(who: Resident, unit: UUID, meter: UUID) -> Callable[[], None]:
        def ask() -> None:
            gate.wait()
            try:
                meter_claims.claim(runtime, unit, new=export(meter), actor=who.actor)
                told.append("claimed")
            except ClaimRefused as error:
                told.append(error.code)

        return ask

    in_parallel([asking(*pair) for pair in pairs])

    assert sorted(told) == ["claimed", "claimed_elsewhere"]


def in_parallel(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)


def waiting(runtime: Runtime) -> int:
    """Return how many of this database's sessions wait for another's."""
    with runtime.sessions() as session:
        found = session.scalar(
            text(
                "select count(*) from pg_stat_activity where datname = current_database() "
                "and wait_event_type = 'Lock'"
            )
        )
    return int(found or 0)


def wait_until(is_so: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if is_so():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come to it")
