"""Schedules ask for every shard of the day that has just ended, unless they are switched off."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from dcarbon.db.authorizations import SHARDS
from dcarbon.settings import Settings
from dcarbon_pipelines.sync_runs import SYNC
from schedules.daily import nightly_sync
from schedules.weekly import sunday_sync

PACIFIC = ZoneInfo("America/Los_Angeles")


def evaluate(
    schedule: dg.ScheduleDefinition, at: datetime, **settings: bool
) -> list[dg.RunRequest] | dg.SkipReason:
    """Call the schedule as the daemon would at that time."""
    runtime = SimpleNamespace(settings=Settings(**settings))
    context = dg.build_schedule_context(scheduled_execution_time=at, resources={"runtime": runtime})
    asked = schedule(context)
    assert isinstance(asked, list | dg.SkipReason)
    return asked


@pytest.mark.parametrize("day", ["2025-03-09", "2025-03-10", "2025-11-02", "2025-11-03"])
def test_the_night_asks_for_every_shard_of_the_day_that_has_just_ended(day: str) -> None:
    """Twice a year the night is an hour shorter or longer."""
    tonight = datetime.fromisoformat(day).replace(hour=3, tzinfo=PACIFIC)

    requests = evaluate(nightly_sync, tonight)

    assert isinstance(requests, list)
    before = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    assert len({request.run_key for request in requests}) == SHARDS
    assert {str(request.partition_key).split("|")[0] for request in requests} == {before}
    assert {request.tags[SYNC] for request in requests} == {"daily"}


def test_sunday_asks_for_every_shard_once_more() -> None:
    requests = evaluate(sunday_sync, datetime(2026, 3, 22, 5, tzinfo=PACIFIC))

    assert isinstance(requests, list)
    assert {str(request.partition_key).split("|")[0] for request in requests} == {"2026-03-21"}
    assert len(requests) == SHARDS
    assert {request.tags[SYNC] for request in requests} == {"weekly"}


@pytest.mark.parametrize(
    ("schedule", "switch", "words"),
    [
        (nightly_sync, "daily_sync", "DCARBON_DAILY_SYNC"),
        (sunday_sync, "weekly_sync", "DCARBON_WEEKLY_SYNC"),
    ],
)
def test_each_schedule_can_be_switched_off(
    schedule: dg.ScheduleDefinition, switch: str, words: str
) -> None:
    asked = evaluate(schedule, datetime(2026, 3, 22, 5, tzinfo=PACIFIC), **{switch: False})

    assert isinstance(asked, dg.SkipReason)
    assert words in str(asked.skip_message)


def test_both_run_without_being_switched_on_in_dagster() -> None:
    assert nightly_sync.default_status is dg.DefaultScheduleStatus.RUNNING
    assert sunday_sync.default_status is dg.DefaultScheduleStatus.RUNNING
