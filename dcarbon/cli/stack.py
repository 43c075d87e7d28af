"""Everything at once on this machine: database, sandbox, web app and Dagster, supervised.

Each part is a process of its own with a log file; the last one started is the first one stopped.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from sqlalchemy import make_url

import dcarbon
from dcarbon.db import embedded, migrate, privileges
from dcarbon.db import engine as database
from dcarbon.db.sealing import load_or_create
from dcarbon.domain.errors import DCarbonError
from dcarbon.services import running_stack
from dcarbon.services.running_stack import RunningStack
from dcarbon.settings import DEFAULT_FILE, FILE_VARIABLE, PREFIX, Settings

PROJECT = Path(dcarbon.__file__).parents[1]
START_LIMIT_S = 120.0
STOP_LIMIT_S = 20.0

Note = Callable[[str], None]


class StartFailed(DCarbonError):
    """A part of the stack did not come up; its log says why."""

    code = "start_failed"


@dataclass(slots=True)
class Part:
    """A running process and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass(slots=True)
class Stack:
    """What runs, and where it can be reached."""

    settings: Settings
    environment: dict[str, str]
    web: str
    dagster: str
    sandbox: str | None
    parts: list[Part] = field(default_factory=list)

    def first_dead(self) -> Part | None:
        return next((part for part in self.parts if part.process.poll() is not None), None)


@contextmanager
def running(
    settings: Settings, *, with_sandbox: bool, note: Note, leaving: Note = lambda _part: None
) -> Iterator[Stack]:
    """Start everything, yield where it is, and stop it all. Raises :class:`StartFailed`.

    ``note`` and ``leaving`` are told each part before it is started and before it is stopped. To
    be called from the main thread.
    """
    home = settings.directory.absolute()
    home.mkdir(parents=True, exist_ok=True)
    _hear_interrupts()
    with ExitStack() as open_parts:
        open_parts.callback(leaving, "database")
        note("database")
        environment = _database(settings, home, open_parts)
        stack = Stack(settings, environment, "", "", None)
        open_parts.callback(_stop, stack, leaving)
        web_port = free_port(settings.web_port)
        stack.web = f"http://127.0.0.1:{web_port}"
        environment[f"{PREFIX}PUBLIC_URL"] = public_url(settings, stack.web)
        # The web app's pages lead to runs: it has to know where they will be before they are.
        dagster_port = free_port(settings.dagster_port)
        stack.dagster = f"http://127.0.0.1:{dagster_port}"
        environment[f"{PREFIX}DAGSTER_URL"] = stack.dagster
        if with_sandbox:
            note("sandbox utilities")
            _start_sandbox(stack, home)
        note("web app")
        _start_web(stack, home, web_port)
        _spawn(stack, "mailer", [sys.executable, "-m", "dcarbon", "mailer"], home)
        note("Dagster (half a minute)")
        _start_dagster(stack, home, dagster_port)
        here = RunningStack(os.getpid(), stack.web, stack.dagster, stack.sandbox)
        with running_stack.announced(home, here):
            yield stack


def free_port(preferred: int) -> int:
    """Return the preferred port if nobody listens there, else any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartFailed("no port is free", display_message="No port is free on this machine.")


def public_url(settings: Settings, web: str) -> str:
    """Return where browsers reach the web app: as set, else where it came up on this machine."""
    is_set = settings.public_url != Settings.model_fields["public_url"].default
    return settings.public_url if is_set else web


def settings_file(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what leads every part to the settings file: the parts work in another directory."""
    path = Path(environ.get(FILE_VARIABLE) or DEFAULT_FILE)
    return {FILE_VARIABLE: str(path.absolute())} if path.exists() else {}


def _database(settings: Settings, home: Path, open_parts: ExitStack) -> dict[str, str]:
    """Start or find PostgreSQL, migrate, and return the environment every part gets."""
    environment = dict(os.environ)
    if settings.database_url is None:
        urls = open_parts.enter_context(embedded.server(home))
        product, dagster = urls[embedded.PRODUCT_DATABASE], urls[embedded.DAGSTER_DATABASE]
        load_or_create(home / "seal.keys")
        environment[f"{PREFIX}SEAL_KEYS_FILE"] = str(home / "seal.keys")
    else:
        product = settings.database_url.get_secret_value()
        dagster = _dagster_database(product)
    owner = settings.owner_database_url
    engine = database.create(owner.get_secret_value() if owner else product)
    database.require_reachable(engine)
    migrate.upgrade(engine)
    if settings.database_url is None:
        product = privileges.as_app(product, engine)
    engine.dispose()
    # Dagster needs the driver named: a bare postgresql:// is psycopg 3, which breaks its storage.
    driver = make_url(dagster).set(drivername="postgresql+psycopg2")
    return environment | {
        **settings_file(environment),
        f"{PREFIX}DATABASE_URL": product,
        f"{PREFIX}DIRECTORY": str(home),
        f"{PREFIX}LANDING_URI": settings.landing_uri or str(home / "landing"),
        "DAGSTER_PG_URL": driver.render_as_string(hide_password=False),
        "PYTHONUNBUFFERED": "1",
    }


