"""The values for Dagster's chart: its keys, the instance it makes of them, and the jobs of runs."""

from __future__ import annotations

import copy
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.errors import DagsterInvalidConfigError
from dagster._core.instance.config import dagster_instance_config
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.storage.dagster_run import DagsterRun
from dagster._utils import convert_dagster_submodule_name
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import construct_dagster_k8s_job
from dagster_postgres.utils import pg_url_from_config
from kubernetes.client import ApiClient

from tests.unit.deploy import chart, cluster
from tests.unit.deploy.cluster import CLUSTER

ROOT = CLUSTER.parents[1]
CODE = ModuleCodePointer("dcarbon_pipelines.definitions", "defs", working_directory=None)
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "nowhere",
    "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:9"}}],
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
    "users": [{"name": "nobody", "user": {}}],
}
"""Of a cluster that nobody asks."""
RUN_ID = "5f3f5f7e-0b7e-4c57-9f0e-6f3f8f0a1b2c"


def on_one_machine() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text("utf-8"))
    return found


def test_the_chart_is_that_of_the_dagster_in_the_lock() -> None:
    lock = (ROOT / "requirements" / "kubernetes.txt").read_text("utf-8")
    script = (CLUSTER / "install.sh").read_text("utf-8")

    (version,) = re.findall(r"^dagster==(\S+)", lock, re.MULTILINE)
    assert re.findall(r"^CHART_VERSION=(\S+)", script, re.MULTILINE) == [version]


def test_every_value_is_one_of_the_chart() -> None:
    assert list(chart.problems(chart.values())) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("dagsterDaemon", "runMonitoring", "pollIntervalSecond"), 10),
        (("dagsterDaemon", "sensors", "numWorkers"), "4"),
        (("postgresql", "enable"), False),
        (("dagster-user-deployments", "deployments"), [{"nam": "pipelines"}]),
    ],
)
def test_a_value_that_is_none_of_the_chart_is_found(path: tuple[str, ...], value: object) -> None:
    values = copy.deepcopy(chart.values())
    place = values
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value

    assert len(list(chart.problems(values))) == 1


def test_a_part_that_kubernetes_does_not_know_is_found() -> None:
    values = copy.deepcopy(chart.values())
    values["dagsterDaemon"]["resources"]["request"] = {"cpu": 1}

    with pytest.raises(jsonschema.ValidationError):
        list(chart.problems(values))


def test_dagster_takes_the_instance_that_the_chart_makes(tmp_path: Path) -> None:
    made = chart.instance(chart.values())
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(made))

    read, _ = dagster_instance_config(str(tmp_path))

    assert read["run_monitoring"] == made["run_monitoring"]
    wrong = {**made, "run_monitorin": {}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(wrong))
    with pytest.raises(DagsterInvalidConfigError, match="run_monitorin"):
        dagster_instance_config(str(tmp_path))


@pytest.mark.parametrize("part", ["run_coordinator", "run_launcher"])
def test_what_it_configures_takes_its_configuration(part: str) -> None:
    made = chart.instance(chart.values())[part]
    module = import_module(convert_dagster_submodule_name(made["module"], "private"))
    schema = resolve_to_config_type(getattr(module, made["class"]).config_type())

    result = process_config(schema, made["config"])
    wrong = process_config(schema, made["config"] | {"unknown": 1})

    assert result.success, result.errors
    assert not wrong.success


def test_dagster_keeps_its_events_by_a_driver_that_works() -> None:
    made = chart.instance(chart.values())
    addresses = set()
    for kind in ("run", "event_log", "schedule"):
        config = copy.deepcopy(made[f"{kind}_storage"]["config"])
        config["postgres_db"]["password"] = "not-a-secret"
        addresses.add(pg_url_from_config(config))

    (address,) = addresses
    assert address.startswith("postgresql+psycopg2://dagster:")
    assert "sslmode=verify-full" in address


def test_limits_and_times_are_those_of_one_machine() -> None:
    made, here = chart.instance(chart.values()), on_one_machine()
    queue, limits = made["run_coordinator"]["config"], here["concurrency"]["runs"]
    for key in ("max_concurrent_runs", "tag_concurrency_limits"):
        assert queue[key] == limits[key]
    for key, value in here["run_coordinator"]["config"].items():
        assert queue[key] == value

    assert made["run_retries"] == here["run_retries"]
    assert made["sensors"] == here["sensors"]
    assert made["retention"] == here["retention"]
    assert made["telemetry"] == here["telemetry"]
    spec = chart.launcher(chart.values())["run_k8s_config"]["job_spec_config"]
    assert spec["activeDeadlineSeconds"] == here["run_monitoring"]["max_runtime_seconds"]


def test_a_run_is_a_job_that_kubernetes_takes(tmp_path: Path) -> None:
    """Made by Dagster's launcher, of what chart and code location hand to it."""
    job = job_of_a_run(tmp_path)
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]

    for version in cluster.VERSIONS:
        cluster.check(job, version)
    location = chart.code_location(chart.values())
    assert container["image"] == f"{location['image']['repository']}:{location['image']['tag']}"
    assert container["resources"] == location["resources"]
    assert {"name": "dcarbon-secrets"} in [each.get("secretRef") for each in container["envFrom"]]
    assert {"name": "dcarbon-settings"} in [
        each.get("configMapRef") for each in container["envFrom"]
    ]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/var/lib/dcarbon", "/run/dcarbon"} <= mounts
    claims = cluster.of_kind("PersistentVolumeClaim")
    claimed = [each.get("persistentVolumeClaim") for each in spec["volumes"]]
    assert [each["claimName"] for each in claimed if each] == list(claims)
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert job["spec"]["activeDeadlineSeconds"] == 3600


def job_of_a_run(folder: Path) -> dict[str, Any]:
    values = chart.values()
    location = chart.code_location(values)
    nowhere = folder / "kubeconfig"
    nowhere.write_text(yaml.safe_dump(KUBECONFIG))
    asked = chart.launcher(values) | {
        "load_incluster_config": False,
        "kubeconfig_file": str(nowhere),
    }
    launcher = K8sRunLauncher(**asked)
    image = f"{location['image']['repository']}:{location['image']['tag']}"
    origin = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=CODE,
        container_image=image,
        entry_point=["dagster"],
        container_context=chart.container_context(values),
    )
    run = DagsterRun("daily", run_id=RUN_ID, job_code_origin=JobPythonOrigin("daily", origin))
    context = launcher.get_container_context_for_run(run)
    job = construct_dagster_k8s_job(
        job_config=context.get_k8s_job_config(job_image=image, run_launcher=launcher),
        args=["dagster", "api", "execute_run"],
        job_name="dagster-run",
        user_defined_k8s_config=context.run_k8s_config,
        pod_name="dagster-run",
        component="run_worker",
    )
    found: dict[str, Any] = ApiClient().sanitize_for_serialization(job)
    return found
