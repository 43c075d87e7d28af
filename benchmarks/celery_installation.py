"""A whole installation of separate processes, with customers at a sandbox, to run nights on."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import dagster as dg
from sqlalchemy import make_url, text

from benchmarks import celery_location
from benchmarks.sync_fixture import NOW, UTILITIES, Place
from dcarbon import settings
from dcarbon.db import embedded
from dcarbon.services import work
from dcarbon.services.runtime import Runtime
from dcarbon.settings import PREFIX
from dcarbon_pipelines.sync_runs import DAY_OF_RUN, REST, SHARD_OF_RUN, SYNC, WAITS
from dcarbon_sandbox.server import Endpoints
from deploy.engine import Engine
from deploy.plan import PORTS, Plan
from deploy.processes import Process

PROJECT = Path(__file__).resolve().parents[1]
COLLECTING = ("code", "daemon", "dagster")
_LOOK_S = 0.25
_BEGAN = time.time()
_DONE = text("""
    select count(distinct authorization_id) from sync_attempts
    where sync_key = :key and finished_at is not null and error_code is null
""")
_TO_RETRY = text("select count(*) from work_orders where done_at is null and reason = :reason")

Note = Callable[[str], None]


@dataclass(frozen=True)
class Night:
    """How long a night took, in seconds."""

    green_s: float
    """Until each shard had a run that went well."""
    whole_s: float
    """Until nobody was left: what a provider did not answer has come later."""


@dataclass
class Installation:
    """What runs, how it is asked for a night, and how it is looked at."""

    home: Path
    engine: Engine
    place: Place
    runtime: Runtime
    limits: Mapping[str, int] = field(default_factory=dict)
    """Requests per second by utility; without one it is not limited."""

    @property
    def workers(self) -> list[str]:
        return [name for name in self.engine.names if name.startswith("worker")]

    def collect_by(self, plan: Plan, limits: Mapping[str, int]) -> None:
        """Have runs carried out as ``plan`` has it, or within other limits, from now on."""
        self.engine.stop([*COLLECTING, *self.workers, "broker"])
        as_before = self.engine.plan
        chosen = replace(as_before, celery=plan.celery, workers=plan.workers, slots=plan.slots)
        self.limits = limits
        self.engine = _engine(self.home, chosen, self.engine.note, limits)
        self.engine.start()

    def night(
        self,
        kind: str,
        day: date,
        shards: Sequence[int],
        *,
        limit_s: float,
        look: Callable[[dg.DagsterInstance, float], None] = lambda _instance, _done: None,
    ) -> Night:
        """Have a sync run and wait until nobody is left.

        ``look`` is called now and then with the share of the shards' authorizations that are done.
        """
        wanted = self._count(shards)
        begun = time.monotonic()
        green_s: float | None = None
        celery_location.ask(self.home / "asks.json", kind, day, shards)
        with self.dagster() as instance:
            while green_s is None or self._is_anybody_left(instance, kind, day):
                if green_s is None and self._is_green(instance, kind, day, shards):
                    green_s = time.monotonic() - begun
                look(instance, self.done(f"{kind}:{day}") / max(wanted, 1))
                if time.monotonic() - begun > limit_s:
                    raise TimeoutError(
                        f"{kind} of {day} is not over: {_told(self.runs(instance, kind, day))}"
                    )
                time.sleep(_LOOK_S)
        return Night(green_s, time.monotonic() - begun)

    def kill(self, name: str) -> None:
        """End a part and all it started with signal 9, as when its machine goes."""
        process = self.engine.processes.find(name)
        assert isinstance(process, Process)
        process.signal(signal.SIGKILL)

    def done(self, sync_key: str) -> int:
        """Return how many authorizations a sync has brought up to its day."""
        with self.runtime.sessions() as session:
            return int(session.scalar(_DONE, {"key": sync_key}) or 0)

    @contextmanager
    def dagster(self) -> Iterator[dg.DagsterInstance]:
        """Open Dagster's storage, to look at runs."""
        reader = self.home / "reader"
        reader.mkdir(exist_ok=True)
        storage = {"postgres": {"postgres_url": self.engine.environment["DAGSTER_PG_URL"]}}
        written = json.dumps({"storage": storage, "telemetry": {"enabled": False}})
        (reader / "dagster.yaml").write_text(written, encoding="utf-8")
        with dg.DagsterInstance.from_config(str(reader)) as instance:
            yield instance

    def runs(self, instance: dg.DagsterInstance, kind: str, day: date) -> Sequence[dg.DagsterRun]:
        return instance.get_runs(dg.RunsFilter(tags={SYNC: kind, DAY_OF_RUN: day.isoformat()}))

    def _is_green(
        self, instance: dg.DagsterInstance, kind: str, day: date, shards: Sequence[int]
    ) -> bool:
        good = dg.DagsterRunStatus.SUCCESS
        well = [run for run in self.runs(instance, kind, day) if run.status == good]
        return len({run.tags[SHARD_OF_RUN] for run in well}) == len(shards)

    def _is_anybody_left(self, instance: dg.DagsterInstance, kind: str, day: date) -> bool:
        """Say whether something is to be carried on, or was handed to a work order."""
        runs = self.runs(instance, kind, day)
        if any(not run.is_finished or run.tags.get(REST) == WAITS for run in runs):
            return True
        with self.runtime.sessions() as session:
            return bool(session.scalar(_TO_RETRY, {"reason": work.SYNC_RETRY}))

    def _count(self, shards: Sequence[int]) -> int:
        count = text("select count(*) from authorizations where shard = any(:shards)")
        with self.runtime.sessions() as session:
            return int(session.scalar(count, {"shards": list(shards)}) or 0)


