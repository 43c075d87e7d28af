"""What Kubernetes would be given: manifests as kustomize renders them, and its own schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

CLUSTER = Path(__file__).resolve().parents[3] / "deploy" / "kubernetes"
VERSIONS = ("1.33", "1.37")
"""Of Kubernetes: the manifests fit the oldest and the newest of these."""

Manifest = dict[str, Any]


@cache
def rendered(folder: str) -> list[Manifest]:
    """Return what ``kubectl apply --kustomize`` would send. Needs no cluster."""
    kubectl = Path(sys.executable).with_name("kubectl")
    answer = subprocess.run(
        [kubectl, "kustomize", str(CLUSTER / folder)], check=True, capture_output=True
    )
    assert answer.stderr == b""
    return [each for each in yaml.safe_load_all(answer.stdout) if each]


def everything() -> list[Manifest]:
    return [*rendered("example"), *rendered("example/migration")]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in everything() if each["kind"] == kind}


def pods() -> dict[str, Manifest]:
    """Return the specification of every pod, by the name of what makes it."""
    makers = [each for each in everything() if each["kind"] in ("Deployment", "Job")]
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in makers}


def check(manifest: Manifest, version: str) -> None:
    """Raise where the API server would refuse it, or drop a field that it does not know."""
    kubernetes_validate.validate(manifest, version, strict=True)


def check_part(part: object, definition: str, version: str = VERSIONS[-1]) -> None:
    """Check a part of a manifest against one definition, such as ``io.k8s.api.core.v1.Probe``."""
    schema = {"$ref": f"https://kubernetes.io/api/_definitions.json#/$defs/{definition}"}
    Draft202012Validator(schema, registry=_definitions(version)).validate(part)


@cache
def _definitions(version: str) -> Registry[Any]:
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    file = folder / f"v{version}.0-local-strict" / "_definitions.json"
    found: Resource[Any] = Resource.from_contents(json.loads(file.read_text("utf-8")))
    return found @ Registry()
