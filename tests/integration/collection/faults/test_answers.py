"""Bad answers of a custodian: nothing stored is lost, and the state says who waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from dcarbon.db.meters import CoverageDay
from dcarbon.domain.coverage import CoverageState
from dcarbon.services import collection
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.faults.conftest import LATER, Consented, Control

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
DATA = "/sdge/DataCustodian/espi/1_1/resource"
BATCH = f"{DATA}/Batch/Subscription"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("unavailable", "provider_unavailable"),
        ("error", "provider_unavailable"),
        ("throttled", "provider_throttled"),
        ("cut", "provider_unavailable"),
        ("time_out", "provider_unavailable"),
    ],
)
def test_a_utility_that_is_down_delays_the_collection_and_changes_nothing_else(
    consented: Make, control: Control, clock: SandboxClock, kind: str, code: str
) -> None:
    house = consented()
    control.fault(kind, provider="sdge", parameters={"seconds": 0.1})

    outcome = house.collect()

    assert outcome.error is not None
    assert outcome.error.code == code
    assert house.standing() == ("authorized", "authorized", "delayed")
    assert house.attempt().error_code == house.order().last_error_code == code
    assert house.order().done_at is None
    assert house.order().not_before == house.attempt().next_try_at
    assert house.order().not_before > clock.now()
    assert house.authorization().last_sync is None
    again = house.collect_when_due()
    assert again.error is None
    assert house.standing() == ("authorized", "authorized", "ok")
    assert house.order().outcome == "done"
    assert house.has_all_of(again.window)


def test_a_throttled_order_waits_at_least_as_long_as_the_utility_asks(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.fault("throttled", provider="sdge", parameters={"retry_after": 1800})

    house.collect()

    assert house.order().not_before >= clock.now() + timedelta(seconds=1800)
    assert house.order().attempts == 1


def test_each_failure_in_a_row_is_an_attempt_of_its_own_and_health_keeps_its_beginning(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    began = clock.now()
    control.fault("unavailable", provider="sdge", times=3)

    house.collect()
    house.collect_when_due()
    house.collect_when_due()

    assert house.order().attempts == 3
    assert house.authorization().sync_health_since == began


def test_what_came_before_a_failure_stays_and_is_counted(consented: Make, control: Control) -> None:
    house = consented()
    control.fault("unavailable", path_prefix=BATCH, after=1)

    outcome = house.collect()

    attempt = house.attempt()
    assert outcome.error is not None
    # The newest piece, and the customer data that describe its meter.
    assert (attempt.payloads, outcome.payloads) == (2, 2)
    assert attempt.readings == outcome.readings > 0
    assert house.payload_states() == ["parsed", "parsed"]
    assert house.stored_days() > 0
    again = house.collect_when_due()
    assert again.error is None
    assert house.has_all_of(again.window)


def test_a_malformed_page_is_kept_and_marked_and_the_others_go_on(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("malformed", path_prefix=BATCH)

    outcome = house.collect()

    assert outcome.error is None
    assert outcome.unreadable == house.attempt().unreadable == 1
    assert outcome.readings > 0
    states = house.payload_states()
    assert states.count("unreadable") == 1
    assert states.count("parsed") == len(states) - 1 > 0


def test_days_of_a_page_that_could_not_be_read_are_not_called_empty(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("malformed", path_prefix=BATCH)

    house.collect()

    with house.runtime.sessions() as session:
        states = set(session.scalars(select(CoverageDay.state)))
    assert CoverageState.ASKED_EMPTY not in states
    assert CoverageState.NOT_ASKED in states


def test_an_empty_feed_leaves_what_is_stored_and_is_a_success(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    first = house.collect()
    before = house.stored_days()
    control.fault("empty", path_prefix=BATCH, times=None)
    clock.advance(LATER)

    again = house.collect(start=first.window[0], end=first.window[1])

    assert again.error is None
    assert (again.readings, again.new, again.restated) == (0, 0, 0)
    assert house.stored_days() == before
    assert house.has_all_of(first.window)
    assert house.authorization().last_sync == clock.now()


def test_a_failed_sync_loses_nothing_and_keeps_the_time_of_the_last_success(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    first = house.collect()
    synced = clock.now()
    control.fault("unavailable", provider="sdge", times=None)
    clock.advance(LATER)

    house.collect(start=first.window[0], end=first.window[1])

    assert house.has_all_of(first.window)
    assert house.authorization().last_sync == house.facility().last_sync == synced
    assert house.standing() == ("authorized", "authorized", "delayed")


def test_a_collection_that_was_killed_ends_complete_when_it_runs_again(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()

    def dying() -> datetime:
        if house.payload_states():
            raise _Killed
        return clock.now()

    with pytest.raises(_Killed):
        collection.collect(replace(house.runtime, clock=dying), house.id)

    assert house.payload_states() == ["parsed"]
    assert house.attempt().finished_at is None
    assert house.order().done_at is None
    assert house.standing() == ("authorized", "authorized", "ok")
    again = house.collect()
    assert again.error is None
    assert house.order().outcome == "done"
    assert house.has_all_of(again.window)
    assert set(house.payload_states()) <= {"parsed", "empty"}
    assert [one.error_code for one in house.attempts()] == ["run_ended", None]


class _Killed(BaseException):
    """The process ends: nothing of ours catches it."""
