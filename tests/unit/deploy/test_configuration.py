"""The files of ``deploy/`` say what the rest of the project says, and fit one another."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from dcarbon.cli.stack import PROJECT
from deploy import configuration
from deploy.configuration import DEPLOY
from deploy.plan import LISTENERS, PORTS, Plan

DIFFERS = {"run_launcher", "run_monitoring", "run_coordinator"}


def instance(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def celery() -> dict[str, Any]:
    return instance(DEPLOY / "celery" / "dagster.yaml")


@pytest.fixture(scope="module")
def worker() -> dict[str, Any]:
    return runpy.run_path(str(DEPLOY / "celery" / "dagster_celery_config.py"))


def test_dagster_understands_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql+psycopg2://nobody@127.0.0.1/nothing")

    found, _hash = dagster_instance_config(str(DEPLOY / "celery"))

    assert found["run_launcher"]["class"] == "CeleryRunLauncher"


def test_what_is_not_about_workers_is_as_on_one_machine(celery: dict[str, Any]) -> None:
    here = instance(PROJECT / "dagster.yaml")

    assert celery.keys() == here.keys()
    assert {k: v for k, v in celery.items() if k not in DIFFERS} == {
        k: v for k, v in here.items() if k not in DIFFERS
    }
    longest = "max_runtime_seconds"
    assert celery["run_monitoring"][longest] == here["run_monitoring"][longest]


def test_no_more_runs_leave_the_queue_than_workers_take(celery: dict[str, Any]) -> None:
    assert celery["concurrency"]["runs"]["max_concurrent_runs"] == Plan().workers * Plan().slots


@pytest.mark.parametrize(("slots", "runs"), [(1, 2), (8, 16)])
def test_as_many_runs_leave_the_queue_as_the_chosen_workers_take(
    tmp_path: Path, celery: dict[str, Any], slots: int, runs: int
) -> None:
    chosen = DEPLOY / "celery" / "dagster.yaml"

    place = configuration.dagster(
        tmp_path, chosen=chosen, code_port=3030, runs=Plan(workers=2, slots=slots).runs
    )

    written = instance(place / "dagster.yaml")
    assert written["concurrency"]["runs"].pop("max_concurrent_runs") == runs
    expected = copy.deepcopy(celery)
    del expected["concurrency"]["runs"]["max_concurrent_runs"]
    assert written == expected


def test_without_workers_the_file_is_left_as_it_is(tmp_path: Path) -> None:
    chosen = PROJECT / "dagster.yaml"

    place = configuration.dagster(
        tmp_path, chosen=chosen, code_port=3030, runs=Plan(celery=False, slots=1).runs
    )

    assert (place / "dagster.yaml").read_text() == chosen.read_text()


def test_paths_with_a_space_stay_one_word(tmp_path: Path) -> None:
    home = tmp_path / "an installation"
    home.mkdir()
    broker = configuration.broker(home, port=6390)
    proxy = configuration.proxy(
        home, ports=PORTS, public_url="https://dcarbon.example", certificate="", key=""
    )

    for path in (broker, proxy):
        lines = path.read_text(encoding="utf-8").splitlines()
        named = [line for line in lines if str(home) in line]
        assert named
        assert all(f'"{home}/' in line for line in named)


def test_the_broker_remembers_a_run_for_longer_than_it_takes(
    celery: dict[str, Any], worker: dict[str, Any]
) -> None:
    longest = celery["run_monitoring"]["max_runtime_seconds"]
    launcher = celery["run_launcher"]["config"]["config_source"]

    assert worker["result_expires"] > longest
    assert worker["broker_transport_options"]["visibility_timeout"] > longest
    assert launcher["broker_transport_options"] == worker["broker_transport_options"]


def test_every_port_belongs_to_a_part() -> None:
    assert PORTS.keys() == LISTENERS.keys()
    assert set(LISTENERS.values()) <= set(Plan().names)


def test_no_word_in_braces_is_left_and_nobody_else_reads_the_files(tmp_path: Path) -> None:
    files = [
        configuration.broker(tmp_path, port=6390),
        configuration.proxy(
            tmp_path,
            ports=PORTS,
            public_url="https://dcarbon.example",
            certificate="",
            key="",
        ),
    ]

    for path in files:
        assert "${" not in path.read_text(encoding="utf-8")
        assert path.stat().st_mode & 0o077 == 0
    password = tmp_path / "broker.password"
    assert password.stat().st_mode & 0o077 == 0
    assert f"requirepass {password.read_text(encoding='ascii')}" in files[0].read_text(
        encoding="utf-8"
    )


def test_a_repeated_start_keeps_the_plan(tmp_path: Path) -> None:
    plan = Plan(workers=3, sandbox=True, sandbox_options=("--at", "now"), ports={"web": 8001})

    plan.keep(tmp_path)

    assert Plan.kept(tmp_path) == plan
    assert Plan.kept(tmp_path / "elsewhere") is None
