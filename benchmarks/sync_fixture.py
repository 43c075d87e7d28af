"""A served sandbox and a database that know the same customers: what sync benchmarks run on.

The sandbox is a process of its own with its limits lifted, and every clock is frozen: a day asked
for twice is the same answer twice, and no token ends on the way.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import orjson
from sqlalchemy import func, select, update

from dcarbon import settings
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database
from dcarbon.db.authorizations import Authorization, Grant, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.meters import MeterChannel
from dcarbon.providers.green_button import token_response
from dcarbon.services import grants
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.server import Endpoints

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
"""What every clock shows: the last complete local day is the 19th."""
LAST_DAY = date(2026, 3, 19)
UTILITIES = ("pge", "sce", "sdge", "utilityapi")
"""A quarter of the customers each: four shapes of requests and answers."""
_BATCH = 1_000
_HELD_MONTHS = 4
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where everything is. Picklable, so that a worker process opens a runtime of its own."""

    directory: Path
    database_url: str
    dagster_url: str
    sandbox: Endpoints
    overlap_days: int = 0
    """The headline asks for one day each; the product's default asks for seven more."""
    history_days: int = 1
    """How far back the first collection reaches."""

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """Open the product here, with the clock frozen and no limits at any provider."""
        lifted = {
            f"DCARBON_PROVIDERS__{key.upper()}__OVERRIDES__{name}": ""
            for key in UTILITIES
            for name in ("PER_SECOND", "PER_HOUR", "PER_DAY")
        }
        chosen = settings.load(
            {**product_settings(self.sandbox), **lifted},
            directory=self.directory,
            database_url=self.database_url,
            seal_keys_file=self.directory / "seal.keys",
            overlap_days=self.overlap_days,
            history_days=self.history_days,
        )
        with open_runtime(chosen, clock=lambda: NOW) as runtime:
            yield runtime

    @property
    def server_pid(self) -> int:
        """The process every PostgreSQL process descends from."""
        lines = (self.directory / "postgresql" / "postmaster.pid").read_text(encoding="ascii")
        return int(lines.split()[0])

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the sandbox's control room and return its answer."""
        response = httpx2.request(
            method, f"{self.sandbox.http}/sandbox/{path}", json=body, timeout=600.0
        )
        response.raise_for_status()
        return response.json()


@contextmanager
def place(history_days: int = 1) -> Iterator[Place]:
    """Start database and sandbox in a temporary folder; both are gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="dcarbon-bench-") as folder,
        embedded.server(Path(folder)) as urls,
        _sandbox(Path(folder) / "sandbox") as endpoints,
    ):
        engine = database.create(urls[embedded.PRODUCT_DATABASE])
        migrate.upgrade(engine)
        engine.dispose()
        yield Place(
            Path(folder),
            urls[embedded.PRODUCT_DATABASE],
            urls[embedded.DAGSTER_DATABASE],
            endpoints,
            history_days=history_days,
        )


@contextmanager
def _sandbox(directory: Path) -> Iterator[Endpoints]:
    command = [sys.executable, "-m", "dcarbon_sandbox", "serve", "--directory", str(directory)]
    command += ["--scenario", "no-limits", "--at", NOW.isoformat()]
    for port in ("--https-port", "--http-port", "--smtp-port"):
        command += [port, "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield _announced(directory / "endpoints.json", process)
    finally:
        process.terminate()
        process.wait(_PATIENCE_S)


def _announced(path: Path, process: subprocess.Popen[bytes]) -> Endpoints:
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists():
            return Endpoints(**orjson.loads(path.read_bytes()))
        time.sleep(0.05)
    raise RuntimeError("the sandbox did not start")


def furnish(place: Place, runtime: Runtime, count: int) -> list[UUID]:
    """Let ``count`` generated customers consent at the sandbox; keep their grants here, in bulk."""
    made: list[UUID] = []
    for number, utility in enumerate(UTILITIES):
        share = count // len(UTILITIES) + (number < count % len(UTILITIES))
        for first in range(0, share, _BATCH):
            # Odd numbers have solar: half of each utility's customers, 1.5 channels on average.
            numbers = {"first": first, "count": min(_BATCH, share - first)}
            made += _consented(place, runtime, utility, numbers)
    return made


def _consented(
    place: Place, runtime: Runtime, utility: str, numbers: Mapping[str, int]
) -> list[UUID]:
    if utility == "utilityapi":
        wanted = {**numbers, "utility": "DEMO", "months": _HELD_MONTHS}
        answer = place.control("POST", "utilityapi/authorizations", wanted)
        uids = [each["authorization_uid"] for each in answer["authorizations"]]
        return _kept(runtime, [_row(runtime, "utilityapi", external_id=uid) for uid in uids])
    answer = place.control("POST", "authorizations", {**numbers, "utility": utility})
    answers = answer["authorizations"]
    profile = runtime.providers.profile(utility)
    tokens = [token_response.parse(orjson.dumps(a), profile=profile, now=NOW) for a in answers]
    rows = [
        _row(
            runtime,
            utility,
            resource_uri=each.resource_uri,
            customer_resource_uri=each.customer_resource_uri,
            granted_scope=each.scope,
        )
        for each in tokens
    ]
    return _kept(runtime, rows, tokens)


def _row(runtime: Runtime, provider: str, **known: str | None) -> tuple[Facility, Authorization]:
    identity, profile = new_id(), runtime.providers.profile(provider)
    facility = Facility(id=new_id(), name="Generated", account_kind="residential")
    return facility, Authorization(
        id=identity,
        facility_id=facility.id,
        method=profile.method.value,
        provider=provider,
        utility=profile.known_as,
        status="authorized",
        authorized_at=NOW,
        shard=shard_of(identity),
        **known,
    )


def _kept(
    runtime: Runtime,
    rows: Sequence[tuple[Facility, Authorization]],
    tokens: Sequence[token_response.TokenSet] = (),
) -> list[UUID]:
    with runtime.sessions.begin() as session:
        session.add_all([facility for facility, _ in rows])
        session.flush()
        session.add_all([authorization for _, authorization in rows])
        session.flush()
        for (_, authorization), each in zip(rows, tokens, strict=False):
            grants.store(session, runtime.keys, authorization.id, each, now=NOW)
    return [authorization.id for _, authorization in rows]


def end_tokens(runtime: Runtime) -> None:
    """Let every access token have ended; the refresh tokens live."""
    with runtime.sessions.begin() as session:
        session.execute(update(Grant).values(access_expires_at=NOW - timedelta(hours=1)))


def channels(runtime: Runtime) -> int:
    """Return how many channels the meters have."""
    with runtime.sessions() as session:
        return session.scalar(select(func.count()).select_from(MeterChannel)) or 0


def busy() -> str:
    """Return how many processes wanted a processor lately: these figures are read with it."""
    return " ".join(f"{load:.1f}" for load in os.getloadavg()) + f" on {os.cpu_count()} cores"


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and everything it started."""
    children: dict[int, list[int]] = {}
    spent: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        # user and system, its own and of children that ended: proc(5), fields 14 to 17
        spent[int(entry.name)] = sum(int(each) for each in fields[11:15])
    waiting, total = [pid], 0
    while waiting:
        one = waiting.pop()
        total += spent.get(one, 0)
        waiting += children.get(one, [])
    return total / os.sysconf("SC_CLK_TCK")
