"""A folder that looks like a fresh clone, and ``make demo`` up in it, as the README says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from sqlalchemy import make_url

from dcarbon.cli.stack import free_port
from dcarbon.db import embedded
from tests.docs import warm
from tests.docs.blocks import PROJECT

_START_LIMIT_S = 420
_STOP_LIMIT_S = 120
_OWN = {".git", ".venv", ".dcarbon", ".artefacts"}
_CURL = """#!/bin/sh
# An answer that is an error ends the story: curl by itself would call it a success.
for word in "$@"; do
  case $word in --fail*|-f|-f[a-zA-Z]*) exec {curl} --max-time 60 "$@" ;; esac
done
exec {curl} --fail-with-body --silent --show-error --max-time 60 "$@"
"""
ADMINISTRATOR = "you@example.test"
DOWNLOAD = "my-download.xml"
"""A Green Button file in every document's folder, as a customer has one."""


@dataclass(frozen=True)
class Demo:
    """Where the running demo is; ``commands`` is the folder of warm commands."""

    folder: Path
    commands: Path
    home: Path
    addresses: Mapping[str, str]
    """Real addresses by the usual ones, which documents show."""
    said: str
    """What ``make demo`` printed."""

    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{self.commands}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            "PYTHON": sys.executable,
            "PYTHONPATH": str(PROJECT),
        }

    def real(self, text: str) -> str:
        """Return the text with the demo's addresses in the place of the usual ones."""
        for usual, real in self.addresses.items():
            text = text.replace(usual, real)
        return text

    def usual(self, text: str) -> str:
        """Return the text with the usual addresses in the place of the demo's."""
        for usual, real in self.addresses.items():
            text = text.replace(real, usual)
        return text


@contextmanager
def running(place: Path) -> Iterator[Demo]:
    """Run ``make demo`` in a clone under ``place`` until the block ends."""
    folder, commands, home = place / "clone", place / "bin", place / "home"
    for made in (folder, commands, home):
        made.mkdir()
    clone(folder, commands=Path(sys.executable).parent)
    with _warm(place / "warm", commands), _made(folder, home) as said:
        demo = Demo(folder, commands, home, _addresses(folder, said), said)
        (home / DOWNLOAD).write_bytes(_green_button_file(folder))
        subprocess.run(
            ["dcarbon", "admin", "create", ADMINISTRATOR],
            cwd=folder, env=demo.environ(), check=True, capture_output=True,
        )  # fmt: skip
        yield demo


def clone(folder: Path, *, commands: Path) -> None:
    """Make ``folder`` look like a clone of the project whose ``make setup`` was done."""
    for path in PROJECT.iterdir():
        if path.name not in _OWN and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(commands)
    (folder / ".venv" / ".ready").touch()


@contextmanager
def _warm(address: Path, commands: Path) -> Iterator[None]:
    """Put the commands, and a Python that knows nothing of DCarbon, into a folder of their own."""
    warm.write_commands(commands, address)
    (commands / "python3").symlink_to(Path(sys.executable).resolve())
    (commands / "curl").write_text(_CURL.format(curl=shutil.which("curl")))
    (commands / "curl").chmod(0o755)
    for program in Path(sys.executable).parent.iterdir():
        if not (commands / program.name).exists() and not program.name.startswith("python"):
            (commands / program.name).symlink_to(program)
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.docs.warm", str(address)],
        cwd=PROJECT, start_new_session=True,
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextmanager
def _made(folder: Path, home: Path) -> Iterator[str]:
    """Start it with one command, and yield what it said when it stands; Ctrl-C ends it."""
    said = folder.parent / "demo.log"
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    environ = {"HOME": str(home), "LANG": "C.UTF-8", "COLUMNS": "100", **kept}
    ports = {"DCARBON_WEB_PORT": "0", "DCARBON_DAGSTER_PORT": "0"}
    with said.open("wb") as stream:
        process = subprocess.Popen(
            [shutil.which("make") or "make", "demo"],
            cwd=folder, env=environ | ports, stdin=subprocess.DEVNULL, stdout=stream,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while "Ctrl-C stops everything" not in said.read_text("utf-8"):
            stands = process.poll() is None and time.monotonic() < deadline
            assert stands, f"make demo did not come up:\n{said.read_text('utf-8')}"
            time.sleep(0.3)
        yield said.read_text("utf-8")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        process.wait(_STOP_LIMIT_S)


def _own_server(folder: Path) -> dict[str, str]:
    """Return what stands for a server of the reader's own: an empty database beside the demo's."""
    with embedded.server(folder / ".dcarbon") as urls:
        embedded.ensure_database(urls[embedded.PRODUCT_DATABASE], "documents")
        url = make_url(urls[embedded.PRODUCT_DATABASE]).set(database="documents")
        real = url.render_as_string(hide_password=False)
    # Both roles of the guide: the migration itself gives the second one its rights.
    roles = ("dcarbon_app:choose-another", "dcarbon_owner:choose-one")
    return {f"postgresql://{role}@db.example.test/dcarbon": real for role in roles}


def _green_button_file(folder: Path) -> bytes:
    """Return what a stand-in utility holds of a customer with solar panels."""
    sandbox = _endpoints(folder)
    asked = {"utility": "generic", "login": "sunny"}
    with httpx2.Client(verify=ssl.create_default_context(cafile=sandbox["ca"])) as http:
        made = http.post(f"{sandbox['https']}/sandbox/authorizations", json=asked)
        granted = made.raise_for_status().json()["authorizations"][0]
        answer = http.get(
            granted["resourceURI"], headers={"Authorization": f"Bearer {granted['access_token']}"}
        )
        return answer.raise_for_status().content


def _endpoints(folder: Path) -> dict[str, str]:
    path = folder / ".dcarbon" / "sandbox" / "endpoints.json"
    found: dict[str, str] = json.loads(path.read_text("utf-8"))
    return found


def _addresses(folder: Path, said: str) -> dict[str, str]:
    def after(words: str) -> str:
        found = re.search(rf"^{words} +(http\S+)", said, re.MULTILINE)
        assert found, f"make demo does not say where the {words} is"
        return found[1]

    sandbox = _endpoints(folder)
    return {
        "http://127.0.0.1:8000": after("Web app"),
        "http://127.0.0.1:3000": after("Dagster UI"),
        "https://127.0.0.1:8443": sandbox["https"],
        "http://127.0.0.1:8480": sandbox["http"],
        "127.0.0.1:8025": sandbox["smtp"].removeprefix("smtp://"),
        "8001": str(free_port(0)),
        **_own_server(folder),
    }
