"""The administrators' search of a million audit entries: each filter, mixed ones, far pages, files.

Run as ``python -m benchmarks.audit_search``. PostgreSQL and the application share the machine; each
page is the whole HTML a browser gets, of 50 entries. Pages take turns; ``ROUNDS`` and ``COUNT`` may
be set. A page's time is the median of its rounds, the goal is held against the slowest page.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient
from rich.table import Table
from sqlalchemy import text

from benchmarks import harness, serving_servers
from benchmarks.audit_fill import fill
from dcarbon import logs, settings
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database_engine
from dcarbon.services import people, web_sessions
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime, open_runtime
from dcarbon_api.app import create_app

COUNT = int(os.environ.get("COUNT", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
GOAL_S = 0.3
NOW = datetime.now(UTC).replace(microsecond=0)
_PAGE = {"Accept": "text/html"}
_EXAMPLE = """
select (select actor_id from audit_entries where actor_id is not null
        group by 1 order by count(*) desc limit 1) as busy,
       (select id from people where id not in (select actor_id from audit_entries
        where actor_id is not null) order by id limit 1) as idle,
       (select facility_id from audit_entries where facility_id is not null limit 1) as facility,
       (select authorization_id from audit_entries where authorization_id is not null limit 1)
           as authorization,
       (select details ->> 'payload' from audit_entries where event = 'payload_unreadable'
        order by seq limit 1) as payload,
       pg_total_relation_size('audit_entries') as bytes,
       pg_indexes_size('audit_entries') as index_bytes
"""


@dataclass(frozen=True)
class Example:
    """What stands in the log, to look for."""

    busy: object
    idle: object
    facility: object
    authorization: object
    payload: str
    bytes: int
    index_bytes: int


def searches(one: Example) -> dict[str, str]:
    """Return what is looked for, by name: common and rare, old, nothing, and what never met."""
    day = (NOW - timedelta(days=800)).date()
    old = f"start={day}&end={day + timedelta(days=1)}"
    return {
        "everything": "",
        "page in the middle": f"after={COUNT // 2}",
        "common event": "event=interval_data_imported",
        "rare event": "event=admin_created",
        "event of long ago": "event=file_imported",
        "group": "event=signing_in",
        "group, in the middle": f"event=signing_in&after={COUNT // 2}",
        "busy person": f"person={one.busy}",
        "person who did nothing": f"person={one.idle}",
        "part of an address": "person=person42%40",
        "nobody": "person=nosuchname",
        "the system": "person=system",
        "facility": f"facility={one.facility}",
        "part of a facility's name": "facility=Barn+1",
        "authorization": f"authorization={one.authorization}",
        "auth_id": "authorization=1000700",
        "address": "ip=198.51.103.77",
        "network": "ip=198.51.103.0/24",
        "address never seen": "ip=203.0.113.9",
        "a day two years ago": old,
        "since yesterday": f"start={NOW - timedelta(days=1):%Y-%m-%d}",
        "common word": "text=pge",
        "rare word": f"text={one.payload}",
        "beginning of a word": f"text={one.payload[:6]}",
        "words of an event": "text=readings+imported",
        "word never written": "text=nosuchword",
        "two words that never met": "text=pge+not_xml",
        "common event by nobody": "event=interval_data_imported&ip=198.51.103.0/24",
        "facility and event": f"facility={one.facility}&event=payload_unreadable",
        "event of long ago by the idle": f"event=file_imported&person={one.idle}",
        "system, old event, word": "person=system&event=file_imported&text=csv",
        "old day, word": f"{old}&text=sdge",
        "old day, network": f"{old}&ip=198.51.103.0/24",
        "busy person's exports": f"person={one.busy}&event=data_exported",
    }


def main() -> None:
    logs.configure("WARNING")
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as (client, example, took):
        times = _measured(client, searches(example))
        recent = f"start={NOW - timedelta(days=COUNT // 5 * 95 // 86_400):%Y-%m-%d}"
        rates = {kind: _rate(client, kind, recent) for kind in ("jsonl", "csv")}
    median = {name: statistics.median(each) for name, each in times.items()}
    slowest = sorted(median, key=lambda name: median[name], reverse=True)
    table = Table("search", "median, s", "slowest, s")
    for name in slowest:
        table.add_row(name, f"{median[name]:.3f}", f"{max(times[name]):.3f}")
    harness.show(table)
    figures: dict[str, object] = {
        "entries": COUNT,
        "searches": len(times),
        "rounds": ROUNDS,
        "load": serving_servers.load(),
        "bytes_per_entry": example.bytes / COUNT,
        "of_which_indexes": example.index_bytes / COUNT,
        "filled_s": took,
        "median_s": statistics.median(median.values()),
        "slowest_s": median[slowest[0]],
        "worst_s": max(max(each) for each in times.values()),
        **{f"{kind}_entries_per_s": rate for kind, rate in rates.items()},
    }
    harness.report(
        "audit_search",
        figures,
        f"every search of {COUNT:,} entries in < {GOAL_S:g} s",
        median[slowest[0]] < GOAL_S,
    )


def _measured(client: FlaskClient, wanted: dict[str, str]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(ROUNDS):
        for name, query in wanted.items():
            began = time.perf_counter()
            answer = client.get(f"/admin/audit?{query}", headers=_PAGE)
            times[name].append(time.perf_counter() - began)
            assert answer.status_code == 200, f"{name}: {answer.status_code}"
    return times


def _rate(client: FlaskClient, kind: str, query: str) -> float:
    began, lines = time.perf_counter(), 0
    with client.get(f"/admin/audit/export?format={kind}&{query}", buffered=False) as answer:
        for chunk in answer.response:
            assert isinstance(chunk, bytes)
            lines += chunk.count(b"\n")
    return lines / (time.perf_counter() - began)


@contextmanager
def _running(folder: Path) -> Iterator[tuple[FlaskClient, Example, float]]:
    """Yield the application over a filled database, signed in as an administrator."""
    with embedded.server(folder / "database") as urls:
        url = urls[embedded.PRODUCT_DATABASE]
        engine = database_engine.create(url)
        migrate.upgrade(engine)
        began = time.perf_counter()
        fill(engine, count=COUNT, now=NOW)
        took = time.perf_counter() - began
        with engine.connect() as connection:
            example = Example(**connection.execute(text(_EXAMPLE)).mappings().one())
        engine.dispose()
        chosen = {
            "DCARBON_DATABASE_URL": url,
            "DCARBON_DIRECTORY": str(folder),
            "DCARBON_SEAL_KEYS_FILE": str(folder / "seal.keys"),
            "DCARBON_LOG_LEVEL": "warning",
        }
        with open_runtime(settings.load(chosen)) as runtime:
            yield _signed_in(runtime), example, took


def _signed_in(runtime: Runtime) -> FlaskClient:
    admin = people.make_admin(
        runtime.sessions, email="bench@example.test", actor=SYSTEM, now=runtime.now()
    )
    secret = web_sessions.open_session(runtime, admin.id, how="link", ip=None, user_agent=None)
    client = create_app(runtime).test_client()
    client.set_cookie("dcarbon-session", secret)
    return client


if __name__ == "__main__":
    main()
