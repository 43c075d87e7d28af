"""A sync reaches everybody of its shard: from the last reading on, none twice, none held up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import update

from dcarbon import settings
from dcarbon.db.tables import Authorization, Grant
from dcarbon.services import syncing, work
from dcarbon.services.runtime import Runtime, open_runtime
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.custodian import StandInCustodian
from tests.integration.pipelines.syncs import DAY, SHARD, attempts_of, orders_of, synced_at

pytestmark = pytest.mark.database

LAST_END = datetime(2026, 3, 15, 7, tzinfo=UTC)
"""Local midnight of the day that was the last to be synced."""


PGE_PER_HOUR = 3


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, custodian: StandInCustodian) -> Iterator[Runtime]:
    """Three utilities of one custodian: no limit worth the name, a quick one, and one of hours."""
    limits = {
        "sdge": {"per_second": "1000"},
        "sce": {"per_second": "20"},
        "pge": {"per_second": "100", "per_hour": str(PGE_PER_HOUR)},
    }
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        providers={
            key: {
                "client_id": "client-of-tests",
                "client_secret": "not-a-secret",
                "base_url": "https://sdge.invalid",
                "overrides": {"quirks": "", **of_one},
            }
            for key, of_one in limits.items()
        },
    )
    network = httpx2.MockTransport(custodian.answer)
    networks = dict.fromkeys(limits, network)
    with open_runtime(chosen, clock=lambda: NOW, networks=networks) as runtime:
        yield runtime


@pytest.mark.parametrize(("kind", "days"), [("daily", 7), ("weekly", 35)])
def test_nights_without_a_sync_leave_no_hole(
    runtime: Runtime, world: World, kind: str, days: int
) -> None:
    authorization = world.authorization(shard=SHARD)
    world.read(world.series(world.meter(authorization)), LAST_END - timedelta(hours=2), [1, 1])
    synced_at(runtime, authorization, LAST_END)

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD, kind=kind)

    window = outcome.collected[0].window
    assert window == (LAST_END - timedelta(days=days), datetime(2026, 3, 19, 7, tzinfo=UTC))


def test_the_slowest_channel_says_from_when_on_but_not_one_that_has_ended(
    runtime: Runtime, world: World
) -> None:
    authorization = world.authorization(shard=SHARD)
    meter = world.meter(authorization)
    for direction, days_behind in (("delivered", 0), ("received", 20), ("net", 120)):
        end = LAST_END - timedelta(days=days_behind)
        world.read(world.series(meter, direction), end - timedelta(hours=1), [1])
    synced_at(runtime, authorization, LAST_END)

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD)

    assert outcome.collected[0].window[0] == LAST_END - timedelta(days=20 + 7)


def test_a_day_asked_for_by_hand_is_that_day(runtime: Runtime, world: World) -> None:
    authorization = world.authorization(shard=SHARD)
    series = world.series(world.meter(authorization))
    world.read(series, datetime(2026, 3, 19, 6, tzinfo=UTC), [1])
    synced_at(runtime, authorization, LAST_END)

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD, kind="pull-1")

    assert outcome.collected[0].window == (
        datetime(2026, 3, 18, 7, tzinfo=UTC),
        datetime(2026, 3, 19, 7, tzinfo=UTC),
    )


def test_the_longest_unsynced_come_first(runtime: Runtime, world: World) -> None:
    authorizations = [world.authorization(shard=SHARD) for _ in range(4)]
    days = (1, 4, None, 2)
    for authorization, ago in zip(authorizations, days, strict=True):
        if ago is not None:
            synced_at(runtime, authorization, NOW - timedelta(days=ago))
    one_by_one = replace(
        runtime, settings=runtime.settings.model_copy(update={"provider_concurrency": 1})
    )

    outcome = syncing.sync_shard(one_by_one, day=DAY, shard=SHARD)

    order = [authorizations.index(one.authorization_id) for one in outcome.collected]
    begun = sorted(authorizations, key=lambda one: attempts_of(runtime, one)[0].id)
    assert sorted(order) == [0, 1, 2, 3]
    assert [authorizations.index(one) for one in begun] == [2, 1, 3, 0]


def test_only_who_is_authorized_and_has_no_first_collection_before_them_is_synced(
    runtime: Runtime, world: World
) -> None:
    authorized = world.authorization(shard=SHARD)
    world.authorization(shard=SHARD, status="revoked")
    newcomer = world.authorization(shard=SHARD)
    world.order(newcomer)

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD)

    assert [one.authorization_id for one in outcome.collected] == [authorized]
    assert attempts_of(runtime, newcomer) == []


def test_a_killed_sync_is_carried_on_without_repeating_what_it_finished(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    """The attempt it was in the middle of is closed for what it is."""
    finished, unfinished, untouched = (world.authorization(shard=SHARD) for _ in range(3))
    for not_yet in (unfinished, untouched):
        _set(runtime, not_yet, status="pending")
    syncing.sync_shard(runtime, day=DAY, shard=SHARD, run_id="killed")
    for again in (unfinished, untouched):
        _set(runtime, again, status="authorized")
    with runtime.sessions.begin() as session:
        work.start_attempt(
            session, unfinished, order_id=None, run_id="killed", now=NOW, sync_key=f"daily:{DAY}"
        )
    custodian.asked.clear()

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD, run_id="its retry")

    asked = {url.path.rpartition("/Subscription/")[2] for url in custodian.asked}
    assert asked == {unfinished.hex, untouched.hex}
    assert (outcome.settled_before, outcome.left) == (1, 0)
    codes = [one.error_code for one in attempts_of(runtime, unfinished)]
    assert codes == ["run_ended", None]
    assert len(attempts_of(runtime, finished)) == 1


def test_the_next_day_and_an_administrator_ask_again(runtime: Runtime, world: World) -> None:
    authorization = world.authorization(shard=SHARD)

    for day, kind in ((DAY, "daily"), (DAY, "pull-1"), (DAY + timedelta(days=1), "daily")):
        syncing.sync_shard(runtime, day=day, shard=SHARD, kind=kind)
        syncing.sync_shard(runtime, day=day, shard=SHARD, kind=kind)

    assert len(attempts_of(runtime, authorization)) == 3


def test_a_weekly_sync_spares_the_daily_one_but_not_the_other_way_round(
    runtime: Runtime, world: World
) -> None:
    authorization = world.authorization(shard=SHARD)

    syncing.sync_shard(runtime, day=DAY, shard=SHARD, kind="daily")
    syncing.sync_shard(runtime, day=DAY, shard=SHARD, kind="weekly")
    syncing.sync_shard(runtime, day=DAY, shard=SHARD, kind="daily")

    keys = [one.sync_key for one in attempts_of(runtime, authorization)]
    assert keys == [f"daily:{DAY}", f"weekly:{DAY}"]


def test_who_fails_gets_an_order_is_not_asked_again_by_the_sync_and_holds_up_nobody(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    down, *well = (world.authorization(shard=SHARD) for _ in range(3))
    custodian.down.add(down.hex)

    first = syncing.sync_shard(runtime, day=DAY, shard=SHARD)
    again = syncing.sync_shard(runtime, day=DAY, shard=SHARD)

    order = orders_of(runtime, down)[0]
    assert {one.authorization_id for one in first.collected if not one.error} == set(well)
    assert (order.kind, order.reason) == ("collect", work.SYNC_RETRY)
    assert NOW < order.not_before <= NOW + work.FIRST_WAIT
    assert order.last_error_code == "provider_unavailable"
    assert (again.collected, again.settled_before) == ([], 3)
    assert [one.authorization_id for one in again.still_failed] == [down]


def test_one_that_failed_last_night_needs_one_order_and_none_after_it_went_well(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    authorization = world.authorization(shard=SHARD)
    synced_at(runtime, authorization, NOW - timedelta(days=3))
    custodian.down.add(authorization.hex)
    for nights in range(2):
        syncing.sync_shard(runtime, day=DAY + timedelta(days=nights), shard=SHARD)
    open_before = [order.done_at is None for order in orders_of(runtime, authorization)]
    custodian.down.clear()

    syncing.sync_shard(runtime, day=DAY + timedelta(days=2), shard=SHARD)

    assert open_before == [True]
    assert [order.outcome for order in orders_of(runtime, authorization)] == ["done"]


def test_a_day_of_long_ago_brings_nothing_that_a_retry_is_for(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    authorization = world.authorization(shard=SHARD)
    synced_at(runtime, authorization, NOW - timedelta(days=3))
    custodian.down.add(authorization.hex)
    yesterday = DAY + timedelta(days=1)
    syncing.sync_shard(runtime, day=yesterday, shard=SHARD)
    custodian.down.clear()

    syncing.sync_shard(runtime, day=DAY - timedelta(days=10), shard=SHARD, kind="pull-1")
    after_the_old_day = [order.outcome for order in orders_of(runtime, authorization)]
    syncing.sync_shard(runtime, day=yesterday, shard=SHARD, kind="pull-2")

    assert after_the_old_day == [None]
    assert [order.outcome for order in orders_of(runtime, authorization)] == ["done"]


def test_what_failed_of_an_administrator_s_day_is_retried_for_that_day(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    authorization = world.authorization(shard=SHARD)
    custodian.down.add(authorization.hex)

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD, kind="pull-1")

    order = orders_of(runtime, authorization)[0]
    assert order.kind == "repull"
    assert (order.window_start, order.window_end) == outcome.collected[0].window


def test_after_its_time_a_sync_begins_nobody_and_says_how_many_are_left(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    for _ in range(3):
        world.authorization(shard=SHARD)

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD, until=NOW)

    assert (outcome.left, outcome.again_at, outcome.collected) == (3, NOW, [])
    assert custodian.asked == []


def test_one_of_ours_that_breaks_holds_up_nobody(runtime: Runtime, world: World) -> None:
    """Without a seal that opens, its grant is lost to us; the others are collected."""
    broken, *well = (world.authorization(shard=SHARD) for _ in range(3))
    with runtime.sessions.begin() as session:
        of_broken = update(Grant).where(Grant.authorization_id == broken)
        session.execute(of_broken.values(sealed=b"no seal"))

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD)

    assert set(outcome.broken) == {broken}
    assert {one.authorization_id for one in outcome.collected} == set(well)
    assert outcome.left == 0


def test_a_provider_that_hangs_holds_up_no_other(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    """Every place of the hanging provider is taken; it answers when the other is through."""
    is_through = threading.Event()
    hanging = [world.authorization(shard=SHARD) for _ in range(12)]
    other = world.authorization(shard=SHARD)
    _set(runtime, other, provider="sce")
    custodian.held |= {one.hex: is_through for one in hanging}

    outcome = syncing.sync_shard(
        runtime, day=DAY, shard=SHARD, progress=lambda *_: is_through.set()
    )

    assert outcome.collected[0].authorization_id == other
    assert len(outcome.collected) == 13


def test_a_provider_that_takes_no_more_is_left_in_peace_and_its_rest_is_nobody_s_failure(
    runtime: Runtime, world: World
) -> None:
    limited = [world.authorization(shard=SHARD) for _ in range(6)]
    for one in limited:
        _set(runtime, one, provider="pge")
        world.read(world.series(world.meter(one)), LAST_END - timedelta(hours=1), [1])
    free = world.authorization(shard=SHARD)

    outcome = syncing.sync_shard(runtime, day=DAY, shard=SHARD)

    done = {one.authorization_id for one in outcome.collected}
    assert len(done & set(limited)) == PGE_PER_HOUR
    assert free in done
    assert outcome.left == len(limited) - PGE_PER_HOUR
    assert [one.error for one in outcome.collected if one.error] == []
    assert outcome.again_at is not None
    assert syncing.SOONEST_AGAIN <= outcome.again_at - NOW <= syncing.LATEST_AGAIN
    assert [order for one in limited for order in orders_of(runtime, one)] == []


def test_two_shards_share_one_limited_provider(runtime: Runtime, world: World) -> None:
    for shard in (SHARD, SHARD + 1):
        for _ in range(4):
            _set(runtime, world.authorization(shard=shard), provider="sce")

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(
            pool.map(lambda shard: syncing.sync_shard(runtime, day=DAY, shard=shard), (3, 4))
        )

    assert [(len(one.collected), one.left) for one in outcomes] == [(4, 0), (4, 0)]
    assert [one.error for outcome in outcomes for one in outcome.collected if one.error] == []


def _set(runtime: Runtime, identity: UUID, **values: str) -> None:
    with runtime.sessions.begin() as session:
        session.execute(update(Authorization).where(Authorization.id == identity).values(**values))
