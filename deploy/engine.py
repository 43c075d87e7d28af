"""All parts of an installation on one machine, in the order in which they need one another.

With ``celery`` runs go to workers through a broker, as they do on several machines; without it
Dagster starts a process for each run. Every part is a process of its own with a log of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import httpx2

from dcarbon.cli.stack import PROJECT, free_port, sandbox_settings, settings_file
from dcarbon.db.sealing import load_or_create
from dcarbon.settings import PREFIX, Settings
from deploy import configuration, databases, postgres
from deploy.configuration import DEPLOY
from deploy.plan import LISTENERS, PORTS, Plan
from deploy.processes import Processes

START_LIMIT_S = 120.0
STOP_LIMIT_S = 20.0
RUNS_END_S = 60.0
"""How long a worker that is told to stop has for its runs; nothing is lost if they are cut."""
_ANSWER_S = 2.0

PROGRAMS = {"broker": "redis-server", "proxy": "nginx"}
"""Parts that are programs of the distribution."""

Note = Callable[[str], None]


@dataclass
class Engine:
    """One installation under ``home``; ``given`` is the environment its processes start from."""

    home: Path
    settings: Settings
    plan: Plan
    given: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    note: Note = print
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home = self.home.absolute()
        self.processes = Processes(self.home)

    @property
    def public_url(self) -> str:
        is_set = self.settings.public_url != Settings.model_fields["public_url"].default
        return self.settings.public_url if is_set else f"https://localhost:{self._port('https')}"

    @property
    def waves(self) -> list[list[str]]:
        """The parts of this installation: a server that others run is none of them."""
        ours = self.plan.waves
        return ours[1:] if self.settings.database_url else ours

    @property
    def names(self) -> list[str]:
        return [name for wave in self.waves for name in wave]

    def start(self, *, only: Sequence[str] = ()) -> None:
        """Start what does not run, in order, and wait until it answers.

        Raises :class:`ProgramMissing`, :class:`NotStarted` or :class:`SettingsInvalid`.
        """
        chosen = [[name for name in wave if not only or name in only] for wave in self.waves]
        for name in (name for wave in chosen for name in wave):
            if name in PROGRAMS:
                configuration.program(PROGRAMS[name])
        self.home.mkdir(parents=True, exist_ok=True)
        self._choose_ports()
        self.plan.keep(self.home)
        for wave in chosen:
            if "postgres" not in wave and not self.environment:
                self.environment = self._environment()
            self._begin(wave)

    def stop(self, names: Sequence[str] = (), *, patience_s: float = RUNS_END_S) -> list[str]:
        """Stop all, or those named, the last started first; return what was ended by force."""
        forced = []
        for wave in reversed(self.waves):
            ending = {n: _ending(n, patience_s) for n in wave if not names or n in names}
            running = {n: each for n, each in ending.items() if self.processes.find(n)}
            for name, (number, _limit) in running.items():
                self.note(f"stopping {name}")
                self.processes.signal(name, number)
            for name, (_number, limit) in running.items():
                if not self.processes.bury(name, patience_s=limit):
                    forced.append(name)
        return forced

    def _begin(self, wave: Sequence[str]) -> None:
        """Start the parts of a wave side by side, then wait for all of them."""
        starts = self._starts()
        waiting = []
        for name in wave:
            start = starts[name.partition("-")[0]]
            if self.processes.is_alive(name):
                start.after()
                continue
            self.note(f"starting {name}")
            environment = self.environment or self.given
            command = start.command(name)
            self.processes.start(name, command, environment=environment, directory=PROJECT)
            waiting.append((name, start))
        for name, start in waiting:
            self.processes.wait(name, partial(start.answers, name), limit_s=START_LIMIT_S)
            start.after()

    def _starts(self) -> dict[str, Start]:
        """Return how each part is started. Workers and the like share what is before the dash."""
        dagster = ["-m", "dagster"]
        loopback = ["--host", "127.0.0.1", "--port"]
        workspace = ["-w", str(self.home / "workspace.yaml")]
        code = ["api", "grpc", "-m", self.plan.location, "--location-name", "dcarbon", *loopback]
        workers = str(os.cpu_count() or 1)
        web = ["-m", "granian", "--interface", "wsgi", "--factory", "--no-ws", "--workers", workers]
        return {
            "postgres": Start(
                lambda _: self._postgres(),
                lambda _: (self.home / postgres.ADDRESSES).exists(),
            ),
            "broker": Start(
                lambda _: [configuration.program("redis-server"), str(self._broker_file())],
                partial(self._listens, port="broker"),
            ),
            "sandbox": Start(
                lambda _: _python(*self._sandbox_arguments())(""),
                lambda _: (self.home / "sandbox" / "endpoints.json").exists(),
                self._learn_sandbox,
            ),
            "code": Start(
                _python(*dagster, *code, self._text("code")), partial(self._listens, port="code")
            ),
            "worker": Start(self._worker, partial(self.processes.has_said, words="ready.")),
            "daemon": Start(_python("-m", "dagster._daemon", "run", *workspace)),
            "dagster": Start(
                _python("-m", "dagster_webserver", *workspace, *loopback, self._text("dagster")),
                partial(self._answers, port="dagster", path="/server_info"),
            ),
            "web": Start(
                _python(*web, *loopback, self._text("web"), "dcarbon_api.wsgi:application"),
                partial(self._answers, port="web", path="/readyz"),
            ),
            "mailer": Start(_python("-m", "dcarbon", "mailer")),
            "proxy": Start(
                lambda _: [
                    configuration.program("nginx"),
                    "-p",
                    str(self.home),
                    "-c",
                    str(self._proxy_file()),
                ],
                partial(self._listens, port="https"),
            ),
        }

    def _postgres(self) -> list[str]:
        (self.home / postgres.ADDRESSES).unlink(missing_ok=True)
        return _python("-m", "deploy.postgres", str(self.home))("")

    def _worker(self, name: str) -> list[str]:
        options = ["--hostname", f"{name}@%h", "--concurrency", str(self.plan.slots)]
        options += ["--include", self.plan.location, "--loglevel", "INFO"]
        options += ["--without-gossip", "--without-mingle", "--queues", "dagster"]
        return _python("-m", "celery", "-A", "dagster_celery.app", "worker", *options)(name)

    def _environment(self) -> dict[str, str]:
        """Migrate the database and return what every part is told."""
        product, dagster = databases.ready(self.home, self.settings, self.given)
        chosen = (DEPLOY / "celery" if self.plan.celery else PROJECT) / "dagster.yaml"
        dagster_home = configuration.dagster(
            self.home, chosen=chosen, code_port=self._port("code"), runs=self.plan.runs
        )
        found = {
            **self.given,
            **settings_file(self.given),
            f"{PREFIX}DATABASE_URL": product,
            f"{PREFIX}DIRECTORY": str(self.home),
            f"{PREFIX}LANDING_URI": self.settings.landing_uri or str(self.home / "landing"),
            f"{PREFIX}PUBLIC_URL": self.public_url,
            f"{PREFIX}DAGSTER_URL": self.settings.dagster_url or self._dagster_url,
            "DAGSTER_PG_URL": dagster,
            "DAGSTER_HOME": str(dagster_home),
            "PYTHONUNBUFFERED": "1",
        }
        if not (self.settings.trusted_proxies or self.settings.trusted_networks):
            found[f"{PREFIX}TRUSTED_NETWORKS"] = "127.0.0.1/32"  # the proxy below
        if not (self.settings.seal_keys or self.settings.seal_keys_file):
            load_or_create(self.home / "seal.keys")
            found[f"{PREFIX}SEAL_KEYS_FILE"] = str(self.home / "seal.keys")
        if self.plan.celery:
            path = (str(DEPLOY / "celery"), self.given.get("PYTHONPATH", ""))
            found["PYTHONPATH"] = os.pathsep.join(filter(None, path))
            # Celery's own names: they win over every configuration, here and in the launcher.
            password = configuration.broker_password(self.home)
            broker = f"redis://:{password}@127.0.0.1:{self._port('broker')}"
            found |= {"CELERY_BROKER_URL": f"{broker}/0", "CELERY_RESULT_BACKEND": f"{broker}/1"}
        return found

    @property
    def _dagster_url(self) -> str:
        return f"http://127.0.0.1:{self._port('dagster')}"

    def _sandbox_arguments(self) -> list[str]:
        directory = self.home / "sandbox"
        (directory / "endpoints.json").unlink(missing_ok=True)
        web = f"http://127.0.0.1:{self._port('web')}"
        arguments = ["-m", "dcarbon_sandbox", "serve", "--directory", str(directory)]
        for port in ("--https-port", "--http-port", "--smtp-port"):
            arguments += [port, "0"]
        for utility in ("pge", "sce", "sdge"):
            arguments += ["--notification-uri", f"{utility}={web}/green-button/notify/{utility}"]
        hook = {"url": f"{web}/utilityapi/webhook", "secret": "sandbox-webhook-secret"}
        arguments += ["--utilityapi", f"webhooks={json.dumps([{**hook, 'types': None}])}"]
        return [*arguments, *self.plan.sandbox_options]

    def _learn_sandbox(self) -> None:
        """Tell the parts that come after where the stand-in utilities are."""
        for name, value in sandbox_settings(self.home).items():
            self.environment.setdefault(name, value)

    def _broker_file(self) -> Path:
        return configuration.broker(self.home, port=self._port("broker"))

    def _proxy_file(self) -> Path:
        return configuration.proxy(
            self.home,
            ports=self.plan.ports,
            public_url=self.public_url,
            certificate=self.plan.certificate,
            key=self.plan.key,
        )

    def _choose_ports(self) -> None:
        """Keep the ports of parts that run; look for free ones where others have taken them."""
        chosen = {**PORTS, **self.plan.ports}
        for name, part in LISTENERS.items():
            if not self.processes.is_alive(part):
                chosen[name] = free_port(chosen[name])
        self.plan = replace(self.plan, ports=chosen)

    def _listens(self, name: str, *, port: str) -> bool:
        """Say whether the part has its port: another program may have taken it meanwhile."""
        return self.processes.listens(name, port=self._port(port))

    def _answers(self, name: str, *, port: str, path: str) -> bool:
        if not self._listens(name, port=port):
            return False
        with suppress(httpx2.HTTPError):
            address = f"http://127.0.0.1:{self._port(port)}{path}"
            return httpx2.get(address, timeout=_ANSWER_S, trust_env=False).is_success
        return False

    def _port(self, name: str) -> int:
        return self.plan.ports[name]

    def _text(self, name: str) -> str:
        return str(self._port(name))


@dataclass(frozen=True, slots=True)
class Start:
    """How a part is started, how it is known to answer, and what is done then."""

    command: Callable[[str], list[str]]
    answers: Callable[[str], bool] = lambda _name: True
    after: Callable[[], None] = lambda: None


def _ending(name: str, patience_s: float) -> tuple[int, float]:
    """Return how a part is asked to end, and how long it has."""
    if name.startswith("worker"):
        return signal.SIGTERM, patience_s  # finishes its runs and takes no others
    if name == "proxy":
        return signal.SIGQUIT, STOP_LIMIT_S  # finishes its answers
    return (signal.SIGTERM if name in ("broker", "postgres") else signal.SIGINT), STOP_LIMIT_S


def _python(*arguments: str) -> Callable[[str], list[str]]:
    return lambda _name: [sys.executable, *arguments]
