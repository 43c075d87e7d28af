"""The code location loads from nothing, and everything in it says what it is and whose it is."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from dcarbon_pipelines.definitions import build_definitions, defs
from schedules.daily import nightly_sync
from sensors.work_orders import open_work_orders

ASSETS = ["meters", "authorization_intervals", "intervals"]


def test_definitions_load_without_environment_and_without_the_slow_libraries() -> None:
    """Great Expectations takes seconds to import: every run and every tick would pay for it."""
    program = (
        "import sys, dcarbon_pipelines.definitions as d; d.defs.resolve_all_job_defs();"
        "print([m for m in ('great_expectations', 'pandas', 'flask') if m in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", program],
        env={},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("name", ASSETS)
def test_every_asset_says_what_it_is_and_whose(name: str) -> None:
    key = dg.AssetKey(name)

    spec = defs.resolve_assets_def(key).get_asset_spec(key)

    assert spec.description
    assert (spec.group_name, spec.owners) == ("collection", ["team:data"])
    assert spec.kinds


@pytest.mark.parametrize(
    ("job", "assets"),
    [
        ("collect_authorizations", {"meters", "authorization_intervals"}),
        ("daily_sync", {"intervals"}),
    ],
)
def test_a_job_brings_its_assets_with_their_checks(job: str, assets: set[str]) -> None:
    layer = defs.resolve_job_def(job).asset_layer

    assert {key.to_user_string() for key in layer.executable_asset_keys} == assets
    assert len(layer.asset_graph.asset_check_keys) >= 3


def test_everything_that_runs_says_what_it_is_for() -> None:
    repository = defs.get_repository_def()
    jobs = {job.name: job.description for job in repository.get_all_jobs()}
    schedules = {schedule.name: schedule.description for schedule in repository.schedule_defs}
    sensors = {sensor.name: sensor.description for sensor in repository.sensor_defs}

    silent = {name for name, words in {**jobs, **schedules, **sensors}.items() if not words}

    # Dagster's own: the job of assets materialized by hand, the sensor of automation conditions.
    assert silent <= {"__ASSET_JOB", "default_automation_condition_sensor"}


def test_meters_come_before_their_intervals() -> None:
    graph = defs.resolve_asset_graph()

    parents = graph.get(dg.AssetKey("authorization_intervals")).parent_keys

    assert parents == {dg.AssetKey("meters")}


def test_a_resource_can_be_replaced() -> None:
    stand_in = object()

    assert dict(build_definitions({"runtime": stand_in}).resources or {}) == {"runtime": stand_in}


def test_sensor_and_schedule_run_without_being_switched_on() -> None:
    assert open_work_orders.default_status is dg.DefaultSensorStatus.RUNNING
    assert open_work_orders.minimum_interval_seconds in range(1, 5)
    assert nightly_sync.default_status is dg.DefaultScheduleStatus.RUNNING
