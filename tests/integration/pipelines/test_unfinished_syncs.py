"""A sync that could not reach everybody says so in Dagster, and is carried on until it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import httpx2
import pytest
from sqlalchemy import delete

from dcarbon import settings
from dcarbon.db.provider_states import ProviderTurn
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_pipelines import checks
from dcarbon_pipelines.sync_runs import CARRIED_ON, CARRIES_ON, COVERED, LEFT, REST, SYNC, WAITS
from sensors.unfinished_syncs import unfinished_syncs
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.custodian import StandInCustodian
from tests.integration.pipelines.syncs import DAY, INTERVALS, KEY, SHARD, attempts_of, run_sync

pytestmark = [pytest.mark.database, pytest.mark.dagster]

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def runtime(database_url: str, tmp_path: Path, custodian: StandInCustodian) -> Iterator[Runtime]:
    """A utility that takes two requests an hour, and a history of one request."""
    chosen = settings.load(
        {},
        directory=tmp_path,
        database_url=database_url,
        seal_keys_file=tmp_path / "seal.keys",
        history_days=7,
        provider_concurrency=1,
        providers={
            "sdge": {
                "client_id": "client-of-tests",
                "client_secret": "not-a-secret",
                "overrides": {"quirks": "", "per_second": "100", "per_hour": "2"},
            }
        },
    )
    networks = {"sdge": httpx2.MockTransport(custodian.answer)}
    with open_runtime(chosen, clock=lambda: NOW, networks=networks) as runtime:
        yield runtime


def evaluate(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    *,
    at: datetime = LATER,
) -> list[dg.RunRequest] | str:
    with dg.build_sensor_context(
        instance=instance,
        instance_ref=instance.get_ref(),
        repository_def=definitions.get_repository_def(),
        resources={"runtime": replace(runtime, clock=lambda: at)},
    ) as context:
        found = unfinished_syncs.evaluate_tick(context)
    return list(found.run_requests) if found.run_requests else str(found.skip_message)


def an_hour_later(runtime: Runtime) -> None:
    """Free the turns that were taken, as time does."""
    with runtime.sessions.begin() as session:
        session.execute(delete(ProviderTurn))


def tags_of(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return dict(run.tags)


def test_what_there_was_no_time_for_is_left_and_no_cell_turns_green(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    for _ in range(3):
        world.authorization(shard=SHARD)

    result = run_sync(instance, definitions)

    assert result.success
    assert instance.get_materialized_partitions(INTERVALS) == set()
    observed = instance.fetch_observations(INTERVALS, limit=1).records[0].asset_observation
    assert observed is not None
    assert observed.description == "1 of 3 left for the next run"
    tags = tags_of(instance, result.run_id)
    assert (tags[REST], tags[LEFT], tags[SYNC]) == (WAITS, "1", "daily")
    names = {each.check_name for each in result.get_asset_check_evaluations()}
    assert names == {checks.COLLECTED}


def test_the_sensor_asks_for_the_rest_when_its_time_has_come_and_once(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    for _ in range(3):
        world.authorization(shard=SHARD)
    left = run_sync(instance, definitions).run_id

    at_once = evaluate(instance, definitions, runtime, at=NOW)
    asked = evaluate(instance, definitions, runtime)
    assert isinstance(asked, list)
    job = definitions.resolve_job_def(str(asked[0].job_name))
    instance.create_run_for_job(job, tags=dict(asked[0].tags), status=dg.DagsterRunStatus.SUCCESS)
    again = evaluate(instance, definitions, runtime)

    assert at_once == "What is left waits: for its utility, or for a run of its shard."
    assert [(one.partition_key, one.tags[CARRIES_ON]) for one in asked] == [(str(KEY), left)]
    assert again == "What is left waits: for its utility, or for a run of its shard."
    assert tags_of(instance, left)[REST] == CARRIED_ON
    assert evaluate(instance, definitions, runtime) == "Every sync has reached everybody."


def test_a_carried_on_sync_repeats_nothing_and_turns_the_cell_green(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    authorizations = [world.authorization(shard=SHARD) for _ in range(3)]
    run_sync(instance, definitions)
    request = evaluate(instance, definitions, runtime)[0]
    assert isinstance(request, dg.RunRequest)
    an_hour_later(runtime)

    result = definitions.resolve_job_def(str(request.job_name)).execute_in_process(
        partition_key=request.partition_key, instance=instance, tags=dict(request.tags)
    )

    assert instance.get_materialized_partitions(INTERVALS) == {str(KEY)}
    event = result.get_asset_materialization_events()[0]
    numbers = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (numbers["authorizations"], numbers["settled_before"], numbers["left"]) == (1, 2, 0)
    went_well = [
        [attempt.error_code for attempt in attempts_of(runtime, one)].count(None)
        for one in authorizations
    ]
    assert went_well == [1, 1, 1]


def test_the_next_night_covers_what_is_left(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    for _ in range(3):
        world.authorization(shard=SHARD)
    left = run_sync(instance, definitions).run_id
    run_sync(instance, definitions, day=DAY + timedelta(days=1))

    evaluate(instance, definitions, runtime)

    assert tags_of(instance, left)[REST] == COVERED
