"""``GET /intervals`` for one meter's year from 100 million readings, beside ORM objects and json.

Run as ``python -m benchmarks.serving``. PostgreSQL, granian with a worker per core, and 16 clients
share the machine's cores; the rivals are served alike and take turns with us. Filling takes a
minute or two; SIZE (readings) makes it smaller, SECONDS a turn shorter.
"""

from __future__ import annotations

import json
import math
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

from rich.table import Table
from sqlalchemy import Engine, text

from benchmarks import serving_servers as servers
from benchmarks.harness import MEGABYTE, report, show
from benchmarks.serving_clients import Turn, drive, fetch
from benchmarks.serving_fill import YEAR, Portfolio, fill
from benchmarks.serving_servers import Server
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database
from dcarbon.db.sealing import load_or_create

SIZE = int(os.environ.get("SIZE", "100000000"))
SECONDS = float(os.environ.get("SECONDS", "8"))
MOST_ROWS = 10_000_000
"""Of the rival's table. A smaller one is only faster."""
ROUNDS = 5
COLD_ROUNDS = 4
CLIENTS = 16
P95_LIMIT_S = 0.150
LEAST_TIMES = 5.0
GOAL = (
    f"{CLIENTS} clients on 2 cores: p95 under {P95_LIMIT_S * 1000:.0f} ms, and at least"
    f" {LEAST_TIMES:.0f}x the requests per second of ORM objects, a row per reading, and json"
)
OURS, ROWS, DAYS, LIMIT = "ours", "ORM, row per reading", "ORM, interval days", "limit: prebuilt"
PLACES = {
    OURS: "/intervals",
    ROWS: "/rivals/rows",
    DAYS: "/rivals/days",
    LIMIT: "/rivals/prebuilt",
}


@dataclass(slots=True)
class Seen:
    """All turns of one route, and the processor time they took of server and database."""

    turns: list[Turn] = field(default_factory=list)
    web_cpu_s: float = 0.0
    database_cpu_s: float = 0.0

    @property
    def answers(self) -> int:
        return sum(len(turn.latencies_s) for turn in self.turns)

    @property
    def per_second(self) -> float:
        return statistics.median(turn.per_second for turn in self.turns)

    @property
    def cores_used(self) -> float:
        """Of the whole machine's: what others took is missing here."""
        took = self.web_cpu_s + self.database_cpu_s + sum(turn.client_cpu_s for turn in self.turns)
        return took / sum(turn.seconds for turn in self.turns)

    def within_s(self, share: float) -> float:
        """Return the time within which this share of a turn's answers came, in the median turn."""
        return statistics.median(percentile(turn.latencies_s, share) for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs: the product as it ships, the same with rivals beside it, and clients."""

    home: Path
    engine: Engine
    portfolio: Portfolio
    product: Server
    rivals: Server
    clients: ProcessPoolExecutor

    def turn(self, route: str, *, seconds: float, seed: int) -> Turn:
        """Let all clients ask for random meters' years on a route."""
        with_rows = self.portfolio.with_rows if route == ROWS else self.portfolio.meters
        meters = random.Random(seed).choices(with_rows, k=4_000)
        work = partial(drive, connections=CLIENTS, seconds=seconds)
        paths = [_path(route, meter) for meter in meters]
        port = self.server(route).port
        return self.clients.submit(work, port, self.portfolio.token, paths).result()

    def server(self, route: str) -> Server:
        return self.product if route == OURS else self.rivals

    def database_cpu_s(self) -> float:
        return servers.database_cpu_s(self._postmaster())

    def database_read_bytes(self) -> int:
        return servers.database_read_bytes(self._postmaster())

    def _postmaster(self) -> int:
        lock = (self.home / "postgresql" / "postmaster.pid").read_text()
        return int(lock.partition("\n")[0])


def main() -> None:
    with _stage() as stage:
        rest = stage.product.peak_bytes()
        _check_equal(stage)
        for route in PLACES:
            stage.turn(route, seconds=SECONDS / 2, seed=0)
        seen = _measure(stage)
        read = stage.database_read_bytes()
        cold = [
            latency
            for number in range(COLD_ROUNDS)
            for latency in _cold_turn(stage, seed=number).latencies_s
        ]
        read = stage.database_read_bytes() - read
        peaks = {
            "ours, before the first answer": rest,
            "ours": stage.product.peak_bytes(),
            "rivals": stage.rivals.peak_bytes(),
        }
    _show(seen)
    ours, rows = seen[OURS], seen[ROWS]
    figures: dict[str, object] = {
        "readings_stored": stage.portfolio.readings,
        "meters": len(stage.portfolio.meters),
        "rows_of_rival": stage.portfolio.rows,
        "p95_ms": ours.within_s(0.95) * 1000,
        "times_orm_rows": ours.per_second / rows.per_second,
        "times_orm_days": ours.per_second / seen[DAYS].per_second,
        "share_of_limit": ours.per_second / seen[LIMIT].per_second,
        "cold, p50, ms": percentile(cold, 0.5) * 1000,
        "cold, p95, ms": percentile(cold, 0.95) * 1000,
        "cold, MB from disk per answer": read / len(cold) / MEGABYTE,
        "answer, bytes": sum(turn.bytes_received for turn in ours.turns) // ours.answers,
        "cores": os.cpu_count(),
        "load_of_machine": servers.load(),
    }
    figures |= {f"peak of a worker, {name}, MB": size / MEGABYTE for name, size in peaks.items()}
    figures |= {name: value for route, one in seen.items() for name, value in _told(route, one)}
    holds = ours.within_s(0.95) < P95_LIMIT_S and ours.per_second >= LEAST_TIMES * rows.per_second
    report("serving", figures, GOAL, holds)


@contextmanager
def _stage() -> Iterator[Stage]:
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="dcarbon-serving-")))
        url = opened.enter_context(embedded.server(home))[embedded.PRODUCT_DATABASE]
        engine = database.create(url)
        opened.callback(engine.dispose)
        migrate.upgrade(engine)
        began = time.perf_counter()
        portfolio = fill(engine, readings=SIZE, rows=min(SIZE, MOST_ROWS))
        print(f"filled in {time.perf_counter() - began:,.0f} s", flush=True)
        load_or_create(home / "seal.keys")
        environment = {
            "DCARBON_DATABASE_URL": url,
            "DCARBON_DIRECTORY": str(home),
            "DCARBON_SEAL_KEYS_FILE": str(home / "seal.keys"),
        }
        product, rivals = (
            opened.enter_context(
                servers.granian(
                    f"{module}:application",
                    environment,
                    workers=os.cpu_count() or 1,
                    log=home / f"{module}.log",
                )
            )
            for module in ("dcarbon_api.wsgi", "benchmarks.serving_rivals")
        )
        clients = opened.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn")))
        yield Stage(home, engine, portfolio, product, rivals, clients)


