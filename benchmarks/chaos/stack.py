"""The product's processes on free loopback ports: started, found again, killed with signal 9.

Only Linux: who was started by whom is read from ``/proc``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx2
from sqlalchemy import make_url

from benchmarks.chaos import asks, clock
from benchmarks.chaos.clock import SharedClock
from dcarbon.cli.stack import free_port
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database
from dcarbon.db.sealing import load_or_create
from dcarbon_sandbox.product_settings import WEBHOOK_SECRET, product_settings
from dcarbon_sandbox.server import Endpoints
from deploy import postgres

PROJECT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 120.0
MOST_DEATHS = 10
GREEN_BUTTON = ("pge", "sce", "sdge")


class NotStarted(Exception):
    """A part did not come up; the end of its log is the text."""


@dataclass
class Stack:
    """Parts by name. ``with_dagster``: its daemon and runs collect, else one plain process."""

    home: Path
    with_dagster: bool
    history_days: int
    clock: SharedClock
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    web: str = ""
    dagster: str = ""
    sandbox: str = ""
    kills: dict[str, int] = field(default_factory=dict)
    died: list[str] = field(default_factory=list)
    """Parts that ended although nobody killed them, with their last words."""
    _killed: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def collecting(self) -> tuple[str, ...]:
        return ("code", "daemon") if self.with_dagster else ("collector",)

    def ensure_all(self) -> None:
        """Start whatever does not run, in order, and wait until it answers."""
        for name in ("postgres", "web", *self.collecting):
            self.ensure(name)

    def ensure(self, name: str) -> None:
        process = self.processes.get(name)
        if process is not None and process.poll() is None:
            return
        if process is not None and process not in self._killed:
            last = self._end_of_log(name).rpartition("\n")[2]
            self.died.append(f"{name}: {last[:200]}")
            if len(self.died) > MOST_DEATHS:
                raise NotStarted(f"{name} ends again and again:\n{self._end_of_log(name)}")
        start: dict[str, Callable[[], None]] = {
            "postgres": self._start_postgres,
            "web": self._start_web,
            "collector": lambda: self._spawn("collector", ["-m", "benchmarks.chaos.collector"]),
            "code": self._start_code,
            "daemon": self._start_daemon,
        }
        start[name]()

    def kill(self, name: str) -> None:
        """Kill a part and all it started, at once; the sandbox and the others live on."""
        self.kills[name] = self.kills.get(name, 0) + 1
        if name == "postgres":
            _kill(self._postgres_processes())
        process = self.processes.get(name)
        if process is not None:
            self._killed.append(process)
            _kill([process.pid, *_started_by(process.pid)])
            process.wait()

    def runs(self) -> list[int]:
        """Return the processes that execute a run, or the collector."""
        if not self.with_dagster:
            process = self.processes["collector"]
            return [process.pid] if process.poll() is None else []
        code = self.processes["code"].pid
        return [pid for pid in _started_by(code) if _is_run(pid)]

    def kill_run(self, pid: int) -> None:
        self.kills["run"] = self.kills.get("run", 0) + 1
        _kill([pid, *_started_by(pid)])
        if not self.with_dagster:
            self._killed.append(self.processes["collector"])
            self.processes["collector"].wait()

    def addresses(self) -> dict[str, str]:
        """Return the database addresses; they stay the same over every restart."""
        found: dict[str, str] = json.loads((self.home / postgres.ADDRESSES).read_text())
        return found

    def _postgres_processes(self) -> list[int]:
        with suppress(FileNotFoundError, ValueError):
            text = (self.home / "postgresql" / "postmaster.pid").read_text()
            postmaster = int(text.partition("\n")[0])
            return [postmaster, *_started_by(postmaster)]
        return []

    def _start_postgres(self) -> None:
        addresses = self.home / postgres.ADDRESSES
        addresses.unlink(missing_ok=True)
        self._spawn("postgres", ["-m", "deploy.postgres", str(self.home)])
        self._until(addresses.exists, "postgres")

    def start_sandbox(self) -> None:
        directory = self.home / "sandbox"
        notify = f"{self.web}/green-button/notify"
        arguments = ["-m", "dcarbon_sandbox", "serve", "--directory", str(directory)]
        for port in ("--https-port", "--http-port", "--smtp-port"):
            arguments += [port, "0"]
        for utility in GREEN_BUTTON:
            arguments += ["--notification-uri", f"{utility}={notify}/{utility}"]
        hook = {"url": f"{self.web}/utilityapi/webhook", "secret": WEBHOOK_SECRET, "types": None}
        arguments += ["--utilityapi", f"webhooks={json.dumps([hook])}"]
        self._spawn("sandbox", arguments)
        file = directory / "endpoints.json"
        self._until(file.exists, "sandbox")
        endpoints = Endpoints(**json.loads(file.read_text()))
        self.sandbox = endpoints.http
        self.environment |= product_settings(endpoints)

    def _start_web(self) -> None:
        port = self.web.rpartition(":")[2]
        self._spawn(
            "web",
            [
                "-m", "granian", "--interface", "wsgi", "--factory", "--host", "127.0.0.1",
                "--port", port, "--workers", "1", "--no-ws", "benchmarks.chaos.web:make",
            ],
        )  # fmt: skip
        self._until(lambda: _answers(f"{self.web}/readyz"), "web")

    def _start_code(self) -> None:
        port = self.dagster.rpartition(":")[2]
        module = "benchmarks.chaos.location"
        arguments = ["-m", "dagster", "api", "grpc", "-m", module, "-p", port]
        self._spawn("code", [*arguments, "-h", "127.0.0.1", "--location-name", "dcarbon"])

    def _start_daemon(self) -> None:
        self._spawn(
            "daemon", ["-m", "dagster._daemon", "run", "-w", str(self.home / "workspace.yaml")]
        )

    def prepare_dagster(self) -> None:
        home = self.home / "dagster"
        home.mkdir()
        (home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
        port = free_port(0)
        self.dagster = f"grpc://127.0.0.1:{port}"
        (self.home / "workspace.yaml").write_text(
            "load_from:\n  - grpc_server: "
            f"{{host: 127.0.0.1, port: {port}, location_name: dcarbon}}\n"
        )
        address = make_url(self.addresses()[embedded.DAGSTER_DATABASE])
        driver = address.set(drivername="postgresql+psycopg2")
        self.environment["DAGSTER_PG_URL"] = driver.render_as_string(hide_password=False)
        self.environment["DAGSTER_HOME"] = str(home)

    def _spawn(self, name: str, arguments: Sequence[str]) -> None:
        log = self.home / "logs" / f"{name}.log"
        with log.open("ab") as stream:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *arguments],
                env=self.environment,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _until(self, ready: Callable[[], bool], name: str) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while not ready():
            if self.processes[name].poll() is not None or time.monotonic() > deadline:
                raise NotStarted(f"{name}:\n{self._end_of_log(name)}")
            time.sleep(0.05)

    def _end_of_log(self, name: str) -> str:
        log = (self.home / "logs" / f"{name}.log").read_text(errors="replace")
        return "\n".join(log.splitlines()[-20:])

    def stop(self) -> None:
        """End everything; the database and the sandbox last, and in peace."""
        for name in ("daemon", "code", "collector", "web"):
            if name in self.processes:
                self.kill(name)
        for name in ("sandbox", "postgres"):
            process = self.processes.get(name)
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


@contextmanager
def running(home: Path, *, at: datetime, with_dagster: bool, history_days: int) -> Iterator[Stack]:
    """Start database, sandbox and web app; what collects is started by :meth:`Stack.ensure_all`."""
    (home / "logs").mkdir(parents=True)
    shared = SharedClock(home / "clock")
    shared.set(at)
    stack = Stack(home, with_dagster, history_days, shared)
    stack.environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DCARBON_")},
        "PYTHONUNBUFFERED": "1",
        clock.VARIABLE: str(home / "clock"),
        asks.VARIABLE: str(home / "asks"),
    }
    try:
        stack.ensure("postgres")
        _settle_in(stack)
        stack.ensure("web")
        if with_dagster:
            stack.prepare_dagster()
        yield stack
    finally:
        stack.stop()


def _settle_in(stack: Stack) -> None:
    """Lay the tables, make a key, start the sandbox: what an installation does once."""
    address = stack.addresses()[embedded.PRODUCT_DATABASE]
    engine = database.create(address)
    migrate.upgrade(engine)
    engine.dispose()
    load_or_create(stack.home / "seal.keys")
    stack.web = f"http://127.0.0.1:{free_port(0)}"
    fast = {
        f"DCARBON_PROVIDERS__{key.upper()}__OVERRIDES__PER_SECOND": "50" for key in GREEN_BUTTON
    }
    stack.environment |= fast | {
        "DCARBON_DATABASE_URL": address,
        "DCARBON_DIRECTORY": str(stack.home),
        "DCARBON_LANDING_URI": str(stack.home / "landing"),
        "DCARBON_SEAL_KEYS_FILE": str(stack.home / "seal.keys"),
        "DCARBON_PUBLIC_URL": stack.web,
        "DCARBON_HISTORY_DAYS": str(stack.history_days),
        "DCARBON_LOG_LEVEL": "WARNING",
    }
    stack.start_sandbox()


def _started_by(pid: int) -> list[int]:
    """Return every process below ``pid``, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError, ValueError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(after_name[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        queue += (below := children.get(queue.pop(0), []))
        found += below
    return found


def _is_run(pid: int) -> bool:
    with suppress(OSError):
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2.0, trust_env=False).is_success
    except httpx2.HTTPError:
        return False
