"""A year of quarter hours opened in a browser, until it is drawn.

Run as ``python -m benchmarks.readings_page``. A meter with ten years of delivered and received
quarter hours; PostgreSQL, granian as in production, and headless Chromium share the machine. Each
page is opened by a browser that knows nothing yet (``first``), and once more (``again``: styles and
scripts are kept, data are not). The rival is the same page whose chart gets all 35,040 readings of
each line; the floor is the page of a year without readings. ``ROUNDS`` may be set.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, Route, sync_playwright

from benchmarks import harness, serving_servers
from benchmarks.readings import Store, store
from dcarbon import settings
from dcarbon.db import interval_days_writing
from dcarbon.db.facilities import FacilityRole
from dcarbon.db.meters import Meter, MeterChannel
from dcarbon.domain.calendar import day_bounds
from dcarbon.services import people, web_sessions
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import open_runtime
from dcarbon_api.readings.messages import MOST_POINTS

ROUNDS = int(os.environ.get("ROUNDS", "7"))
YEARS = 10
GOAL_S = 1.0
ZONE = ZoneInfo("America/Los_Angeles")
AFTER = datetime.now(ZONE).date() - timedelta(days=2)
"""The day after the last one with readings."""
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_DRAWN = "() => performance.getEntriesByName('readings-drawn')[0]?.startTime"
_LOADED = "() => performance.getEntriesByType('navigation')[0].domComplete"
_SENT = """() => performance.getEntriesByType("resource")
  .filter((each) => each.name.includes("readings.json"))
  .map((each) => [each.duration, each.decodedBodySize])[0]"""
_POINTS = """() => document.querySelector("[data-chart]").plot.data[0].length"""


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One way to open the page: its address, when it is done, how many points a chart may have."""

    path: str
    is_done: str
    points: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """Seconds from asking for the page until it was done, in the browser's own count."""

    first_s: float
    again_s: float
    chart_ms: float = 0.0
    chart_bytes: int = 0
    points: int = 0


def main() -> None:
    with store(meters=2) as filled, tempfile.TemporaryDirectory() as folder:
        facility_id, meter_id = _one_meter(filled)
        _fill(filled)
        year = _between(AFTER - timedelta(days=365), AFTER)
        nothing = _between(date(2001, 1, 1), date(2002, 1, 1))
        path = f"/facilities/{facility_id}/readings?meter={meter_id}"
        cases = {
            "page": Case(f"{path}&step=readings&{year}", _DRAWN),
            "without downsampling": Case(f"{path}&step=readings&{year}", _DRAWN, MOST_POINTS),
            "by day": Case(f"{path}&preset=year", _DRAWN),
            "floor": Case(f"{path}&{nothing}", _LOADED),
        }
        with _signed_in(filled, facility_id, Path(folder)) as (url, cookie), _browser() as browser:
            _report(_measured(browser, url, cookie, cases))


def _report(seen: dict[str, list[Seen]]) -> None:
    def median(name: str, figure: Callable[[Seen], float]) -> float:
        return statistics.median(figure(each) for each in seen[name])

    figures: dict[str, object] = {"rounds": ROUNDS, "load": serving_servers.load()}
    for name, rounds in seen.items():
        key = name.replace(" ", "_")
        figures[f"{key}_first_s"] = median(name, lambda each: each.first_s)
        figures[f"{key}_again_s"] = median(name, lambda each: each.again_s)
        figures[f"{key}_slowest_s"] = max(each.first_s for each in rounds)
    for name in ("page", "without downsampling"):
        key = name.replace(" ", "_")
        figures[f"{key}_points"] = seen[name][-1].points
        figures[f"{key}_data_ms"] = median(name, lambda each: each.chart_ms)
        figures[f"{key}_data_bytes"] = seen[name][-1].chart_bytes
    harness.report(
        "readings_page",
        figures,
        f"a year of quarter hours drawn in < {GOAL_S:g} s, by a browser that comes first",
        median("page", lambda each: each.first_s) < GOAL_S,
    )


