"""The instance and workspace files are what Dagster takes them for, from any directory."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster_postgres import PostgresRunStorage
from sqlalchemy import make_url

from assets.intervals import RUN_FOR
from dcarbon.db.base import new_id
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.services import work
from dcarbon_pipelines.resources import ProcessRuntime
from dcarbon_pipelines.sync_runs import SHARD_OF_RUN, SYNC

pytestmark = [pytest.mark.database, pytest.mark.dagster]

ROOT = Path(__file__).resolve().parents[3]


def test_the_instance_keeps_everything_in_postgresql_and_reports_to_nobody(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"dagster_{new_id().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    url = make_url(server_url).set(database=name, drivername="postgresql+psycopg2")
    monkeypatch.setenv("DAGSTER_PG_URL", url.render_as_string(hide_password=False))
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        instance.add_dynamic_partitions("authorization", ["b", "a"])

        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert list(instance.get_dynamic_partitions("authorization")) == ["b", "a"]
        assert instance.telemetry_enabled is False
        assert type(instance.run_coordinator).__name__ == "QueuedRunCoordinator"
        assert type(instance.run_launcher).__name__ == "DefaultRunLauncher"
        assert instance.run_monitoring_enabled
        assert instance.run_retries_enabled
        longest = instance.run_monitoring_settings["max_runtime_seconds"]
        assert RUN_FOR < timedelta(seconds=longest) == work.LONGEST_RUN
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert [limit["key"] for limit in queue.tag_concurrency_limits] == [SYNC, SHARD_OF_RUN]


def test_the_workspace_loads_with_nothing_set_and_from_another_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", ROOT / "workspace.yaml"],
        env={"DAGSTER_HOME": str(tmp_path), "HOME": str(tmp_path), "PATH": os.defpath},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_process_opens_its_runtime_once_and_may_close_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCARBON_DATABASE_URL", database_url)
    monkeypatch.setenv("DCARBON_SEAL_KEYS_FILE", str(tmp_path / "seal.keys"))
    process = ProcessRuntime()

    first, again = process.open(), process.open()
    process.close()
    reopened = process.open()
    process.close()

    assert first is again
    assert reopened is not first


def test_a_wrong_setting_is_named_when_the_runtime_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCARBON_DATABSE_URL", "postgresql://127.0.0.1/dcarbon")

    with pytest.raises(SettingsInvalid, match="DCARBON_DATABSE_URL is not a setting"):
        ProcessRuntime().open()
