"""Another Python, packages unlike the lock, and ports of somebody else are seen."""

from __future__ import annotations

import os
import socket
from importlib import metadata
from pathlib import Path

import pytest

from dcarbon import settings
from dcarbon.domain.system_words import State
from dcarbon.services.doctor import machine
from dcarbon.services.running_stack import RunningStack, announced, find


@pytest.mark.parametrize(
    ("version", "code"),
    [((3, 11, 9), "python_good"), ((3, 12, 0), "python_other"), ((3, 10, 1), "python_other")],
)
def test_only_one_python_fits(version: tuple[int, ...], code: str) -> None:
    (found,) = machine.of_python(version)

    assert found.code == code
    assert "3.11" in found.text.message


def lock(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "runtime.txt"
    path.write_text("".join(f"{line} \\\n    --hash=sha256:00\n" for line in lines))
    return path


def test_packages_are_compared_with_the_lock(tmp_path: Path) -> None:
    ours = f"click=={metadata.version('click')}"
    psycopg = f"psycopg[binary]=={metadata.version('psycopg')}"
    elsewhere = "not-there-on-linux==1.0 ; sys_platform == 'win32'"

    (same,) = machine.of_packages(lock(tmp_path, ours, psycopg, elsewhere))
    missing, other = machine.of_packages(lock(tmp_path, "rich==0.1", "not-there==1.0"))
    (unknown,) = machine.of_packages(tmp_path / "none.txt")

    assert (same.code, same.values["count"]) == ("packages_good", 2)
    assert (missing.state, missing.values["names"]) == (State.WRONG, "not-there")
    assert (other.state, other.code) == (State.WATCH, "packages_other")
    assert "(lock 0.1)" in other.text.message
    assert unknown.code == "packages_unknown"


def test_a_port_of_somebody_else_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        chosen = settings.load({}, web_port=port, dagster_port=0)

        (found,) = machine.of_ports(chosen, None)

    assert (found.code, found.state) == ("port_taken", State.WATCH)
    assert f"port {port}, which DCARBON_WEB_PORT names" in found.text.message


def test_our_own_ports_are_not_taken(tmp_path: Path) -> None:
    stack = RunningStack(1, "http://127.0.0.1:8000", "http://127.0.0.1:3000", None)

    (found,) = machine.of_ports(settings.load({}, directory=tmp_path), stack)

    assert found.code == "ports_ours"


def test_a_running_stack_is_found_while_it_runs(tmp_path: Path) -> None:
    stack = RunningStack(os.getpid(), "http://127.0.0.1:8000", "http://127.0.0.1:3000", None)

    with announced(tmp_path, stack):
        assert find(tmp_path) == stack
    assert find(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", '{"pid": 1}', "cut o"])
def test_what_is_no_announcement_is_no_stack(tmp_path: Path, text: str) -> None:
    (tmp_path / "running.json").write_text(text)

    assert find(tmp_path) is None