def _measured(
    browser: Browser, url: str, cookie: str, cases: dict[str, Case]
) -> dict[str, list[Seen]]:
    """Open every page once a round, after one uncounted round."""
    found: dict[str, list[Seen]] = {name: [] for name in cases}
    for number in range(ROUNDS + 1):
        for name, case in cases.items():
            seen = _opened(browser, url, cookie, case)
            if number:
                found[name].append(seen)
    return found


def _opened(browser: Browser, url: str, cookie: str, case: Case) -> Seen:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "dcarbon-session", "value": cookie, "url": url}])
    page = context.new_page()
    if case.points is not None:
        page.route("**/readings.json*", lambda route: _with_points(route, str(case.points)))
    try:
        first, again = (_until_done(page, url + case.path, case.is_done) for _ in range(2))
        if case.is_done == _LOADED:
            return Seen(first, again)
        chart_ms, chart_bytes = page.evaluate(_SENT)
        return Seen(first, again, chart_ms, chart_bytes, page.evaluate(_POINTS))
    finally:
        context.close()


def _with_points(route: Route, points: str) -> None:
    address = route.request.url.split("&points=")[0]
    route.continue_(url=f"{address}&points={points}")


def _until_done(page: Page, address: str, is_done: str) -> float:
    page.goto(address, wait_until="load")
    if is_done == _DRAWN:
        page.wait_for_selector("#readings[data-state=drawn]", state="attached")
    return float(page.evaluate(is_done)) / 1000


def _between(first: date, after: date) -> str:
    return f"start={first.isoformat()}&end={after.isoformat()}"


def _one_meter(filled: Store) -> tuple[UUID, UUID]:
    """Make the store's two meters one with both directions; return its facility and its id."""
    with filled.sessions.begin() as session:
        meters = session.query(Meter).order_by(Meter.external_id).all()
        second = session.query(MeterChannel).filter_by(meter_id=meters[1].id).one()
        second.meter_id, second.direction = meters[0].id, "received"
        session.flush()
        session.delete(meters[1])
        return meters[0].facility_id, meters[0].id


def _fill(filled: Store) -> None:
    """Write ten years of quarter hours in both directions, a year at a time."""
    for back in range(YEARS, 0, -1):
        first = AFTER - timedelta(days=365 * back)
        start, end = (
            int(day_bounds(day, ZONE)[0].timestamp()) for day in (first, first + timedelta(365))
        )
        batches = [
            dataclasses.replace(batch, start=batch.start - int(batch.start[0]) + start)
            for batch in filled.batches((end - start) // 900, seed=back)
        ]
        with filled.sessions.begin() as session:
            interval_days_writing.write(session, batches, recorded_at=datetime.now(UTC))
    filled.run("vacuum analyze")
    print("filled:", filled.scalar(_COUNT))


_COUNT = "select sum(cardinality(readings)) from interval_days"


@contextmanager
def _signed_in(filled: Store, facility_id: UUID, folder: Path) -> Iterator[tuple[str, str]]:
    """Serve the product over the store; yield its address and the cookie of somebody there."""
    chosen = {
        "DCARBON_DATABASE_URL": filled.url,
        "DCARBON_DIRECTORY": str(folder),
        "DCARBON_SEAL_KEYS_FILE": str(folder / "seal.keys"),
        "DCARBON_LOG_LEVEL": "warning",
    }
    with open_runtime(settings.load(chosen)) as runtime:
        now = runtime.now()
        person = people.ensure(
            runtime.sessions,
            email="bench@example.test",
            account_kind="commercial",
            name="Bench",
            actor=SYSTEM,
            now=now,
        )
        with runtime.sessions.begin() as session:
            role = FacilityRole(
                facility_id=facility_id, person_id=person.id, role="owner_operator", since=now
            )
            session.add(role)
        cookie = web_sessions.open_session(runtime, person.id, how="link", ip=None, user_agent=None)
        with serving_servers.granian(
            "dcarbon_api.wsgi:application", chosen, workers=2, log=folder / "web.log"
        ) as server:
            yield f"http://127.0.0.1:{server.port}", cookie


@contextmanager
def _browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "Chromium is not installed; scripts/chromium.sh does it"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=_FLAGS)
        yield launched
        launched.close()


if __name__ == "__main__":
    main()
