"""What ``scripts/engine.sh`` installs and stops, with stand-ins for the distribution's programs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dcarbon.cli.stack import PROJECT

SCRIPT = PROJECT / "scripts" / "engine.sh"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs that note how they were called; apt-get brings redis-server."""
    folder = tmp_path / "programs"
    folder.mkdir()
    called = f'echo "${{0##*/}} $*" >>{tmp_path / "called"}'
    put(folder, "id", "echo 0")
    put(folder, "apt-get", called, f": >{folder}/redis-server", f"/bin/chmod +x {folder}/*")
    put(folder, "systemctl", called)
    put(folder, "nginx", called)
    return folder


def put(folder: Path, name: str, *lines: str) -> None:
    path = folder / name
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)


def calls(programs: Path) -> list[str]:
    subprocess.run(["/bin/sh", str(SCRIPT)], env={"PATH": str(programs)}, check=True)
    called = programs.parent / "called"
    return called.read_text(encoding="utf-8").splitlines() if called.exists() else []


def test_a_server_that_was_here_before_is_neither_installed_nor_stopped(programs: Path) -> None:
    """It may be somebody's own: only what the script itself brought is stopped."""
    called = calls(programs)

    assert [line.split()[-1] for line in called if "install" in line] == ["redis-server"]
    assert [line for line in called if line.startswith("systemctl")] == [
        "systemctl disable --now redis-server"
    ]
    assert not [line for line in called if "nginx" in line]


def test_nothing_is_called_where_both_are_here(programs: Path) -> None:
    put(programs, "redis-server")

    assert calls(programs) == []
