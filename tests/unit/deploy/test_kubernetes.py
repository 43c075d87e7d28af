"""What the cluster would be given fits the schemas of Kubernetes, the settings and the program.

No cluster is at hand in tests: nothing here shows that it runs.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from flask import Flask

from dcarbon import cli, settings
from dcarbon_api import wsgi
from dcarbon_api.app import _LARGEST_BODY
from dcarbon_api.green_button.routes import _LARGEST_HINT
from dcarbon_api.health import routes as health
from dcarbon_api.utilityapi.routes import _LARGEST_EVENT
from tests.unit.deploy import chart, cluster
from tests.unit.deploy.cluster import CLUSTER, Manifest

ROOT = CLUSTER.parents[1]
PROGRAMS = {"web", "mailer", "migrate"}


def containers() -> Iterator[tuple[str, Manifest]]:
    for name, pod in cluster.pods().items():
        for container in pod["containers"]:
            yield name, container


def settings_of_the_cluster() -> dict[str, str]:
    found: dict[str, str] = cluster.of_kind("ConfigMap")["dcarbon-settings"]["data"]
    return found


@pytest.mark.parametrize("version", cluster.VERSIONS)
def test_every_manifest_fits_the_schemas_of_kubernetes(version: str) -> None:
    manifests = cluster.everything()

    for manifest in manifests:
        cluster.check(manifest, version)

    assert set(cluster.pods()) == PROGRAMS
    assert len(manifests) >= 10


@pytest.mark.parametrize(
    "wrong", [{"replica": 2}, {"replicas": "two"}, {"template": {"spec": {"containers": [{}]}}}]
)
def test_a_field_that_kubernetes_does_not_know_is_found(wrong: dict[str, Any]) -> None:
    manifest = copy.deepcopy(cluster.of_kind("Deployment")["web"])
    manifest["spec"] |= wrong

    with pytest.raises(kubernetes_validate.ValidationError):
        cluster.check(manifest, cluster.VERSIONS[0])


def test_what_is_named_is_there() -> None:
    """Names between manifests: what selects, mounts and refers finds something."""
    secrets = {"dcarbon-secrets", "dcarbon-owner"}  # made by whoever installs
    labels = cluster.of_kind("Deployment")["web"]["spec"]["template"]["metadata"]["labels"]
    service = cluster.of_kind("Service")["web"]["spec"]
    backend = cluster.of_kind("Ingress")["web"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]

    assert service["selector"].items() <= labels.items()
    assert backend["service"] == {"name": "web", "port": {"name": service["ports"][0]["name"]}}
    for name, container in containers():
        ports = {port["name"] for port in container.get("ports", [])}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert probe not in container or container[probe]["httpGet"]["port"] in ports
        volumes = {volume["name"] for volume in cluster.pods()[name]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        for source in container["envFrom"]:
            (kind,) = source
            known = cluster.of_kind("ConfigMap") if kind == "configMapRef" else secrets
            assert source[kind]["name"] in known


def test_commands_and_probes_are_those_of_the_program() -> None:
    commands = {name: [*each["command"], *each.get("args", [])] for name, each in containers()}
    rules = {rule.rule for rule in _routes()}

    for name in ("mailer", "migrate"):
        program, subcommand = commands[name]
        assert program == "dcarbon"
        assert subcommand in cli._COMMANDS
    assert commands["web"][-1] == f"{wsgi.__name__}:{wsgi.application.__name__}"
    web = dict(containers())["web"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert web[probe]["httpGet"]["path"] in rules


def _routes() -> Any:

    app = Flask("routes")
    app.register_blueprint(health.bp)
    return app.url_map.iter_rules()


def test_the_settings_of_the_example_are_settings() -> None:
    chosen = settings.load(settings_of_the_cluster())

    assert chosen.landing_address.startswith("s3://")
    assert str(chosen.directory) == "/run/dcarbon"
    for name, container in containers():
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert {str(chosen.directory), "/tmp"} <= mounts, name


def test_no_secret_stands_in_a_manifest() -> None:
    text = "".join(path.read_text() for path in CLUSTER.rglob("*") if path.is_file())

    assert not cluster.of_kind("Secret")
    assert not re.search(r"(KEYS|PASSWORD|SECRET|TOKEN|DATABASE_URL)\s*[=:]\s*\S", text)


def test_no_service_puts_variables_among_our_settings() -> None:
    """A service named dcarbon would make ``DCARBON_PORT``, and unknown settings stop the start."""
    services = {*cluster.of_kind("Service"), chart.code_location(chart.values())["name"]}

    assert not [name for name in services if name.upper().startswith("DCARBON")]
    assert all(pod["enableServiceLinks"] is False for pod in cluster.pods().values())


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_pod_may_do_nothing_that_it_does_not_need(name: str) -> None:
    pod, container = cluster.pods()[name], dict(containers())[name]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


def test_all_run_the_same_image_as_the_user_it_is_made_for() -> None:
    values = chart.values()
    parts = (values["dagsterWebserver"], values["dagsterDaemon"], chart.code_location(values))
    ours = {container["image"] for _, container in containers()}
    theirs = {f"{part['image']['repository']}:{part['image']['tag']}" for part in parts}
    users = {pod["securityContext"]["runAsUser"] for pod in cluster.pods().values()}
    users |= {part["podSecurityContext"]["runAsUser"] for part in parts}

    (user,) = users
    assert ours == theirs
    assert not any(image.endswith(":latest") for image in ours)
    assert f"USER {user}:{user}" in (CLUSTER / "Containerfile").read_text()


def test_the_image_is_made_of_files_that_are_here() -> None:
    text = (CLUSTER / "Containerfile").read_text()
    copied = [
        name for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for name in line.split()
    ]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert {*packages, "pyproject.toml", "requirements/kubernetes.txt"} <= {*copied}
    assert all((ROOT / name).exists() for name in copied)
    assert set(re.findall(r"requirements/\w+\.txt", text)) <= {*copied}
    assert "dagster-k8s==" in (ROOT / "requirements" / "kubernetes.txt").read_text()


def installed(programs: Path, state: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the installation with stand-ins; the job of the migration is in a state."""
    for name in ("kubectl", "helm", "sleep"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (programs / name).chmod(0o755)
    said = f'case "$*" in *" get job "*) echo {state} ;; *) echo "kubectl $*" ;; esac'
    (programs / "kubectl").write_text(f"#!/bin/sh\n{said}\n")
    environment = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    script = str(CLUSTER / "install.sh")
    return subprocess.run(
        ["sh", script], env=environment, capture_output=True, text=True, check=False
    )


def test_a_migration_that_fails_ends_the_installation_with_its_log(tmp_path: Path) -> None:
    result = installed(tmp_path, "FailureTarget Failed")

    assert result.returncode == 1
    assert "logs job/migrate" in result.stdout
    assert "The database is not migrated." in result.stderr
    assert "helm" not in result.stdout


def test_everything_else_is_brought_up_after_the_migration(tmp_path: Path) -> None:
    result = installed(tmp_path, "SuccessCriteriaMet Complete")

    assert result.returncode == 0, result.stderr
    assert "helm upgrade --install dagster" in result.stdout


def test_a_web_pod_answers_until_nobody_asks_it_any_more() -> None:
    pod = cluster.pods()["web"]
    _, seconds = dict(containers())["web"]["lifecycle"]["preStop"]["exec"]["command"]

    assert 0 < int(seconds) < pod["terminationGracePeriodSeconds"]


def test_the_ways_in_take_every_body_that_a_route_takes() -> None:
    most = "1m"
    ingress = cluster.of_kind("Ingress")["web"]["metadata"]["annotations"]
    proxy = (CLUSTER.parent / "nginx" / "dcarbon.conf").read_text()

    assert max(_LARGEST_BODY, _LARGEST_HINT, _LARGEST_EVENT) == 1 << 20
    assert ingress["nginx.ingress.kubernetes.io/proxy-body-size"] == most
    assert f"client_max_body_size {most};" in proxy
    # More than is kept in memory would go to a folder that nginx's workers may not write to.
    assert f"client_body_buffer_size {most};" in proxy


def test_the_script_of_the_installation_is_well_formed_and_names_what_is_here() -> None:
    script = CLUSTER / "install.sh"

    subprocess.run(["sh", "-n", str(script)], check=True)

    text = script.read_text()
    assert "job/migrate" in text
    assert set(re.findall(r"deployment/(\w+)", text)) == set(cluster.of_kind("Deployment"))
    assert (
        text.index("/migration")
        < text.index('--kustomize "$OVERLAY"\n')
        < text.index("helm upgrade")
    )


def test_the_ingress_writes_no_addresses_down() -> None:
    ingress = cluster.of_kind("Ingress")["web"]["metadata"]["annotations"]

    assert ingress["nginx.ingress.kubernetes.io/enable-access-log"] == "false"