def _dagster_database(product: str) -> str:
    given = os.environ.get("DAGSTER_PG_URL")
    if given:
        return given
    embedded.ensure_database(product, embedded.DAGSTER_DATABASE)
    url = make_url(product).set(database=embedded.DAGSTER_DATABASE)
    return url.render_as_string(hide_password=False)


def _start_sandbox(stack: Stack, home: Path) -> None:
    directory = home / "sandbox"
    (directory / "endpoints.json").unlink(missing_ok=True)
    notify = f"{stack.web}/green-button/notify"
    arguments = ["-m", "dcarbon_sandbox", "serve", "--directory", str(directory)]
    for utility in ("pge", "sce", "sdge"):
        arguments += ["--notification-uri", f"{utility}={notify}/{utility}"]
    hook = {"url": f"{stack.web}/utilityapi/webhook", "secret": "sandbox-webhook-secret"}
    arguments += ["--utilityapi", f"webhooks={json.dumps([{**hook, 'types': None}])}"]
    part = _spawn(stack, "sandbox", [sys.executable, *arguments], home)
    _until((directory / "endpoints.json").exists, part)
    endpoints = json.loads((directory / "endpoints.json").read_text())
    stack.sandbox = endpoints["http"]
    for name, value in sandbox_settings(home).items():
        stack.environment.setdefault(name, value)


def sandbox_settings(home: Path) -> dict[str, str]:
    """Return what the parts are told of the sandbox that runs under ``home``, as environment."""
    command = [sys.executable, "-m", "dcarbon_sandbox", "settings", "--json"]
    answer = subprocess.run(  # noqa: S603 — our own program
        [*command, "--directory", str(home / "sandbox")], check=True, capture_output=True
    )
    found: dict[str, str] = json.loads(answer.stdout)
    return found


def _start_web(stack: Stack, home: Path, port: int) -> None:
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--factory",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--no-ws", "dcarbon_api.wsgi:application",
    ]  # fmt: skip
    part = _spawn(stack, "web", command, home)
    _until(lambda: _answers(f"{stack.web}/readyz"), part)


def _start_dagster(stack: Stack, home: Path, port: int) -> None:
    dagster_home = home / "dagster"
    dagster_home.mkdir(exist_ok=True)
    (dagster_home / "dagster.yaml").write_text((PROJECT / "dagster.yaml").read_text())
    stack.environment["DAGSTER_HOME"] = str(dagster_home)
    command = [
        sys.executable, "-m", "dagster", "dev", "-m", "dcarbon_pipelines.definitions",
        "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    part = _spawn(stack, "dagster", command, home)
    _until(lambda: _answers(f"{stack.dagster}/server_info"), part)


def _spawn(stack: Stack, name: str, command: list[str], home: Path) -> Part:
    log = home / "logs" / f"{name}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("ab") as stream:
        # A session of its own: Ctrl-C reaches us only, and we stop the parts in order.
        process = subprocess.Popen(  # noqa: S603 — our own programs
            command,
            env=stack.environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    part = Part(name, process, log)
    stack.parts.append(part)
    return part


def _hear_interrupts() -> None:
    """Undo an ignored SIGINT inherited from a background shell: every part inherits it in turn,
    and Dagster stops on it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _until(ready: Callable[[], bool], part: Part) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not ready():
        if part.process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(part.log.read_text(errors="replace").splitlines()[-15:])
            raise StartFailed(
                f"{part.name} did not start",
                display_message=f"The {part.name} did not start. The end of {part.log}:\n{tail}",
            )
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2.0, trust_env=False).is_success
    except httpx2.HTTPError:
        return False


def _stop(stack: Stack, leaving: Note) -> None:
    for part in reversed(stack.parts):
        leaving(part.name)
        _signal(part, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            part.process.wait(STOP_LIMIT_S)
        _signal(part, signal.SIGKILL)
        part.process.wait()


def _signal(part: Part, number: int) -> None:
    """Signal the part; a kill goes to all it started, which may outlive it."""
    try:
        if number == signal.SIGKILL:
            os.killpg(part.process.pid, number)
        else:
            part.process.send_signal(number)
    except ProcessLookupError:
        return


def given_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return only what DCarbon reads of an environment."""
    return {name: value for name, value in environment.items() if name.startswith(PREFIX)}
