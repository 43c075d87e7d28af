"""Sorting interval days while others move them, hold them, or change the functions that sort."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from dcarbon.db import interval_months, migrate
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.services import reading_months
from tests.integration.db.conftest import Place
from tests.integration.db.test_interval_months import (
    DAYS,
    FIRST,
    T1,
    TODAY,
    daily,
    kept,
    months,
    stored,
)

pytestmark = pytest.mark.database

LAST = date(2026, 6, 1)
_PATIENCE_S = 60.0

Make = Callable[..., SeriesReadings]


@pytest.fixture
def many(place: Place, statement: Make) -> list[Any]:
    """Days of more than a few blocks, by their series."""
    series = [place.series(14_400) for _ in range(9)]
    place.write(*(daily(statement, one, 5) for one in series), at=T1)
    return series


def begun(working: Sessions, *, blocks: int) -> int:
    """Begin a sort and copy so many blocks; return how many are left."""
    with working.begin() as session:
        interval_months.begin_sorting(session, LAST)
    with working.begin() as session:
        return interval_months.sort(session, blocks)


def moved(engine: Engine) -> None:
    """Write the rest anew, closely, as an operator may at any time."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("vacuum full interval_days_rest"))


def test_days_that_are_moved_while_a_sort_goes_on_are_all_sorted(
    many: list[Any], engine: Engine, working: Sessions
) -> None:
    with working.begin() as session:
        session.execute(
            text("delete from interval_days where series_id = any(:ids)"), {"ids": many[:5]}
        )
    before = stored(working)
    assert begun(working, blocks=2) > 0

    moved(engine)
    done = kept(working)

    assert (done.sorted, stored(working) == before) == (3, True)


def test_a_sort_does_not_end_with_days_that_were_moved_after_they_were_copied(
    many: list[Any], engine: Engine, working: Sessions
) -> None:
    assert len(many) * DAYS == len(before := stored(working))
    assert begun(working, blocks=1_000) == 0
    moved(engine)

    with working.begin() as session, pytest.raises(Exception, match="not all copied"):
        interval_months.finish_sorting(session)

    assert (kept(working).sorted, stored(working) == before) == (3, True)


def test_a_sort_under_way_survives_both_ways_of_the_migration_that_notes_its_file(
    many: list[Any], engine: Engine, working: Sessions
) -> None:
    assert many
    before = stored(working)
    migrate.downgrade(engine, "0011")
    assert begun(working, blocks=2) > 0

    migrate.upgrade(engine, "0012")
    with working.begin() as session:
        assert interval_months.sort(session, 2) > 0
    migrate.downgrade(engine, "0011")
    with working.begin() as session:
        assert interval_months.sort(session, 1_000) == 0
    migrate.upgrade(engine)

    assert (kept(working).sorted, stored(working) == before) == (3, True)


@pytest.mark.parametrize("part", ["interval_days_2026_02", "interval_days_rest"])
def test_people_read_and_write_while_the_end_of_a_sort_waits_for_a_vacuum(
    many: list[Any], part: str, working: Sessions, database_url: str
) -> None:
    begun(working, blocks=1_000)
    done: list[int] = []

    def finish() -> None:
        with working.begin() as session:
            done.append(interval_months.finish_sorting(session))

    with ExitStack() as ended:
        vacuum = ended.enter_context(psycopg.connect(database_url))
        vacuum.execute(f"lock table only {part} in share update exclusive mode")
        finishing = threading.Thread(target=finish)
        ended.callback(finishing.join, _PATIENCE_S)
        ended.callback(vacuum.rollback)
        finishing.start()
        another = ended.enter_context(psycopg.connect(database_url, autocommit=True))
        _wait_until_in_line(another, part)

        another.execute("set lock_timeout = '200ms'")
        another.execute("select count(*) from interval_days")
        another.execute("delete from interval_days where series_id = %s", [many[0]])
        assert finishing.is_alive()

    assert done == [3]
    assert sum(months(working).values()) == (len(many) - 1) * DAYS


def test_a_sort_that_has_begun_is_ended_however_much_has_come_meanwhile(
    many: list[Any], working: Sessions
) -> None:
    assert many
    assert begun(working, blocks=2) > 0

    done = kept(working, sort_to=0)

    assert (done.sorted, done.added) == (3, 3)


def test_once_there_are_months_a_small_rest_is_sorted_and_only_then_are_months_added(
    many: list[Any],
    place: Place,
    statement: Make,
    working: Sessions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = kept(working).rest_bytes
    monkeypatch.setattr(reading_months, "SMALL_REST", empty + 1)
    old = daily(statement, many[0], 5, first=FIRST - timedelta(days=40), days=30)
    place.write(old, at=T1)
    later = date(2026, 5, 1)

    too_large = reading_months.keep(working, today=later, sort_to=empty)
    reading_months.make_ahead(working, today=later)
    unchanged = len(months_made(working))
    done = reading_months.keep(working, today=later)

    assert (too_large.sorted, too_large.added, unchanged) == (0, 0, too_large.months)
    assert (done.sorted, done.added) == (2, 2)


def test_a_migration_makes_months_ahead_and_leaves_a_sort_to_the_night(
    many: list[Any], place: Place, statement: Make, working: Sessions
) -> None:
    reading_months.make_ahead(working, today=TODAY)
    assert months_made(working) == []
    kept(working)
    place.write(daily(statement, many[0], 5, first=FIRST - timedelta(days=40), days=30), at=T1)
    begun(working, blocks=0)

    reading_months.make_ahead(working, today=date(2026, 4, 1))

    with working() as session:
        standing = interval_months.standing(session)
    assert (standing.is_sorting, standing.months) == (True, 7)


def months_made(working: Sessions) -> list[str]:
    asked = text("""select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
                    where i.inhparent = 'interval_days'::regclass
                      and c.relname <> 'interval_days_rest' order by 1""")
    with working() as session:
        return list(session.scalars(asked))


def _wait_until_in_line(connection: psycopg.Connection[Any], part: str) -> None:
    waiting = "select from pg_locks where not granted and relation = to_regclass(%s)"
    gone = threading.Event()
    for _ in range(int(_PATIENCE_S / 0.01)):
        if connection.execute(waiting, [part]).fetchone() is not None:
            return
        gone.wait(0.01)
    raise AssertionError("nobody ever waited")
