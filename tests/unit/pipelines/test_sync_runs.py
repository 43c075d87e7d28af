"""What a sync left is carried on by one run at a time, until a later sync covers it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dcarbon_pipelines import sync_runs
from dcarbon_pipelines.order_runs import PARTITION, RANGE_END, RANGE_START
from dcarbon_pipelines.sync_runs import (
    AGAIN_AT,
    CARRIED_ON,
    CARRIES_ON,
    COVERED,
    DAY_OF_RUN,
    SHARD_OF_RUN,
    SYNC,
    Rests,
)

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
MONDAY, TUESDAY = "2026-03-16", "2026-03-17"


def sync_run(
    sync: str = "daily", day: str = MONDAY, shard: str = "shard-03", *, again_at: datetime = NOW
) -> dg.DagsterRun:
    return dg.DagsterRun(
        f"{sync}_sync",
        tags={
            SYNC: sync,
            AGAIN_AT: again_at.isoformat(),
            PARTITION: f"{day}|{shard}",
            SHARD_OF_RUN: shard,
            DAY_OF_RUN: day,
        },
    )


def decide(
    *waiting: dg.DagsterRun,
    carried_on: Collection[str] = (),
    scheduled: Collection[dg.DagsterRun] = (),
    busy: Collection[str] = (),
) -> Rests:
    return sync_runs.rests(
        waiting, carried_on=carried_on, scheduled=[*scheduled, *waiting], busy=busy, now=NOW
    )


def test_a_rest_is_asked_for_as_what_it_was() -> None:
    run = sync_run("weekly")

    request = decide(run).requests[0]

    assert (request.partition_key, request.job_name) == (f"{MONDAY}|shard-03", "weekly_sync")
    assert (request.tags[SYNC], request.tags[CARRIES_ON]) == ("weekly", run.run_id)


def test_a_rest_waits_for_its_time_and_for_its_shard() -> None:
    early = sync_run(again_at=NOW + timedelta(seconds=1))

    assert decide(early) == Rests([], [])
    assert decide(sync_run(), busy={"shard-03"}) == Rests([], [])
    assert len(decide(sync_run(), busy={"shard-04"}).requests) == 1


def test_a_rest_that_has_a_follower_is_not_asked_for_again() -> None:
    run = sync_run()

    assert decide(run, carried_on={run.run_id}) == Rests([(run.run_id, CARRIED_ON)], [])


@pytest.mark.parametrize(
    ("left", "later", "asked"),
    [
        (("daily", MONDAY), ("daily", TUESDAY), 0),
        (("daily", MONDAY), ("weekly", MONDAY), 0),
        (("daily", TUESDAY), ("daily", MONDAY), 1),
        (("weekly", MONDAY), ("daily", TUESDAY), 1),
        (("weekly", MONDAY), ("weekly", TUESDAY), 0),
        (("pull-1", MONDAY), ("weekly", TUESDAY), 1),
    ],
)
def test_a_later_sync_covers_a_rest_when_it_asks_for_as_much(
    left: tuple[str, str], later: tuple[str, str], asked: int
) -> None:
    run = sync_run(*left)

    decided = decide(run, scheduled=[sync_run(*later)])

    assert decided.verdicts == ([] if asked else [(run.run_id, COVERED)])
    assert len(decided.requests) == asked


def test_another_shard_covers_nothing() -> None:
    decided = decide(sync_run(), scheduled=[sync_run(day=TUESDAY, shard="shard-04")])

    assert len(decided.requests) == 1


def test_a_shard_has_one_run_at_a_time_and_its_daily_rest_goes_first() -> None:
    weekly, daily = sync_run("weekly"), sync_run("daily", TUESDAY)

    decided = decide(weekly, daily)

    assert [request.tags[SYNC] for request in decided.requests] == ["daily"]


def test_a_run_over_a_range_is_carried_on_over_the_range_when_all_shards_are_free() -> None:
    ranged = {RANGE_START: f"{MONDAY}|shard-00", RANGE_END: f"{TUESDAY}|shard-15"}
    run = dg.DagsterRun("pull", tags={SYNC: "pull-1", AGAIN_AT: NOW.isoformat(), **ranged})

    asked = decide(run).requests
    meanwhile = decide(run, busy={"shard-03"}).requests

    assert meanwhile == []
    assert asked[0].partition_key is None
    assert {name: asked[0].tags[name] for name in ranged} == ranged


def test_a_run_over_a_range_keeps_every_shard_busy() -> None:
    unfinished = [dg.DagsterRun("pull", tags={SYNC: "pull-1"}), dg.DagsterRun("other")]

    busy = sync_runs.busy_shards(unfinished)

    assert decide(sync_run(), busy=busy) == Rests([], [])


def test_a_run_nobody_scheduled_is_a_sync_of_its_own_that_its_retry_carries_on() -> None:
    by_hand = dg.DagsterRun("by_hand")
    retry = dg.DagsterRun("by_hand", root_run_id=by_hand.run_id, parent_run_id=by_hand.run_id)

    assert sync_runs.name_of(by_hand) == sync_runs.name_of(retry)
    assert sync_runs.name_of(by_hand) != sync_runs.name_of(dg.DagsterRun("by_hand"))
