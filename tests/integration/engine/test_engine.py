"""Broker, workers, Dagster and the web app behind TLS as real processes: one worker is killed.

The benchmark ``celery_night`` does the same with ten thousand authorizations.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import dagster as dg
import httpx2
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from benchmarks import celery_reckoning
from benchmarks.celery_installation import Installation, installation
from benchmarks.sync_fixture import LAST_DAY, UTILITIES, furnish
from dcarbon_pipelines import run_health
from deploy import machine
from deploy.plan import Plan

pytestmark = [pytest.mark.database, pytest.mark.dagster]

CUSTOMERS = 20
PER_SECOND = 2
WINDOW_S = 3
KIND = "tried"
SHARDS = (0, 1)
LIMIT_S = 180.0


@dataclass
class Killing:
    """Kills a worker while both work; says in place of the sensor, which waits for minutes, that
    its run is gone.
    """

    installation: Installation
    is_killed: bool = False
    ended: int = 0
    missed: Sequence[str] = field(default_factory=tuple)

    def look(self, instance: dg.DagsterInstance, done: float) -> None:
        runtime, later = self.installation.runtime, time.time() + run_health.YOUNGEST_S
        if not self.is_killed:
            started = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            gone = run_health.vanished(instance, runtime, location=None, at=later)
            if done and len(started) == len(SHARDS) and not gone:
                self.installation.kill("worker-1")
                self.is_killed = True
        elif not self.ended:
            look = run_health.end_vanished(
                instance, runtime, location=None, at=later, missed_before=self.missed
            )
            self.ended, self.missed = look.ended, look.missed


def test_a_killed_worker_loses_nothing_and_limits_hold_across_workers(home: Path) -> None:
    limits = dict.fromkeys(UTILITIES, PER_SECOND)
    plan = Plan(workers=len(SHARDS), slots=1)
    with installation(home, plan, note=print, limits=limits) as running:
        logins = furnished(running)
        killing = Killing(running)

        running.night(KIND, LAST_DAY, SHARDS, limit_s=LIMIT_S, look=killing.look)

        found = celery_reckoning.reckon(
            running.runtime, logins, f"{KIND}:{LAST_DAY}", LAST_DAY, SHARDS
        )
        assert killing.is_killed
        assert found.problems == []
        assert found.failed["run_ended"]
        assert found.readings >= CUSTOMERS * 24
        the_limit_held(running)
        the_web_app_answers_behind_tls(running)
        what_is_dead_is_said_and_started_again(running)
        alive = [running.engine.processes.find(name) for name in running.engine.names]
    assert not any(process is not None and process.is_alive for process in alive)


def furnished(running: Installation) -> dict[UUID, str]:
    """Give each worker a shard with customers of every utility."""
    made = furnish(running.place, running.runtime, CUSTOMERS)
    with running.runtime.sessions.begin() as session:
        for number, identity in enumerate(made):
            session.execute(
                text("update authorizations set shard = :shard where id = :id"),
                {"shard": number % len(SHARDS), "id": identity},
            )
    return celery_reckoning.named(made, CUSTOMERS, UTILITIES)


def the_limit_held(running: Installation) -> None:
    arrivals = running.place.control("GET", "requests")["requests"]
    for utility in UTILITIES:
        asked = arrivals[utility]
        assert len(asked) > PER_SECOND * WINDOW_S
        # Every request took a turn of the one line. What leaves in time may be held up on a busy
        # machine and arrive with those behind it; two lines would let through twice as many.
        assert celery_reckoning.turns(running.runtime, utility) >= len(asked)
        assert celery_reckoning.greatest(asked, WINDOW_S) <= 1.5 * PER_SECOND * WINDOW_S


def the_web_app_answers_behind_tls(running: Installation) -> None:
    engine = running.engine
    trusted = ssl.create_default_context(cafile=str(engine.home / "tls" / "ca.pem"))
    with httpx2.Client(verify=trusted, trust_env=False) as client:
        ready = client.get(f"{engine.public_url}/readyz")
        figures = client.get(f"{engine.public_url}/metrics")
        plain = client.get(f"http://127.0.0.1:{engine.plan.ports['http']}/sign-in")

    assert ready.status_code == 200
    assert "strict-transport-security" in ready.headers
    assert figures.status_code == 404
    assert plain.headers["location"] == f"{engine.public_url}/sign-in"


def what_is_dead_is_said_and_started_again(running: Installation) -> None:
    def status() -> tuple[int, str]:
        answer = CliRunner().invoke(machine.main, ["status", "--directory", str(running.home)])
        return answer.exit_code, answer.output

    assert_said(status, code=1, words="does not run")
    running.engine.start()
    assert_said(status, code=0, words="worker-1")


def assert_said(ask: Callable[[], tuple[int, str]], *, code: int, words: str) -> None:
    exit_code, output = ask()
    assert exit_code == code
    assert words in output
