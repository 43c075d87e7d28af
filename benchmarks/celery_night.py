"""A night on workers behind a broker, beside one machine's runs; one worker dies in the middle.

Run as ``python -m benchmarks.celery_night``; ``SIZE`` chooses how many authorizations, ``LIMIT``
how many requests a second each provider takes in the last part. PostgreSQL, Redis, two workers,
Dagster and the web app behind TLS are separate processes, started as ``deploy`` starts them.
"""

from __future__ import annotations

import os
import signal
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import dagster as dg
import httpx2
from rich.table import Table

from benchmarks import celery_reckoning
from benchmarks.celery_installation import Installation, Night, installation
from benchmarks.celery_reckoning import Reckoned
from benchmarks.chaos import truth
from benchmarks.harness import report, show
from benchmarks.sync_fixture import LAST_DAY, UTILITIES, busy, channels, furnish
from dcarbon.db.authorizations import SHARDS
from dcarbon.services.syncing import DAILY
from deploy.plan import Plan

SIZE = int(os.environ.get("SIZE", "10000"))
LIMIT = int(os.environ.get("LIMIT", "10"))
"""Requests a second at each provider: less than the workers would send without it."""
LIMITED_SHARDS = range(4)
SLOTS = 2
"""On each worker. Together as many runs as Dagster lets a sync have at once on one machine."""
ALL = range(SHARDS)
ONE_MACHINE, WORKERS = Plan(celery=False), Plan(celery=True, workers=2, slots=SLOTS)
FIRST, CELERY, KILLED, SINGLE = (LAST_DAY - timedelta(days=days) for days in (3, 2, 1, 0))
NIGHT_LIMIT_S = 3600.0
LONG_S = 10.0
SAY_EVERY_S = 5.0
GOAL = (
    "nothing lost when a worker dies, no page unanswered meanwhile; no provider asked more often "
    "than it allows; a night on workers no longer than on one machine and a tenth"
)
MOST_TIMES_SINGLE = 1.1
MOST_SHOWN = 20


def main() -> None:
    """Run four nights, one of them cut and one within limits; exit 1 when something was lost."""
    # Parts outlive who started them: told to end, this one still stops them.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    print(f"SIZE={SIZE} LIMIT={LIMIT}", flush=True)
    figures: dict[str, object] = {"authorizations": SIZE, "load_before": busy()}
    with (
        tempfile.TemporaryDirectory(prefix="dcarbon-night-") as place,
        installation(Path(place) / "installation", WORKERS, note=say) as running,
    ):
        say("furnishing")
        made = furnish(running.place, running.runtime, SIZE)
        logins = celery_reckoning.named(made, SIZE, UTILITIES)
        night(running, "the night before: meters are found", FIRST)
        figures["channels"] = channels(running.runtime)
        running.place.control("DELETE", "requests")
        nights = {"two workers": night(running, "two workers", CELERY)}
        freely = most_asked(running)
        lost = killed(running, logins, figures)
        excess = limited(running, figures, freely)
        say("the same installation with a process for each run")
        running.collect_by(ONE_MACHINE, {})
        nights["one machine"] = night(running, "one machine", SINGLE)
        found = reckoned(running, logins, SINGLE)
        figures["one_machine_failed_attempts"] = found.failed
        lost += found.problems
    figures |= {f"{name.replace(' ', '_')}_s": each.green_s for name, each in nights.items()}
    figures |= {f"{name.replace(' ', '_')}_whole_s": one.whole_s for name, one in nights.items()}
    judge(figures, nights, [*lost, *excess])


def judge(figures: dict[str, object], nights: Mapping[str, Night], problems: Sequence[str]) -> None:
    """Show what was found, and end with 1 when something was lost."""
    table = Table("carried out by", "seconds", "until nobody was left", "authorizations/s")
    table.title = "one night"
    for name, each in nights.items():
        rate = f"{SIZE / each.green_s:.0f}"
        table.add_row(name, f"{each.green_s:.1f}", f"{each.whole_s:.1f}", rate)
    show(table)
    for problem in problems[:MOST_SHOWN]:
        print(f"PROBLEM {problem}", flush=True)
    times = nights["two workers"].green_s / nights["one machine"].green_s
    figures |= {"times_one_machine": times, "problems": len(problems), "load_after": busy()}
    report("celery_night", figures, GOAL, not problems and times <= MOST_TIMES_SINGLE)
    sys.exit(bool(problems))


def reckoned(running: Installation, logins: Mapping[UUID, str], day: date) -> Reckoned:
    say("comparing with what the sandbox measured")
    return celery_reckoning.reckon(running.runtime, logins, f"{DAILY}:{day}", day, ALL)


