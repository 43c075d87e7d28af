"""Scheduled syncs over real TLS: what came late, what was corrected, what was missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from dcarbon.db.authorizations import shard_of
from dcarbon.domain.calendar import day_bounds
from dcarbon.services import syncing, work
from dcarbon.services.syncing import SyncOutcome
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.customers import customer_by_login
from tests.integration.collection.conftest import PACIFIC, START, sandbox_wh, stored_wh, whole_days
from tests.integration.collection.faults.conftest import Consented, Control

pytestmark = pytest.mark.database

Make = Callable[..., Consented]


def sync(house: Consented, *, kind: str = "daily") -> SyncOutcome:
    """Sync as tonight's run would: up to the local day that has just ended."""
    yesterday = house.clock.now().astimezone(PACIFIC).date() - timedelta(days=1)
    return syncing.sync_shard(house.runtime, day=yesterday, shard=shard_of(house.id), kind=kind)


def restate(control: Control, login: str, day: date) -> None:
    known = customer_by_login(login)
    assert known is not None
    start, end = day_bounds(day, PACIFIC)
    body = {
        "meter_id": known.meters[0].id,
        "start": start.isoformat(),
        "end": end.isoformat(),
        "factor": 2,
    }
    assert control.http.post("/sandbox/restatements", json=body).status_code == 200


def stored(house: Consented) -> Decimal:
    return stored_wh(house.runtime)["delivered"]


def stated(house: Consented, since: datetime, until: datetime) -> Decimal:
    """Return what the utility states of these days as of now, restatements aside."""
    window = whole_days((since, until))
    return sandbox_wh(house.login, window, as_of=house.clock.now())["delivered"]


def test_after_three_nights_without_a_sync_nothing_is_missing(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented("sdge", "robin")
    first = house.collect()
    clock.advance(timedelta(days=4))

    outcome = sync(house)

    assert [one.error for one in outcome.collected] == [None]
    assert stored(house) == stated(house, first.window[0], clock.now())


def test_the_weekly_sync_finds_a_correction_of_a_month_ago_that_no_daily_one_asks_for(
    consented: Make, clock: SandboxClock, control: Control
) -> None:
    house = consented("sdge", "robin")
    window = (START - timedelta(days=45), START)
    house.collect(start=window[0], end=window[1])
    clock.advance(timedelta(days=1))
    corrected = (START - timedelta(days=30)).date()
    restate(control, "robin", corrected)

    sync(house)
    after_daily = stored(house)
    weekly = sync(house, kind="weekly")

    of_that_day = stated(house, *day_bounds(corrected, PACIFIC))
    assert (weekly.collected[0].restated, stored(house) - after_daily) == (96, of_that_day)
    assert after_daily == stated(house, window[0], clock.now())


def test_what_failed_at_night_is_collected_before_the_next(
    consented: Make, clock: SandboxClock, control: Control
) -> None:
    house = consented("sdge", "robin")
    first = house.collect()
    clock.advance(timedelta(days=2))
    control.fault("unavailable", provider="sdge", times=None)
    night = sync(house)
    control.calm()

    again = house.collect_when_due()

    assert [one.error is not None for one in night.collected] == [True]
    assert (again.error, house.order().outcome) == (None, "done")
    assert stored(house) == stated(house, first.window[0], clock.now())


def test_what_the_utility_still_prepares_is_an_order_s_and_not_asked_for_again(
    consented: Make, clock: SandboxClock, control: Control
) -> None:
    house = consented("sdge", "robin")
    house.collect()
    clock.advance(timedelta(days=1))
    control.switch("sdge", asynchronous="all", asynchronous_delay_s=600)

    outcomes = [sync(house), sync(house)]

    assert [one.waiting for one in outcomes[0].collected] == [True]
    assert (outcomes[1].collected, outcomes[1].settled_before) == ([], 1)
    assert (house.order().reason, house.order().done_at) == (work.SYNC_RETRY, None)
    assert house.order().not_before > clock.now()