@contextmanager
def installation(
    home: Path, plan: Plan, *, note: Note, limits: Mapping[str, int] = MappingProxyType({})
) -> Iterator[Installation]:
    """Start all parts with a sandbox whose clock stands still; all are gone afterwards."""
    options = ("--scenario", "no-limits", "--at", NOW.isoformat())
    chosen = replace(
        plan,
        sandbox=True,
        sandbox_options=options,
        location=celery_location.__name__,
        ports=dict.fromkeys(PORTS, 0),  # any free ones: others on this machine have the usual ones
    )
    engine = _engine(home, chosen, note, limits)
    made: Installation | None = None
    try:
        engine.start()
        place = _place(engine)
        with place.runtime() as runtime:
            made = Installation(home, engine, place, runtime, limits)
            yield made
    finally:
        (made.engine if made else engine).stop(patience_s=5.0)


def _place(engine: Engine) -> Place:
    urls = json.loads((engine.home / "addresses.json").read_text(encoding="utf-8"))
    found = json.loads((engine.home / "sandbox" / "endpoints.json").read_text(encoding="utf-8"))
    return Place(
        engine.home,
        urls[embedded.PRODUCT_DATABASE],
        str(make_url(urls[embedded.DAGSTER_DATABASE])),
        Endpoints(**found),
    )


def _engine(home: Path, plan: Plan, note: Note, limits: Mapping[str, int]) -> Engine:
    """Return an engine whose parts know nothing of the machine's own settings."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    for utility in UTILITIES:
        overrides = f"{PREFIX}PROVIDERS__{utility.upper()}__OVERRIDES__"
        given |= {f"{overrides}PER_HOUR": "", f"{overrides}PER_DAY": ""}
        given[f"{overrides}PER_SECOND"] = str(limits.get(utility, ""))
    given |= {
        f"{PREFIX}OVERLAP_DAYS": "0",
        f"{PREFIX}HISTORY_DAYS": "1",
        f"{PREFIX}DAILY_SYNC": "false",
        f"{PREFIX}WEEKLY_SYNC": "false",
        f"{PREFIX}LOG_LEVEL": "WARNING",
        celery_location.ASKS: str(home / "asks.json"),
        celery_location.BEGAN: str(_BEGAN),
    }
    return Engine(home, settings.load({}), plan, given=given, note=note)


def _told(runs: Sequence[dg.DagsterRun]) -> str:
    return ", ".join(f"{run.tags[SHARD_OF_RUN]} {run.status.value}" for run in runs) or "no runs"
