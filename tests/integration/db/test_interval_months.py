"""Interval days by month: what is stored is the same before, meanwhile and after, for everybody."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from dcarbon.cli import dcarbon
from dcarbon.db import interval_months, migrate
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_days_reading import read_series
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.services import reading_months
from dcarbon.services.reading_months import Kept
from dcarbon.settings import PREFIX
from tests.integration.db.conftest import Place

pytestmark = pytest.mark.database

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
TODAY = date(2026, 3, 20)
T1 = datetime(2026, 3, 20, 4, tzinfo=UTC)
T2, T3 = T1 + timedelta(days=1), T1 + timedelta(days=2)
DAYS = 75
"""Until the middle of March."""

Make = Callable[..., SeriesReadings]


def daily(
    make: Make, series_id: Any, value: int, *, first: datetime = FIRST, days: int = DAYS
) -> SeriesReadings:
    """Return six readings a day, four hours each."""
    return make(series_id, first, [value] * 6 * days, interval_s=14_400)


def stored(sessions: Sessions, table: str = "interval_days") -> list[Any]:
    with sessions() as session:
        found = session.execute(text(f"select t::text from {table} t order by series_id, utc_day"))
        return list(found.scalars())


def months(sessions: Sessions) -> dict[str, int]:
    """Return how many days each part holds."""
    counted = "select tableoid::regclass::text, count(*) from interval_days group by 1 order by 1"
    with sessions() as session:
        return {row[0]: row[1] for row in session.execute(text(counted))}


def kept(sessions: Sessions, **given: Any) -> Kept:
    return reading_months.keep(sessions, today=TODAY, **{"sort_from": 0, **given})


def test_few_readings_stay_in_one_table(place: Place, statement: Make, working: Sessions) -> None:
    place.write(daily(statement, place.series(14_400), 5), at=T1)

    done = kept(working, sort_from=reading_months.SORTED_FROM)

    assert (done.months, done.added, done.sorted, done.gave_way) == (0, 0, 0, False)
    assert months(working) == {"interval_days_rest": DAYS}


def test_the_rest_is_sorted_and_months_are_made_ahead(
    place: Place, statement: Make, working: Sessions
) -> None:
    place.write(daily(statement, place.series(14_400), 5), at=T1)
    before = stored(working)

    done = kept(working)

    assert (done.months, done.added, done.sorted) == (6, 3, 3)
    assert months(working) == {
        "interval_days_2026_01": 31,
        "interval_days_2026_02": 28,
        "interval_days_2026_03": 16,
    }
    assert stored(working) == before
    again = reading_months.keep(working, today=TODAY)
    assert (again.months, again.added, again.sorted) == (6, 0, 0)


def test_what_is_written_while_a_sort_goes_on_is_in_its_month_at_the_end(
    place: Place, statement: Make, sessions: Sessions, working: Sessions
) -> None:
    place = replace(place, sessions=working)
    changed, gone, late = (place.series(14_400) for _ in range(3))
    place.write(*(daily(statement, one, 5) for one in (changed, gone)), at=T1)
    with working.begin() as session:
        interval_months.begin_sorting(session, date(2026, 6, 1))
    place.write(daily(statement, changed, 6, days=40), at=T2)

    with sessions() as writer:  # has written, and commits only when all is copied
        writer.execute(text("delete from interval_days where series_id = :id"), {"id": gone})
        with working.begin() as session:
            assert interval_months.sort(session, 1_000) == 0
        writer.commit()
    place.write(daily(statement, changed, 7, days=9), at=T3)
    place.write(daily(statement, late, 8, days=80), at=T3)
    before = stored(working)
    with working.begin() as session:
        assert interval_months.finish_sorting(session) == 3

    assert stored(working) == before
    assert "interval_days_rest" not in months(working)
    assert len(before) == DAYS + 80
    assert interval_months.standing(working()).is_sorting is False


def test_a_sort_goes_on_where_it_was_broken_off(
    place: Place, statement: Make, working: Sessions
) -> None:
    place.write(*(daily(statement, place.series(14_400), 5) for _ in range(9)), at=T1)
    before = stored(working)
    with working.begin() as session:
        interval_months.begin_sorting(session, date(2026, 6, 1))
    with working.begin() as session:
        left = interval_months.sort(session, 2)
    assert left > 0

    with working.begin() as session, pytest.raises(Exception, match="not all copied"):
        interval_months.finish_sorting(session)
    told: list[tuple[int, int]] = []
    done = kept(working, progress=lambda done, of: told.append((done, of)))

    assert (done.sorted, done.rest_bytes < told[0][1]) == (3, True)
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    assert stored(working) == before


def test_readings_are_restated_and_known_as_they_were_across_months(
    place: Place, statement: Make, working: Sessions
) -> None:
    series = place.series(14_400)
    place.write(daily(statement, series, 5), at=T1)
    kept(working)

    outcome = place.write(daily(statement, series, 6, days=DAYS + 5), at=T2)

    assert (outcome.readings_restated, outcome.readings_new) == (DAYS * 6, 30)
    end = FIRST + timedelta(days=DAYS + 5)
    with working() as session:
        now = read_series(session, series, FIRST, end)
        then = read_series(session, series, FIRST, end, as_known_at=T1)
        shown = session.scalar(text("select sum(value) from intervals"))
    assert now["value"].to_pylist() == [6] * 6 * (DAYS + 5)
    assert then["value"].to_pylist() == [5] * 6 * DAYS
    assert shown == 36 * (DAYS + 5)


def test_the_rest_takes_what_is_of_no_month_and_gives_it_up(
    place: Place, statement: Make, working: Sessions
) -> None:
    series = place.series(14_400)
    place.write(daily(statement, series, 5), at=T1)
    kept(working)
    far = datetime(2026, 7, 2, tzinfo=UTC)
    place.write(daily(statement, series, 5, first=far, days=3), at=T2)
    assert months(working)["interval_days_rest"] == 3

    done = reading_months.keep(working, today=date(2026, 4, 1))

    assert (done.sorted, done.months) == (1, 7)
    assert months(working)["interval_days_2026_07"] == 3


def test_who_looks_after_months_gives_way_to_who_uses_them(
    place: Place, statement: Make, working: Sessions
) -> None:
    place.write(daily(statement, place.series(14_400), 5), at=T1)
    with working.begin() as session:
        interval_months.begin_sorting(session, date(2026, 6, 1))
    reader = working()
    reader.execute(text("select count(*) from interval_days"))

    done = kept(working, sleep=lambda _: reader.close())

    assert (done.sorted, done.gave_way) == (3, False)


def test_the_products_role_cannot_define_tables_itself(working: Sessions) -> None:
    for statement in (
        "create table interval_days_2031_01 (like interval_days)",
        "drop table interval_days_rest",
        "select forget_sorting_intervals()",
        "select copy_touched_days()",
    ):
        with working() as session, pytest.raises(ProgrammingError, match=r"denied|owner"):
            session.execute(text(statement))


def test_a_migration_keeps_every_day_up_and_down(
    place: Place, statement: Make, engine: Engine, sessions: Sessions
) -> None:
    place.write(daily(statement, place.series(14_400), 5), at=T1)
    kept(sessions)
    before, shown = stored(sessions), stored(sessions, "intervals")
    with sessions.begin() as session:
        interval_months.begin_sorting(session, date(2026, 6, 1))

    migrate.downgrade(engine, "0010")
    old = stored(sessions), stored(sessions, "intervals")
    place.write(daily(statement, place.series(14_400), 6, days=2), at=T2)
    migrate.upgrade(engine)

    assert old == (before, shown)
    assert len(stored(sessions)) == DAYS + 2
    assert months(sessions) == {"interval_days_rest": DAYS + 2}
    assert place.write(daily(statement, place.series(14_400), 6), at=T2).days_written == DAYS


def test_the_command_sorts_and_says_so(
    place: Place, statement: Make, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write(daily(statement, place.series(14_400), 5), at=T1)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DCARBON_DATABASE_URL", database_url)

    result = CliRunner().invoke(dcarbon, ["readings", "sort"])

    assert result.exit_code == 0, result.output
    assert "3 months sorted, 4 made ahead; 7 in all." in result.stderr
