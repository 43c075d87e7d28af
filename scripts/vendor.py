"""Take a front-end package in: the named files of one npm version, with hashes in the manifest.

    python scripts/vendor.py               check that every file is as the manifest says
    python scripts/vendor.py htmx 2.0.12   replace one package by another version

Uses the ordinary npm client to fetch, never to build. Which files a package gives stands in the
manifest; add a name to its ``files`` first to take in one more (an icon, say).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parents[1] / "dcarbon_api" / "static" / "vendor"
MANIFEST = VENDOR / "manifest.json"


def main(arguments: list[str]) -> int:
    packages: list[dict[str, Any]] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    if not arguments:
        wrong = [place for package in packages for place in differing(package)]
        print("\n".join(wrong) or "Every vendored file is as the manifest says.")  # noqa: T201
        return 1 if wrong else 0
    name, version = arguments
    package = next(each for each in packages if each["name"] == name)
    take_in(package, version)
    MANIFEST.write_text(json.dumps(packages, indent=2) + "\n", encoding="utf-8")
    return 0


def take_in(package: dict[str, Any], version: str) -> None:
    """Put the package's files of this version in place and note their hashes."""
    old, new = VENDOR / folder(package), VENDOR / f"{package['name']}-{version}"
    licence = (old / "LICENSE").read_bytes() if (old / "LICENSE").exists() else None
    with tempfile.TemporaryDirectory() as scratch:
        source = f"{package['source']}@{version}"
        answer = subprocess.run(  # noqa: S603 — npm, with arguments of ours
            ["npm", "pack", source, "--silent", "--pack-destination", scratch],  # noqa: S607
            check=True,
            capture_output=True,
            text=True,
        )
        with tarfile.open(Path(scratch) / answer.stdout.strip()) as archive:
            archive.extractall(scratch, filter="data")
        unpacked = Path(scratch) / "package"
        new.mkdir(exist_ok=True)
        for file in package["files"]:
            shutil.copyfile(unpacked / file["from"], new / file["name"])
        own = unpacked / "LICENSE"
        (new / "LICENSE").write_bytes(own.read_bytes() if own.exists() else licence or b"")
    package["version"] = version
    for file in package["files"]:
        file["sha256"] = hashed(new / file["name"])
    package["licence_sha256"] = hashed(new / "LICENSE")
    if old != new and old.exists():
        shutil.rmtree(old)


def differing(package: dict[str, Any]) -> list[str]:
    """Return the files that are missing or not as the manifest says."""
    expected = {file["name"]: file["sha256"] for file in package["files"]}
    expected["LICENSE"] = package["licence_sha256"]
    places = {VENDOR / folder(package) / name: digest for name, digest in expected.items()}
    return [str(p) for p, digest in places.items() if not p.exists() or hashed(p) != digest]


def folder(package: dict[str, Any]) -> str:
    return f"{package['name']}-{package['version']}"


def hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
