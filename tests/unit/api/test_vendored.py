"""What comes from others is exactly what its manifest says, with its licence, and nothing more."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import dcarbon_api
from dcarbon_api import assets

VENDOR = Path(dcarbon_api.__file__).parent / "static" / "vendor"
PACKAGES: list[dict[str, Any]] = json.loads((VENDOR / "manifest.json").read_text())


def _folder(package: dict[str, Any]) -> Path:
    return VENDOR / f"{package['name']}-{package['version']}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_each_file_has_the_hash_of_its_manifest(package: dict[str, Any]) -> None:
    for file in package["files"]:
        assert _sha256(_folder(package) / file["name"]) == file["sha256"], file["name"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package["name"])
def test_each_package_comes_with_its_licence(package: dict[str, Any]) -> None:
    licence = _folder(package) / "LICENSE"

    assert _sha256(licence) == package["licence_sha256"]
    assert "permission" in licence.read_text().lower()
    assert package["licence"] in {"MIT", "0BSD"}


def test_no_file_is_there_that_no_manifest_names() -> None:
    named = {_folder(p) / f["name"] for p in PACKAGES for f in p["files"]}
    named |= {_folder(p) / "LICENSE" for p in PACKAGES} | {VENDOR / "manifest.json"}

    assert {path for path in VENDOR.rglob("*") if path.is_file()} == named


def test_an_icon_is_inline_and_silent_for_screen_readers() -> None:
    app = Flask(dcarbon_api.__name__)

    with app.app_context():
        drawn = assets.icon("check", size=16)

    assert drawn.count("<svg") == drawn.count("</svg>") == 1
    assert 'aria-hidden="true"' in drawn
    assert "<path" in drawn