def _path(route: str, meter: UUID) -> str:
    return f"{PLACES[route]}?meter_id={meter}&start={YEAR}-01-01&end={YEAR + 1}-01-01"


def _check_equal(stage: Stage) -> None:
    """Stop a comparison of routes that do not say the same, gaps and estimates included."""
    for meter in stage.portfolio.with_rows[:8]:
        ours, *theirs = (_document(stage, route, meter) for route in (OURS, ROWS, DAYS))
        assert ours["series"]
        for one in theirs:
            one["series"].sort(key=lambda series: series["direction"])
            assert one == ours


def _document(stage: Stage, route: str, meter: UUID) -> dict[str, list[dict[str, str]]]:
    answer = fetch(stage.server(route).port, stage.portfolio.token, _path(route, meter))
    found: dict[str, list[dict[str, str]]] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def _measure(stage: Stage) -> dict[str, Seen]:
    seen = {route: Seen() for route in PLACES}
    for number in range(ROUNDS):
        for route, one in random.Random(number).sample(list(seen.items()), len(seen)):
            web, data = stage.server(route).cpu_s(), stage.database_cpu_s()
            one.turns.append(stage.turn(route, seconds=SECONDS, seed=1 + number))
            one.web_cpu_s += stage.server(route).cpu_s() - web
            one.database_cpu_s += stage.database_cpu_s() - data
        print(f"round {number + 1} of {ROUNDS}", flush=True)
    return seen


def _cold_turn(stage: Stage, *, seed: int) -> Turn:
    """Ask once with each client when neither PostgreSQL nor the system has a page in memory."""
    with stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("create extension if not exists pg_buffercache"))
        connection.execute(text("checkpoint"))
        connection.execute(text("select pg_buffercache_evict_all()"))
    for path in (stage.home / "postgresql" / "base").rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return stage.turn(OURS, seconds=0, seed=100 + seed)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _told(route: str, seen: Seen) -> list[tuple[str, float]]:
    return [
        (f"{route}, requests/s", seen.per_second),
        (f"{route}, cores", seen.cores_used),
        *((f"{route}, p{share}, ms", seen.within_s(share / 100) * 1000) for share in (50, 95, 99)),
        (f"{route}, server, ms of processor", seen.web_cpu_s / seen.answers * 1000),
        (f"{route}, database, ms of processor", seen.database_cpu_s / seen.answers * 1000),
    ]


def _show(seen: Mapping[str, Seen]) -> None:
    table = Table(
        *("route", "answers", "requests/s", "p50, ms", "p95, ms", "p99, ms"),
        *("server", "database", "client", "cores"),
        title=f"{CLIENTS} clients, random meters' years; ms of processor per answer",
    )
    for route, one in seen.items():
        client = sum(turn.client_cpu_s for turn in one.turns)
        spent = (one.web_cpu_s, one.database_cpu_s, client)
        table.add_row(
            route,
            f"{one.answers:,}",
            f"{one.per_second:,.1f}",
            *(f"{one.within_s(share) * 1000:,.0f}" for share in (0.5, 0.95, 0.99)),
            *(f"{cpu / one.answers * 1000:,.2f}" for cpu in spent),
            f"{one.cores_used:.2f}",
        )
    show(table)


if __name__ == "__main__":
    main()
