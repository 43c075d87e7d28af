"""A billion readings: interval days by month beside the same days in one table.

Run as ``python -m benchmarks.billion``. One database is filled and copied; in the copy the days are
sorted into months by the product, while somebody goes on reading. Then both answer the same
questions in turn, take the same nights, and are cleaned up after a month was restated. ``READINGS``
and ``SERIES`` make it smaller; a billion takes 20 GB and about half an hour.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import psycopg
from rich.table import Table
from sqlalchemy import Engine, make_url, text

from benchmarks import billion_fill as filling
from benchmarks import billion_questions as asking
from benchmarks import serving_servers as servers
from benchmarks.billion_fill import DAYS, FIRST_DAY, SERIES
from benchmarks.harness import MEGABYTE, report, show
from benchmarks.quarter_hours import Portfolio
from dcarbon.db import embedded, interval_months, migrate
from dcarbon.db import engine as database
from dcarbon.db.engine import Sessions
from dcarbon.services import reading_months

ROUNDS = int(os.environ.get("ROUNDS", "15"))
NIGHTS = int(os.environ.get("NIGHTS", "7"))
ONE, MONTHS = "one table", "by month"
_BLOCKS = 4_096
_MOST_TIMES, _SLACK_S = 1.25, 0.002
_LONGEST_WAIT_S = 3.0
GOAL = (
    f"no question and no night takes more than {_MOST_TIMES}x one table's time (and 2 ms); what a"
    " restated month leaves is cleaned up in half the time; nobody waits"
    f" {_LONGEST_WAIT_S:.0f} s while months are put in place; at most 8 bytes a reading"
)
_SIZES = """
select coalesce(sum(pg_relation_size(c.oid)), 0), coalesce(sum(pg_indexes_size(c.oid)), 0), count(*)
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'interval_days'::regclass
"""
_RESTATED = text("""
update interval_days set readings[1] = readings[1] + 1 where utc_day >= :first and utc_day < :after
""")


@dataclass(slots=True)
class Place:
    """One database, and what was seen of it."""

    engine: Engine
    sessions: Sessions
    times: dict[str, list[float]] = field(default_factory=dict)
    nights: list[float] = field(default_factory=list)
    wal: list[int] = field(default_factory=list)

    def run(self, *statements: str) -> None:
        """Execute each statement by itself, outside a transaction (VACUUM, CHECKPOINT)."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for statement in statements:
                connection.execute(text(statement))

    def median(self, name: str) -> float:
        return statistics.median(self.times[name])


def main() -> None:
    """Fill, copy, sort, ask, write nights, clean up, report."""
    days = DAYS
    with ExitStack() as opened:
        home = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="dcarbon-billion-")))
        url = opened.enter_context(embedded.server(home))[embedded.PRODUCT_DATABASE]
        figures: dict[str, object] = {"load": servers.load(), "days": days, "series": SERIES}
        portfolio = _filled(url, days, figures)
        places = {ONE: _opened(url, opened), MONTHS: _opened(_copied(url), opened)}
        _sorted(places[MONTHS], portfolio, days, figures)
        for name, place in places.items():
            _timed(f"vacuum of all, {name}, s", figures, partial(place.run, "vacuum analyze"))
        figures |= _sizes(places, figures)
        _ask(places, portfolio, days)
        figures |= _planned(places, portfolio, days)
        figures |= _nights(places, portfolio, days)
        figures |= _cleaned(places)
    _show(places)
    for question in asking.questions(days):
        figures |= {
            f"{question}, {name}, ms": places[name].median(question) * 1e3 for name in places
        }
    figures["load_at_the_end"] = servers.load()
    report("billion", figures, GOAL, _holds(places, days, figures))


