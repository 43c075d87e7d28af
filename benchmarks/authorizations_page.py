"""The administrators' list of 100,000 authorizations: every filter, every column, further pages.

Run as ``python -m benchmarks.authorizations_page``. PostgreSQL, granian as in production and the
client share the machine; each page is the whole HTML a browser gets, of 50 rows with the counts.
Pages take turns; ``ROUNDS`` and ``COUNT`` may be set. A page's time is the median of its rounds,
the goal is held against the slowest page; ``worst_s`` is the slowest single answer of all. What
pages take of the processor, web and database together, stands beside it: on a busy machine that is
nearer to what they would take on a quiet one.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx2

from benchmarks import harness, serving_servers
from benchmarks.authorizations_fill import fill
from dcarbon import settings
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database_engine
from dcarbon.db.people import Person
from dcarbon.services import people, web_sessions
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import open_runtime

COUNT = int(os.environ.get("COUNT", "100000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
GOAL_S = 0.3
PATH = "/admin/authorizations"
_COLUMNS = ("user", "facility", "utility", "method", "status", "created", "last_sync", "health")
_NEXT = re.compile(r'<a class="btn" href="([^"]+)" rel="next">')


@dataclass(frozen=True, slots=True)
class Site:
    """The running product, and what it uses of the machine."""

    client: httpx2.Client
    server: serving_servers.Server
    postmaster: int

    def processor_s(self) -> float:
        return self.server.cpu_s() + serving_servers.database_cpu_s(self.postmaster)


def filters(now: datetime) -> dict[str, str]:
    """Return what is looked for, by name: common and rare things, nothing, and what cannot be."""
    month_ago, day_ago = (now - timedelta(days=days) for days in (30, 1))
    return {
        "everything": "",
        "active": "status=active",
        "failed": "status=failed",
        "needs_reauthorization": "status=needs_reauthorization",
        "pending": "status=pending",
        "ending": "status=ending_at_provider",
        "revoked": "status=revoked",
        "needs_person": "needs_person=true",
        "blocked": "sync_health=blocked",
        "late": "sync_health=late",
        "green_button": "method=green_button",
        "one_provider": "provider=sdge",
        "impossible": "method=green_button&provider=utilityapi",
        "last_month": f"created_from={month_ago:%Y-%m-%d}",
        "one_day": f"created_from={day_ago:%Y-%m-%d}&created_to={day_ago:%Y-%m-%d}",
        "text_one_person": "text=person4242%40",
        "text_common_name": "text=maple",
        "text_two_words": "text=solar+barn+99",
        "text_everybody": "text=example.test",
        "text_utility": "text=PG%26E",
        "text_id": "text=1070007",
        "text_one_letter": "text=q",
        "text_nothing": "text=nosuchname",
        "several": "method=utilityapi&status=active&sync_health=ok&text=house",
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, _signed_in(Path(folder)) as site:
        wanted = dict(_pages(site.client, datetime.now(UTC)))
        times, processor = _measured(site, wanted)
    slowest = sorted(times, key=lambda name: statistics.median(times[name]), reverse=True)
    median = {name: statistics.median(times[name]) for name in slowest}
    figures: dict[str, object] = {
        "authorizations": COUNT,
        "pages": len(times),
        "rounds": ROUNDS,
        "load": serving_servers.load(),
        "median_s": statistics.median(median.values()),
        "slowest_s": median[slowest[0]],
        "worst_s": max(max(each) for each in times.values()),
        "median_processor_s": statistics.median(processor.values()),
        "slowest_processor_s": max(processor.values()),
        **{f"slow: {name}": [median[name], processor[name]] for name in slowest[:8]},
    }
    harness.report(
        "authorizations_page",
        figures,
        f"every page of {COUNT:,} authorizations in < {GOAL_S:g} s",
        median[slowest[0]] < GOAL_S,
    )


def _pages(client: httpx2.Client, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield each page's name and address: all filters by all columns both ways, and further pages
    of everything: the second and the third.
    """
    for name, query in filters(now).items():
        for column in _COLUMNS:
            for sort in (column, f"-{column}"):
                address = f"{PATH}?{query}&sort={sort}".replace("?&", "?")
                yield f"{name} by {sort}", address
    for column in _COLUMNS:
        following = f"{PATH}?sort={column}"
        for number in (2, 3):
            found = _NEXT.search(client.get(following).text)
            assert found, f"no page {number} by {column}"
            following = unescape(found[1])
            yield f"page {number} by {column}", following


def _measured(
    site: Site, wanted: dict[str, str]
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Open every page once a round; return its times, and what it took of the processor each."""
    times: dict[str, list[float]] = {name: [] for name in wanted}
    processor = dict.fromkeys(wanted, 0.0)
    for _ in range(ROUNDS):
        for name, address in wanted.items():
            used, began = site.processor_s(), time.perf_counter()
            answer = site.client.get(address)
            times[name].append(time.perf_counter() - began)
            processor[name] += (site.processor_s() - used) / ROUNDS
            assert answer.status_code == 200, f"{name}: {answer.status_code}"
    return times, processor


@contextmanager
def _signed_in(folder: Path) -> Iterator[Site]:
    """Serve the product over a filled database; yield it with an administrator signed in."""
    with embedded.server(folder) as urls:
        postmaster = int((folder / "postgresql" / "postmaster.pid").read_text().split()[0])
        url = urls[embedded.PRODUCT_DATABASE]
        engine = database_engine.create(url)
        migrate.upgrade(engine)
        fill(engine, count=COUNT, now=datetime.now(UTC))
        engine.dispose()
        chosen = {
            "DCARBON_DATABASE_URL": url,
            "DCARBON_DIRECTORY": str(folder),
            "DCARBON_SEAL_KEYS_FILE": str(folder / "seal.keys"),
            "DCARBON_LOG_LEVEL": "warning",
        }
        with open_runtime(settings.load(chosen)) as runtime:
            admin = people.ensure(
                runtime.sessions,
                email="bench@example.test",
                account_kind="commercial",
                name="Bench",
                actor=SYSTEM,
                now=runtime.now(),
            )
            with runtime.sessions.begin() as session:
                session.get_one(Person, admin.id).is_admin = True
            cookie = web_sessions.open_session(
                runtime, admin.id, how="link", ip=None, user_agent=None
            )
            with (
                serving_servers.granian(
                    "dcarbon_api.wsgi:application", chosen, workers=2, log=folder / "web.log"
                ) as server,
                httpx2.Client(
                    base_url=f"http://127.0.0.1:{server.port}",
                    headers={"Accept": "text/html", "Cookie": f"dcarbon-session={cookie}"},
                    trust_env=False,
                    timeout=30.0,
                ) as client,
            ):
                yield Site(client, server, postmaster)


if __name__ == "__main__":
    main()
