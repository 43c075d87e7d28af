"""Administrators hear of failed runs; old runs go; how fresh each utility is can be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import select

from assets.providers import check_name, providers
from dcarbon.db.tables import Mail, Person
from dcarbon_pipelines.appearance import TITLE
from dcarbon_pipelines.housekeeping import housekeeping
from sensors.run_failures import run_failures
from tests.integration.pipelines.conftest import NOW, World

pytestmark = [pytest.mark.database, pytest.mark.dagster]


@dg.op
def break_down() -> None:
    raise dg.Failure(description="Nothing was fetched: the window ends before it begins.")


@dg.op
def stumble() -> None:
    message = "customer 12 Main Street"
    raise ValueError(message)


@dg.job(executor_def=dg.in_process_executor)
def breaking() -> None:
    break_down()


@dg.job(executor_def=dg.in_process_executor)
def stumbling() -> None:
    stumble()


def fail(instance: dg.DagsterInstance, world: World, job: dg.JobDefinition, **tags: str) -> None:
    """Let a run of the job fail, and the sensor see it."""
    result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failures",
        dagster_event=next(e for e in result.all_events if e.is_job_failure),
        dagster_instance=instance,
        dagster_run=run,
        resources={"runtime": world.runtime},
    )
    run_failures(context.for_run_failure())


def mails(world: World) -> list[Mail]:
    with world.runtime.sessions() as session:
        return list(session.scalars(select(Mail).order_by(Mail.id)))


@pytest.fixture
def administrator(world: World) -> str:
    with world.runtime.sessions.begin() as session:
        session.add(Person(email="admin@example.test", account_kind="commercial", is_admin=True))
        session.add(Person(email="owner@example.test", account_kind="commercial"))
    return "admin@example.test"


def test_an_administrator_hears_of_a_failed_run_with_reason_and_link(
    instance: dg.DagsterInstance, world: World, administrator: str
) -> None:
    fail(instance, world, breaking, **{TITLE: "Collect 3 authorizations"})

    (mail,) = mails(world)
    assert (mail.to_address, mail.kind) == (administrator, "run_failed")
    assert "Collect 3 authorizations" in mail.subject
    assert "the window ends before it begins" in " ".join(mail.text_body.split())
    assert f"/runs/{instance.get_runs()[0].run_id}" in mail.text_body


@pytest.mark.usefixtures("administrator")
def test_the_same_job_failing_again_within_the_hour_is_told_once(
    instance: dg.DagsterInstance, world: World
) -> None:
    fail(instance, world, breaking)
    fail(instance, world, breaking)
    fail(instance, world, stumbling)

    assert len(mails(world)) == 2


@pytest.mark.usefixtures("administrator")
def test_an_error_nobody_expected_is_named_by_its_kind_only(
    instance: dg.DagsterInstance, world: World
) -> None:
    """Its text may hold what is not for a mail."""
    fail(instance, world, stumbling)

    (mail,) = mails(world)
    assert "ValueError" in mail.text_body
    assert "Main Street" not in mail.text_body + mail.html_body


@pytest.mark.usefixtures("administrator")
def test_a_run_that_is_started_again_by_itself_is_not_told(
    instance: dg.DagsterInstance, world: World
) -> None:
    fail(instance, world, breaking, **{"dagster/will_retry": "true"})

    assert mails(world) == []


def test_old_runs_go_and_the_newest_word_on_an_authorization_stays(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    authorization = str(world.authorization())
    instance.add_dynamic_partitions("authorization", [authorization])
    job = definitions.resolve_job_def("collect_authorizations")
    older, newest = (
        job.execute_in_process(instance=instance, partition_key=authorization).run_id
        for _ in range(2)
    )
    well = definitions.resolve_job_def("watch_providers").execute_in_process(instance=instance)
    failed = breaking.execute_in_process(instance=instance, raise_on_error=False)
    # Dagster dates runs by the wall clock: it is the product's clock that is moved.
    days = world.runtime.settings.run_history_days + 1
    clock = datetime.now(UTC) + timedelta(days=days)

    tidy(instance, world, at=clock)

    kept = {run.run_id for run in instance.get_runs()}
    assert kept & {older, newest, well.run_id, failed.run_id} == {newest, failed.run_id}
    assert instance.get_materialized_partitions(dg.AssetKey("meters")) == {authorization}


def test_failed_runs_go_after_twice_the_time(instance: dg.DagsterInstance, world: World) -> None:
    failed = breaking.execute_in_process(instance=instance, raise_on_error=False).run_id
    days = 2 * world.runtime.settings.run_history_days + 1

    tidy(instance, world, at=datetime.now(UTC) + timedelta(days=days))

    assert failed not in {run.run_id for run in instance.get_runs()}


def tidy(instance: dg.DagsterInstance, world: World, *, at: datetime) -> None:
    later = replace(world.runtime, clock=lambda: at)
    assert housekeeping.execute_in_process(instance=instance, resources={"runtime": later}).success


def test_a_utility_is_late_when_its_newest_reading_is_days_old(world: World) -> None:
    series = world.series(world.meter(world.authorization()))
    world.read(series, NOW - timedelta(days=5), [500] * 24)

    found = checked(world)

    assert found[check_name("sdge")] == (False, 96.0)
    assert found[check_name("pge")] == (True, None)


def test_a_utility_is_fresh_when_any_customer_s_readings_are(world: World) -> None:
    for days in (5, 2):
        series = world.series(world.meter(world.authorization()))
        world.read(series, NOW - timedelta(days=days), [500] * 24)

    assert checked(world)[check_name("sdge")] == (True, 24.0)


def checked(world: World) -> dict[str, tuple[bool, object]]:
    """Look at the utilities; return each check's verdict and the age of the newest reading."""
    result = dg.materialize([providers], resources={"runtime": world.runtime})
    return {
        e.check_name: (e.passed, (age := e.metadata.get("age_hours")) and age.value)
        for e in result.get_asset_check_evaluations()
    }
