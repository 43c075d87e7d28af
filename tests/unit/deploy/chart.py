"""Dagster's chart, as far as our values go: the keys it documents, and the ``dagster.yaml`` that it
makes of them. The chart itself is in no package registry, so it cannot be rendered here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.unit.deploy import cluster
from tests.unit.deploy.cluster import CLUSTER

Values = dict[str, Any]

_CORE = "io.k8s.api.core.v1"
_RESOURCES, _POD = f"{_CORE}.ResourceRequirements", f"{_CORE}.PodSecurityContext"
_CONTAINER = f"{_CORE}.SecurityContext"
_IMAGE: Mapping[str, Any] = {"repository": str, "tag": str, "pullPolicy": str}
_DAYS = {"purgeAfterDays": dict.fromkeys(("skipped", "failure", "success", "started"), int)}
_SAFE = {"podSecurityContext": _POD, "securityContext": _CONTAINER, "resources": _RESOURCES}

KEYS: Mapping[str, Any] = {
    "global": {"postgresqlSecretName": str, "dagsterHome": str},
    "generatePostgresqlPasswordSecret": bool,
    "postgresql": {
        **dict.fromkeys(("postgresqlHost", "postgresqlUsername", "postgresqlDatabase"), str),
        "enabled": bool,
        "postgresqlScheme": str,
        "postgresqlParams": {"sslmode": str, "sslrootcert": str},
        "service": {"port": int},
    },
    "dagsterWebserver": {"image": _IMAGE, "enableReadOnly": bool, **_SAFE},
    "dagsterDaemon": {
        "image": _IMAGE,
        **_SAFE,
        "runCoordinator": {
            "enabled": bool,
            "type": str,
            "config": {
                "queuedRunCoordinator": {
                    "maxConcurrentRuns": int,
                    "tagConcurrencyLimits": list,
                    "dequeueIntervalSeconds": int,
                    "dequeueUseThreads": bool,
                    "dequeueNumWorkers": int,
                }
            },
        },
        "runMonitoring": {
            "enabled": bool,
            **dict.fromkeys(
                ("startTimeoutSeconds", "pollIntervalSeconds", "maxResumeRunAttempts"), int
            ),
        },
        "runRetries": {"enabled": bool, "maxRetries": int, "retryOnAssetOrOpFailure": bool},
        "sensors": {"useThreads": bool, "numWorkers": int},
    },
    "dagster-user-deployments": {
        "enabled": bool,
        "deployments": [
            {
                "name": str,
                "image": _IMAGE,
                "dagsterApiGrpcArgs": list,
                "port": int,
                "envConfigMaps": [f"{_CORE}.ConfigMapEnvSource"],
                "envSecrets": [f"{_CORE}.SecretEnvSource"],
                "includeConfigInLaunchedRuns": {"enabled": bool},
                "volumes": [f"{_CORE}.Volume"],
                "volumeMounts": [f"{_CORE}.VolumeMount"],
                **_SAFE,
            }
        ],
    },
    "runLauncher": {
        "type": str,
        "config": {
            "k8sRunLauncher": {
                "imagePullPolicy": str,
                "loadInclusterConfig": bool,
                **dict.fromkeys(
                    ("envConfigMaps", "envSecrets", "envVars", "volumes", "volumeMounts"), list
                ),
                "securityContext": _CONTAINER,
                "runK8sConfig": {
                    "podSpecConfig": dict,
                    "jobSpecConfig": dict,
                },
            }
        },
    },
    "computeLogManager": {"type": str},
    "retention": {"enabled": bool, "sensor": _DAYS, "schedule": _DAYS},
    "telemetry": {"enabled": bool},
    "additionalInstanceConfig": dict,
}
"""What Dagster's chart documents (its published schema, read on 2026-11-23), of that what we use:
the kind of each value, or the name of the definition of Kubernetes that it has to fit."""


def values() -> Values:
    found: Values = yaml.safe_load((CLUSTER / "dagster-values.yaml").read_text("utf-8"))
    return found


def problems(given: object, known: object = KEYS, where: str = "") -> Iterator[str]:
    """Yield a sentence for each value that the chart does not know or that is of another kind."""
    if isinstance(known, Mapping) and isinstance(given, Mapping):
        for name in given:
            if name not in known:
                yield f"{where}.{name} is not a key of the chart"
            else:
                yield from problems(given[name], known[name], f"{where}.{name}")
    elif isinstance(known, list) and isinstance(given, list):
        for place, each in enumerate(given):
            yield from problems(each, known[0], f"{where}[{place}]")
    elif isinstance(known, str):
        cluster.check_part(given, known)
    elif not (isinstance(known, type) and type(given) is known):
        yield f"{where} is {given!r}"


def instance(given: Values) -> dict[str, Any]:
    """Return the ``dagster.yaml`` that the chart makes of the values."""
    daemon = given["dagsterDaemon"]
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    database = {"postgres_db": _database(given)}
    return {
        "scheduler": {"module": "dagster.core.scheduler", "class": "DagsterDaemonScheduler"},
        **{
            f"{kind}_storage": {"module": f"dagster_postgres.{module}", "class": name}
            | {"config": database}
            for kind, module, name in (
                ("run", "run_storage", "PostgresRunStorage"),
                ("event_log", "event_log", "PostgresEventLogStorage"),
                ("schedule", "schedule_storage", "PostgresScheduleStorage"),
            )
        },
        "run_launcher": {
            "module": "dagster_k8s",
            "class": "K8sRunLauncher",
            "config": launcher(given),
        },
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": daemon["runCoordinator"]["type"],
            "config": {
                "max_concurrent_runs": queue["maxConcurrentRuns"],
                "tag_concurrency_limits": queue["tagConcurrencyLimits"],
                "dequeue_interval_seconds": queue["dequeueIntervalSeconds"],
                "dequeue_use_threads": queue["dequeueUseThreads"],
                "dequeue_num_workers": queue["dequeueNumWorkers"],
            },
        },
        "compute_logs": {
            "module": "dagster.core.storage.noop_compute_log_manager",
            "class": given["computeLogManager"]["type"],
        },
        "run_monitoring": {
            "enabled": daemon["runMonitoring"]["enabled"],
            "start_timeout_seconds": daemon["runMonitoring"]["startTimeoutSeconds"],
            "poll_interval_seconds": daemon["runMonitoring"]["pollIntervalSeconds"],
            "max_resume_run_attempts": daemon["runMonitoring"]["maxResumeRunAttempts"],
        },
        "run_retries": {
            "enabled": daemon["runRetries"]["enabled"],
            "max_retries": daemon["runRetries"]["maxRetries"],
            "retry_on_asset_or_op_failure": daemon["runRetries"]["retryOnAssetOrOpFailure"],
        },
        "sensors": {
            "use_threads": daemon["sensors"]["useThreads"],
            "num_workers": daemon["sensors"]["numWorkers"],
        },
        "retention": {
            kind: {"purge_after_days": given["retention"][kind]["purgeAfterDays"]}
            for kind in ("sensor", "schedule")
        },
        "telemetry": given["telemetry"],
        **given["additionalInstanceConfig"],
    }


def _database(given: Values) -> dict[str, Any]:
    asked = given["postgresql"]
    return {
        "username": asked["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": asked["postgresqlHost"],
        "db_name": asked["postgresqlDatabase"],
        "port": asked["service"]["port"],
        "params": asked["postgresqlParams"],
        "scheme": asked["postgresqlScheme"],
    }


def launcher(given: Values) -> dict[str, Any]:
    """Return the configuration of the launcher; the release is called dagster."""
    asked = given["runLauncher"]["config"]["k8sRunLauncher"]
    run = asked["runK8sConfig"]
    return {
        "load_incluster_config": asked["loadInclusterConfig"],
        "job_namespace": "dcarbon",
        "image_pull_policy": asked["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": given["global"]["dagsterHome"],
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": given["global"]["postgresqlSecretName"],
        "security_context": asked["securityContext"],
        "run_k8s_config": {
            "pod_spec_config": run["podSpecConfig"],
            "job_spec_config": run["jobSpecConfig"],
        },
    }


def code_location(given: Values) -> Values:
    (only,) = given["dagster-user-deployments"]["deployments"]
    found: Values = only
    return found


def container_context(given: Values) -> dict[str, Any]:
    """Return what the code location hands on to the runs of its code."""
    asked = code_location(given)
    return {
        "k8s": {
            "image_pull_policy": asked["image"]["pullPolicy"],
            "env_config_maps": [
                f"dagster-dagster-user-deployments-{asked['name']}-user-env",
                *(each["name"] for each in asked["envConfigMaps"]),
            ],
            "env_secrets": [each["name"] for each in asked["envSecrets"]],
            "volumes": asked["volumes"],
            "volume_mounts": asked["volumeMounts"],
            "resources": asked["resources"],
            "security_context": asked["securityContext"],
            "run_k8s_config": {
                "pod_spec_config": {"security_context": asked["podSecurityContext"]}
            },
        }
    }
