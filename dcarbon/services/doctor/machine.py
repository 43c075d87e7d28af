"""The machine that DCarbon is to run on: Python, its packages, ports."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import dcarbon
from dcarbon.services.doctor.findings import good, watch, wrong
from dcarbon.services.running_stack import RunningStack
from dcarbon.services.system_checks import Finding
from dcarbon.settings import Settings

NEEDED = (3, 11)
LOCK = Path(dcarbon.__file__).parents[1] / "requirements" / "runtime.txt"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)([^\n\\]*)", re.MULTILINE)
_NAMED = 5


def of_python(version: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Finding]:
    found, needed = (".".join(map(str, numbers)) for numbers in (version, NEEDED))
    if version[:2] == NEEDED:
        yield good("python", "python_good", found=found)
    else:
        yield wrong("python", "python_other", found=found, needed=needed)


def of_packages(lock: Path = LOCK) -> Iterator[Finding]:
    """Compare what is installed with the lock of the project, where that is at hand."""
    if not lock.is_file():
        yield good("python", "packages_unknown")
        return
    missing, others, count = [], [], 0
    for name, locked, marker in _PINNED.findall(lock.read_text(encoding="utf-8")):
        installed = _version(name)
        if installed == locked:
            count += 1
        elif installed is not None:
            others.append(f"{name} {installed} (lock {locked})")
        elif not marker.strip():
            missing.append(name)
    if missing:
        yield wrong("python", "packages_missing", names=_some(missing))
    if others:
        yield watch("python", "packages_other", names=_some(others))
    if not (missing or others):
        yield good("python", "packages_good", count=count)


def of_ports(settings: Settings, stack: RunningStack | None) -> Iterator[Finding]:
    """Say whether the ports are free that ``dcarbon up`` takes first."""
    if stack is not None:
        yield good("ports", "ports_ours", web=stack.web, dagster=stack.dagster)
        return
    wanted: Mapping[str, int] = {
        "DCARBON_WEB_PORT": settings.web_port,
        "DCARBON_DAGSTER_PORT": settings.dagster_port,
    }
    taken = {name: port for name, port in wanted.items() if not _is_free(port)}
    for name, port in taken.items():
        yield watch("ports", "port_taken", port=port, setting=name)
    if not taken:
        yield good("ports", "ports_good", ports=", ".join(map(str, wanted.values())))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