def _filled(url: str, days: int, figures: dict[str, object]) -> Portfolio:
    engine = database.create(url)
    migrate.upgrade(engine)
    sessions = database.sessions(engine)
    portfolio = filling.furnish(sessions)
    began = time.perf_counter()
    figures["readings"] = filling.fill(sessions, portfolio, days)
    figures["fill, s"] = time.perf_counter() - began
    engine.dispose()
    return portfolio


def _copied(url: str) -> str:
    """Copy the database as files; return the copy's address."""
    with psycopg.connect(_at(url, "postgres"), autocommit=True) as connection:
        connection.execute("checkpoint")
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        connection.execute(f'create database by_month template "{name}" strategy file_copy')
    return _at(url, "by_month")


def _at(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _opened(url: str, opened: ExitStack) -> Place:
    engine = database.create(url)
    opened.callback(engine.dispose)
    return Place(engine, database.sessions(engine))


def _sorted(place: Place, portfolio: Portfolio, days: int, figures: dict[str, object]) -> None:
    """Sort by the product's own steps, each timed, while a thread reads months."""
    last = (FIRST_DAY + timedelta(days=days + 70)).replace(day=1)
    with _somebody_reading(place, portfolio, days) as waits:
        began = time.perf_counter()
        _timed(
            "begin sorting, s", figures, lambda: _step(place, interval_months.begin_sorting, last)
        )
        left, steps, said = 1, [0.0], began
        while left:
            step_began = time.perf_counter()
            left = _step(place, interval_months.sort, _BLOCKS)
            steps.append(time.perf_counter() - step_began)
            if time.perf_counter() - said > 4:
                said = time.perf_counter()
                print(f"sorting: {left * 8192 // MEGABYTE:,} MB left", flush=True)
        _timed("put in place, s", figures, lambda: _step(place, interval_months.finish_sorting))
        figures["sort, s"] = time.perf_counter() - began
    figures["longest step of a sort, s"] = max(steps)
    figures["longest answer meanwhile, s"] = max(waits)
    figures["answers meanwhile"] = len(waits)
    _timed(
        "three months ahead, s",
        figures,
        lambda: reading_months.keep(place.sessions, today=last - timedelta(days=40)),
    )


def _step(place: Place, step: Callable[..., int | None], *arguments: object) -> int:
    with place.sessions.begin() as session:
        return step(session, *arguments) or 0


@contextmanager
def _somebody_reading(place: Place, portfolio: Portfolio, days: int) -> Iterator[list[float]]:
    waits: list[float] = []
    done = threading.Event()
    question = asking.questions(days)["GET /intervals, a month"]

    def read() -> None:
        while not done.is_set():
            about = asking.asked(portfolio, days, seed=len(waits))
            began = time.perf_counter()
            question(place.sessions, portfolio, about)
            waits.append(time.perf_counter() - began)
            done.wait(0.05)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield waits
    finally:
        done.set()
        reader.join()


def _sizes(places: Mapping[str, Place], figures: Mapping[str, object]) -> dict[str, object]:
    readings = int(str(figures["readings"]))
    found: dict[str, object] = {}
    for name, place in places.items():
        with place.sessions() as session:
            heap, index, parts = session.execute(text(_SIZES)).one()
        found |= {
            f"bytes per reading, {name}": int(heap + index) / readings,
            f"index, {name}, MB": int(index) / MEGABYTE,
            f"parts, {name}": int(parts),
        }
    return found


def _ask(places: Mapping[str, Place], portfolio: Portfolio, days: int) -> None:
    """Ask every question of both in turn, after one uncounted round; answers must be equal."""
    for number in range(ROUNDS + 1):
        about = asking.asked(portfolio, days, seed=number)
        for name, question in asking.questions(days).items():
            answers = []
            order = list(places.values())
            for place in order if number % 2 else order[::-1]:
                began = time.perf_counter()
                answers.append(question(place.sessions, portfolio, about))
                if number:
                    place.times.setdefault(name, []).append(time.perf_counter() - began)
            assert answers[0] == answers[1], name
        print(f"questions, round {number} of {ROUNDS}", flush=True)


def _planned(places: Mapping[str, Place], portfolio: Portfolio, days: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, place in places.items():
        for query in asking.PLANNED:
            with place.sessions() as session:
                seen = [
                    asking.planning_ms(session, asking.asked(portfolio, days, seed=seed), query)
                    for seed in range(21)
                ]
            found[f"planning, {query}, {name}, ms"] = statistics.median(seen)
    return found


def _nights(places: Mapping[str, Place], portfolio: Portfolio, days: int) -> dict[str, object]:
    """Write the nights that follow into both, each after a checkpoint."""
    for number in range(NIGHTS):
        batches = filling.night(portfolio, days + number)
        for place in list(places.values())[:: 1 if number % 2 else -1]:
            place.run("checkpoint")
            before, began = _wal(place), time.perf_counter()
            asking.night(place.sessions, batches, days + number)
            place.nights.append(time.perf_counter() - began)
            place.wal.append(_wal(place) - before)
        print(f"night {number + 1} of {NIGHTS}", flush=True)
    return {
        key: value
        for name, place in places.items()
        for key, value in (
            (f"a night, {name}, s", statistics.median(place.nights)),
            (f"a night's WAL, {name}, MB", statistics.median(place.wal) / MEGABYTE),
        )
    }


def _wal(place: Place) -> int:
    with place.sessions() as session:
        asked = text("select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
        return int(session.execute(asked).scalar_one())


def _cleaned(places: Mapping[str, Place]) -> dict[str, object]:
    """Restate a month of the past, and clean up where its rows were."""
    month = (FIRST_DAY + timedelta(days=31)).replace(day=1)
    part = {ONE: "interval_days_rest", MONTHS: f"interval_days_{month:%Y_%m}"}
    found: dict[str, object] = {}
    for name, place in places.items():
        _timed(f"restating a month, {name}, s", found, partial(_restate, place, month))
        place.run("checkpoint")
        figure = f"vacuum after a restated month, {name}, s"
        _timed(figure, found, partial(place.run, f"vacuum {part[name]}"))
    return found


def _restate(place: Place, month: date) -> None:
    with place.sessions.begin() as session:
        session.execute(text("set local session_replication_role = replica"))
        session.execute(_RESTATED, {"first": month, "after": month + timedelta(days=28)})


def _timed(name: str, figures: dict[str, object], work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    figures[name] = time.perf_counter() - began
    print(f"{name}: {figures[name]:,.3f}", flush=True)


def _holds(places: Mapping[str, Place], days: int, figures: Mapping[str, object]) -> bool:
    one, months = places[ONE], places[MONTHS]

    def figure(name: str) -> float:
        return float(str(figures[name]))

    return (
        all(
            months.median(name) <= _MOST_TIMES * one.median(name) + _SLACK_S
            for name in asking.questions(days)
        )
        and statistics.median(months.nights) <= _MOST_TIMES * statistics.median(one.nights)
        and figure(f"vacuum after a restated month, {MONTHS}, s")
        <= figure(f"vacuum after a restated month, {ONE}, s") / 2 + _SLACK_S
        and figure("longest answer meanwhile, s") < _LONGEST_WAIT_S
        and figure(f"bytes per reading, {MONTHS}") <= 8
    )


def _show(places: Mapping[str, Place]) -> None:
    table = Table("question", *(f"{name}, ms" for name in places), "x", title="median")
    for name in places[ONE].times:
        one, months = (places[each].median(name) * 1e3 for each in (ONE, MONTHS))
        table.add_row(name, f"{one:,.2f}", f"{months:,.2f}", f"{months / one:.2f}")
    one, months = (statistics.median(places[each].nights) * 1e3 for each in (ONE, MONTHS))
    table.add_row("a night", f"{one:,.0f}", f"{months:,.0f}", f"{months / one:.2f}")
    show(table)


if __name__ == "__main__":
    main()
