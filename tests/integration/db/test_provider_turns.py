"""Turns at a provider hold across processes, threads and restarts."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from dcarbon.db import engine as database
from dcarbon.db.provider_turns import SharedTurns
from dcarbon.domain.turns import Window

pytestmark = pytest.mark.database

SECOND, DAY = Window(1, 1.0), Window(1_000, 86_400.0)
"""The larger one keeps every turn of a test in the table."""


@dataclass(frozen=True)
class Given:
    turns: list[int]
    starts: list[float]

    def closest(self) -> float:
        return min(b - a for a, b in zip(self.starts, self.starts[1:], strict=False))


def given_out(engine: Engine, provider: str = "pge") -> Given:
    statement = text(
        "select turn, extract(epoch from starts_at)::float8 from provider_turns"
        " where provider = :provider order by turn"
    )
    with engine.connect() as connection:
        rows = connection.execute(statement, {"provider": provider}).all()
    return Given([row[0] for row in rows], [row[1] for row in rows])


def take_many(url: str, number: int) -> int:
    """Reserve turns as one of several processes does."""
    engine = database.create(url)
    turns = SharedTurns(engine, "pge")
    with ThreadPoolExecutor(4) as pool:
        waits = list(pool.map(lambda _: turns.take([SECOND, DAY], ahead=1_000.0), range(number)))
    engine.dispose()
    return len(waits)


def test_processes_and_threads_together_keep_the_limit(engine: Engine, database_url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        taken = pool.starmap(take_many, [(database_url, 40), (database_url, 40)])

    given = given_out(engine)
    assert sum(taken) == 80
    assert given.turns == list(range(1, 81))
    assert given.closest() > 1.0 - 1e-5


def test_all_windows_hold_at_once(engine: Engine) -> None:
    turns = SharedTurns(engine, "pge")
    windows = [Window(2, 1.0), Window(3, 60.0), DAY]

    for _ in range(7):
        turns.take(windows, ahead=3_600.0)

    starts = given_out(engine).starts
    assert all(starts[i + 2] - starts[i] > 1.0 - 1e-5 for i in range(5))
    assert all(starts[i + 3] - starts[i] > 60.0 - 1e-5 for i in range(4))


def test_a_turn_farther_off_than_wanted_is_nobodys(engine: Engine) -> None:
    turns = SharedTurns(engine, "pge")
    hour = [Window(1, 3_600.0)]
    turns.take(hour, ahead=0.0)

    waits = [turns.take(hour, ahead=60.0) for _ in range(3)]

    assert all(3_500 < wait <= 3_600 for wait in waits)
    assert given_out(engine).turns == [1]


def test_each_provider_has_turns_of_its_own(engine: Engine) -> None:
    waits = [SharedTurns(engine, name).take([DAY, SECOND], ahead=0.0) for name in ("pge", "sce")]

    assert waits == [0, 0]


def test_no_more_turns_are_kept_than_the_largest_window_holds(engine: Engine) -> None:
    turns = SharedTurns(engine, "pge")

    for _ in range(20):
        turns.take([Window(3, 0.001), Window(5, 0.001)], ahead=10.0)

    assert given_out(engine).turns == [16, 17, 18, 19, 20]


def test_other_limits_count_what_was_asked_before(engine: Engine) -> None:
    """Settings may change while the processes of before still run."""
    turns = SharedTurns(engine, "pge")
    for _ in range(4):
        turns.take([DAY], ahead=0.0)

    wait = turns.take([Window(4, 600.0), DAY], ahead=0.0)

    assert 500 < wait <= 600


def test_nothing_is_held_while_a_turn_is_waited_for(database_url: str) -> None:
    engine = database.create(database_url, pool_size=1)
    turns = SharedTurns(engine, "pge")

    waits = [turns.take([Window(1, 60.0)], ahead=1_000.0) for _ in range(3)]

    assert waits[2] > 60.0
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    engine.dispose()