def killed(
    running: Installation, logins: Mapping[UUID, str], figures: dict[str, object]
) -> list[str]:
    """Kill a worker when half of the night is done; return what is missing or wrong afterwards."""
    killing = Killing(running)
    with asked_all_the_time(running) as pages:
        took = night(running, "a worker dies half way", KILLED, killing.look)
    found = reckoned(running, logins, KILLED)
    payloads, gone = truth.lost_payloads(running.runtime)
    figures |= {
        "killed_s": took.green_s,
        "killed_whole_s": took.whole_s,
        "killed_runs_cut_off": runs_cut_off(running),
        "killed_failed_attempts": found.failed,
        "readings_right": found.readings,
        "payloads": payloads,
        "pages_asked": pages.asked,
        "slowest_page_s": pages.slowest,
    }
    problems = [*found.problems, *gone]
    problems += [] if killing.is_done else ["no worker was killed"]
    return problems + ([f"{pages.failed} pages without an answer"] if pages.failed else [])


def most_asked(running: Installation) -> Mapping[str, int]:
    """Return how often each provider was asked within ten seconds at most, by the sandbox's log."""
    arrivals = running.place.control("GET", "requests")["requests"]
    return {name: celery_reckoning.greatest(times, LONG_S) for name, times in arrivals.items()}


def limited(
    running: Installation, figures: dict[str, object], freely: Mapping[str, int]
) -> list[str]:
    """Ask for part of the day again within a limit; return where it was not held.

    Both workers are there again. A provider's limit is a number in each second of leaving; the
    sandbox notes when requests arrive, each a moment later. What arrives within ten seconds has
    therefore left within eleven at most. ``freely`` is how often each was asked in ten seconds of a
    night without limits.
    """
    say("both workers, within limits")
    running.collect_by(WORKERS, dict.fromkeys(UTILITIES, LIMIT))
    running.place.control("DELETE", "requests")
    took = night(running, "within limits", KILLED, kind="limited", shards=LIMITED_SHARDS)
    arrivals: Mapping[str, Sequence[float]] = running.place.control("GET", "requests")["requests"]
    table = Table("provider", "requests", "most in a second", "most in ten", "allowed")
    table.add_column("in ten without limits")
    table.title = f"asked by two workers, {LIMIT} a second allowed"
    problems = []
    for utility in UTILITIES:
        times = arrivals[utility]
        second, long = (celery_reckoning.greatest(times, window) for window in (1.0, LONG_S))
        most = round(LIMIT * (LONG_S + 1))
        table.add_row(
            utility, f"{len(times):,}", str(second), str(long), str(most), str(freely[utility])
        )
        figures[f"limited_{utility}"] = [len(times), second, long, freely[utility]]
        problems += [f"{utility} was asked {long} times in ten seconds"] if long > most else []
        if celery_reckoning.turns(running.runtime, utility) < len(times):
            problems.append(f"{utility} was asked without a turn")
    show(table)
    figures["limited_s"] = took.green_s
    return problems


def night(
    running: Installation,
    words: str,
    day: date,
    look: Callable[[dg.DagsterInstance, float], None] = lambda _instance, _done: None,
    *,
    kind: str = DAILY,
    shards: Sequence[int] = ALL,
) -> Night:
    """Run one night and tell how far it is."""
    said = time.monotonic()
    say(words)

    def watch(instance: dg.DagsterInstance, done: float) -> None:
        nonlocal said
        look(instance, done)
        if time.monotonic() - said >= SAY_EVERY_S:
            said = time.monotonic()
            print(f"  {words}: {done:.0%}", flush=True)

    took = running.night(kind, day, shards, limit_s=NIGHT_LIMIT_S, look=watch)
    print(f"  {words}: {took.green_s:.1f} s, nobody left after {took.whole_s:.1f} s", flush=True)
    return took


@dataclass
class Killing:
    """Kills the first worker once, half way; nobody starts it again."""

    running: Installation
    is_done: bool = False

    def look(self, _instance: dg.DagsterInstance, done: float) -> None:
        if not self.is_done and done >= 0.5:
            say("worker-1 dies")
            self.running.kill("worker-1")
            self.is_done = True


def runs_cut_off(running: Installation) -> int:
    """Return how many runs of the night ended without going well."""
    with running.dagster() as instance:
        runs = running.runs(instance, DAILY, KILLED)
        return sum(run.status == dg.DagsterRunStatus.FAILURE for run in runs)


@dataclass
class Pages:
    """What came of asking the web app through the proxy."""

    asked: int = 0
    failed: int = 0
    slowest: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)


@contextmanager
def asked_all_the_time(running: Installation) -> Iterator[Pages]:
    """Ask for a page that reads the database once a second."""
    engine = running.engine
    trusted = ssl.create_default_context(cafile=str(engine.home / "tls" / "ca.pem"))
    pages = Pages()

    def ask() -> None:
        with httpx2.Client(verify=trusted, trust_env=False, timeout=30.0) as client:
            while not pages.stop.wait(1.0):
                begun = time.monotonic()
                try:
                    is_well = client.get(f"{engine.public_url}/readyz").is_success
                except httpx2.HTTPError:
                    is_well = False
                pages.asked += 1
                pages.failed += not is_well
                pages.slowest = max(pages.slowest, time.monotonic() - begun)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        pages.stop.set()
        thread.join()


def say(words: str) -> None:
    """Tell people what goes on."""
    print(words, flush=True)


if __name__ == "__main__":
    main()
