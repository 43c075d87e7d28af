"""A long history comes in pieces, the newest first; what is recorded is never asked for again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from dcarbon.db.meters import CoverageDay, Series
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.coverage import CoverageState
from dcarbon.services import collection, work
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.conftest import Customer, sandbox_wh, stored_wh
from tests.integration.collection.faults.conftest import LATER, Consented, Control

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
BATCH = "/sdge/DataCustodian/espi/1_1/resource/Batch/Subscription"
INTERVALS = "/api/v2/intervals"
LADWP = {"login": "hourly", "utility": "LADWP"}
PACIFIC = ZoneInfo("America/Los_Angeles")


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    name = "DCARBON_PROVIDERS__UTILITYAPI__OVERRIDES__REQUEST_WINDOW_DAYS"
    return {**environment, name: "5"}


@pytest.fixture(autouse=True)
def _quick(control: Control) -> None:
    control.utilityapi(collection_delay_s=0)


def settled(house: Consented) -> collection.CollectionOutcome:
    """Collect, again and again while the provider asks to wait."""
    for _ in range(30):
        outcome = house.collect()
        if not outcome.waiting:
            return outcome
        house.clock.set(house.order().not_before)
    raise AssertionError("the provider never became ready")


def progress(house: Consented) -> dict[str, object]:
    return work.progress_of(house.order())


def states(house: Consented) -> dict[Any, set[str]]:
    """Return the states of coverage by local day."""
    with house.runtime.sessions() as session:
        found: dict[Any, set[str]] = {}
        for row in session.scalars(select(CoverageDay)):
            found.setdefault(row.meter_day, set()).add(row.state)
        return found


def newest_end(house: Consented) -> datetime:
    with house.runtime.sessions() as session:
        ends = [end for end in session.scalars(select(Series.last_end)) if end is not None]
    return max(ends)


def test_the_newest_piece_is_there_before_the_others_are_asked_for(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("unavailable", path_prefix=BATCH, after=1)

    house.collect()

    shown = progress(house)
    assert (shown["state"], shown["pieces_done"], shown["pieces_total"]) == ("collecting", 1, 3)
    assert (shown["days_in"], shown["days_wanted"]) == (5, 12)
    by_meter = shown["days_by_meter"]
    assert isinstance(by_meter, dict)
    assert set(by_meter.values()) == {4}  # of today there is nothing yet
    assert work.RESUME not in shown
    assert house.clock.now() - newest_end(house) < timedelta(days=1)


def test_a_collection_goes_on_after_the_last_recorded_piece(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.fault("unavailable", path_prefix=BATCH, after=1)
    first = house.collect()
    before = house.attempt()

    again = house.collect_when_due()

    assert again.error is None
    assert again.window == first.window
    assert again.payloads == 2
    assert (before.payloads, house.attempt().payloads) == (2, 2)
    shown = progress(house)
    assert (shown["state"], shown["pieces_done"], shown["days_in"]) == ("done", 3, 12)
    assert shown["readings"] == first.readings + again.readings
    assert house.has_all_of(again.window)


@pytest.mark.parametrize("way", [{}, {"provider": "utilityapi", **LADWP}], ids=["espi", "json"])
def test_a_killed_run_is_gone_on_from_and_nothing_is_fetched_twice(
    consented: Make, way: dict[str, str]
) -> None:
    house = consented(**way)
    whole = settled_elsewhere(consented, way)

    def dying() -> datetime:
        if house.order().progress.get("pieces_done") == 2:
            raise _Killed
        return house.clock.now()

    for _ in range(30):
        try:
            killed = collection.collect(replace(house.runtime, clock=dying), house.id)
        except _Killed:
            break
        assert killed.waiting
        house.clock.set(house.order().not_before)
    before = house.order().progress["readings"]
    again = house.collect()

    assert again.error is None
    assert [one.error_code for one in house.attempts()][-2:] == ["run_ended", None]
    assert 0 < again.readings < whole.readings
    assert before + again.readings == whole.readings
    assert house.order().outcome == "done"


def settled_elsewhere(consented: Make, way: dict[str, str]) -> collection.CollectionOutcome:
    """Collect the same readings for another facility, without trouble."""
    return settled(consented(**way))


def test_a_custodian_that_has_less_ends_the_history_and_the_days_are_asked_and_empty(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("empty", path_prefix=BATCH, after=1, times=None)

    outcome = house.collect()

    assert outcome.error is None
    assert house.order().outcome == "done"
    first_day = outcome.window[0].astimezone(PACIFIC).date()
    assert states(house)[first_day] == {CoverageState.ASKED_EMPTY}
    assert progress(house)["days_in"] == 12
    control.calm()
    again = house.collect(start=outcome.window[0], end=outcome.window[1])
    assert house.has_all_of(again.window)


def test_a_custodian_that_has_nothing_newest_leaves_its_days_asked_and_empty(
    consented: Make, control: Control
) -> None:
    """The meter is known only from an older piece."""
    house = consented()
    control.fault("empty", path_prefix=BATCH)

    outcome = house.collect()

    newest = outcome.window[1].astimezone(PACIFIC).date() - timedelta(days=4)
    assert outcome.readings > 0
    assert states(house)[newest] == {CoverageState.ASKED_EMPTY}


def test_a_custodian_that_has_nothing_at_all_is_done_and_looked_at_again_by_the_sync(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("empty", path_prefix=BATCH, times=None)

    outcome = house.collect()

    assert (outcome.error, outcome.readings, outcome.meters) == (None, 0, 0)
    assert house.order().outcome == "done"
    assert house.standing() == ("authorized", "authorized", "ok")
    control.calm()
    assert house.has_all_of(house.collect().window)


def test_whole_objects_beyond_the_window_are_stored(consented: Make, control: Control) -> None:
    control.utilityapi(straddle="whole")
    house = consented("utilityapi", **LADWP)
    try:
        outcome = settled(house)
    finally:
        control.utilityapi(straddle="cut")

    start, end = outcome.window
    assert outcome.error is None
    assert stored_wh(house.runtime)["delivered"] > sandbox_wh("hourly", (start, end))["delivered"]


def test_a_history_that_was_broken_off_is_taken_up_after_authorizing_again(
    runtime: Any, customer: Callable[[str], Customer], control: Control, clock: SandboxClock
) -> None:
    """A sync meanwhile must not hide that the older pieces never came."""
    someone = customer("House")
    completed = someone.authorise("sdge", "sunny")
    assert completed.authorization_id is not None
    house = Consented(runtime, clock, completed.authorization_id, "sunny")
    control.fault("unavailable", path_prefix=BATCH, after=1)
    begun = house.collect()
    synced = house.collect(start=begun.window[1] - timedelta(days=2), end=begun.window[1])
    assert synced.error is None
    clock.advance(LATER)
    control.act(house.external_id(), "expire")
    assert house.collect_when_due().error is not None
    assert house.order().outcome == "given_up"

    assert someone.authorise("sdge", "sunny").error is None
    again = house.collect()

    assert again.error is None
    assert again.window[0] == begun.window[0]
    assert house.has_all_of((begun.window[0], synced.window[1]))


def test_a_window_without_an_order_comes_in_pieces_too(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    house.collect()
    end = clock.now()

    outcome = house.collect(start=end - timedelta(days=20), end=end)

    assert outcome.error is None
    assert house.has_all_of(outcome.window)
    with house.runtime.sessions() as session:
        assert len(session.scalars(select(WorkOrder)).all()) == 1


def test_nothing_older_than_the_utility_keeps_is_asked_for(
    consented: Make, control: Control
) -> None:
    house = consented("utilityapi", **LADWP)
    settled(house)
    end = house.clock.now() - timedelta(days=1096)

    outcome = house.collect(start=end - timedelta(days=30), end=end)

    assert (outcome.error, outcome.readings) == (None, 0)
    with house.runtime.sessions() as session:
        oldest = session.scalar(text("select min(meter_day) from coverage_days"))
    assert oldest > end.date()


def test_names_and_addresses_are_asked_for_by_the_weekly_sync_and_not_every_night(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    house.collect()
    window = {"start": clock.now() - timedelta(days=2), "end": clock.now()}

    daily = house.collect(**window, sync_key="daily:2026-11-19")
    weekly = house.collect(**window, sync_key="weekly:2026-11-19")

    assert (daily.error, weekly.error) == (None, None)
    assert weekly.payloads == daily.payloads + 1


def test_an_abandoned_attempt_that_was_alive_after_all_says_what_came_of_it(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    with _taken_for_abandoned(house):
        outcome = house.collect()

    assert outcome.error is None
    assert [one.error_code for one in house.attempts()] == [None]


@contextmanager
def _taken_for_abandoned(house: Consented) -> Iterator[None]:
    """Close each attempt as soon as it is begun, as another process would an hour later."""
    with house.runtime.sessions.begin() as session:
        session.execute(
            text(
                "create function close_it() returns trigger language plpgsql as $$ begin"
                " new.finished_at = new.started_at; new.error_code = 'run_ended'; return new;"
                " end $$"
            )
        )
        session.execute(
            text(
                "create trigger close_it before insert on sync_attempts"
                " for each row execute function close_it()"
            )
        )
    yield


class _Killed(BaseException):
    """The process ends: nothing of ours catches it."""
