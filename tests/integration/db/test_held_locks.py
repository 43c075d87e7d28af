"""Locks over provider calls: one holder in all threads and processes, however many there are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from dcarbon.db import engine as database
from dcarbon.db.held_locks import HeldLocks

KEY = -7_234_567_890_123
_OPEN = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
_CUT = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = database.create(database_url, pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def locks(database_url: str) -> Iterator[HeldLocks]:
    """The locks of one process."""
    engine = database.create(database_url, pool_size=1)
    locks = HeldLocks(engine)
    yield locks
    locks.close()
    engine.dispose()


def is_free(elsewhere: Engine, key: int = KEY) -> bool:
    """Say whether another process gets the lock at once; one that would have to wait gives up."""

    def give_up(_seconds: float) -> None:
        raise TimeoutError

    locks = HeldLocks(elsewhere, sleep=give_up)
    try:
        with locks.hold(key):
            return True
    except TimeoutError:
        return False
    finally:
        locks.close()


def test_a_lock_keeps_other_processes_out_until_it_is_let_go(
    locks: HeldLocks, engine: Engine
) -> None:
    with locks.hold(KEY):
        during = is_free(engine)
        another = is_free(engine, KEY + 1)
    after = is_free(engine)

    assert (during, another, after) == (False, True, True)


def test_a_lock_keeps_other_threads_of_its_process_out(locks: HeldLocks) -> None:
    inside, most = 0, 0
    counting = threading.Lock()

    def work(_number: int) -> None:
        nonlocal inside, most
        with locks.hold(KEY):
            with counting:
                inside += 1
                most = max(most, inside)
            with counting:
                inside -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))

    assert most == 1


def test_many_locks_leave_the_connections_to_the_work(locks: HeldLocks, engine: Engine) -> None:
    """A night in which every token had ended took all connections for locks and stood still."""
    all_hold = threading.Barrier(24, timeout=60)

    def work(number: int) -> int:
        with locks.hold(number):
            all_hold.wait()
            with engine.connect() as connection:
                return int(connection.scalar(text("select 1")) or 0)

    with ThreadPoolExecutor(24) as pool:
        done = sum(pool.map(work, range(24)))
    with engine.connect() as connection:
        opened = connection.scalar(text(_OPEN))

    assert done == 24
    assert opened <= 2, "one for the locks, one more of the pool"


def test_a_connection_that_is_cut_is_replaced(locks: HeldLocks, engine: Engine) -> None:
    with locks.hold(KEY), engine.connect() as connection:
        connection.execute(text(_CUT))
    with locks.hold(KEY):
        is_held = not is_free(engine)

    assert is_held
