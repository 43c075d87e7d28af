"""An installation is upgraded while it is used: the schema changes first, the code follows.

So every migration works with the code before it, and none makes others wait for long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text

from dcarbon.db import audit_chain, migrate, privileges
from dcarbon.db import engine as database
from dcarbon.db.audit_chain import NewEntry
from dcarbon.db.interval_days_writing import SeriesReadings
from tests.integration.db.conftest import Place

pytestmark = pytest.mark.database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
_PATIENCE_S = 60.0
KEPT_SINCE = "0008"
"""The first revision that the rule is held against."""

_COLUMNS = """
select table_name, column_name, udt_name from information_schema.columns
where table_schema = 'public'
"""
# What code that does not know a column cannot leave out.
_DEMANDED = """
select table_name, column_name from information_schema.columns
where table_schema = 'public' and is_nullable = 'NO' and column_default is null
  and is_identity = 'NO' and is_generated = 'NEVER'
"""
_FUNCTIONS = """
select p.oid::regprocedure::text, has_function_privilege('dcarbon_app', p.oid, 'execute')
from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prorettype <> 'trigger'::regtype
  and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
"""
_RIGHTS = """
select c.relname, r from pg_class c, unnest(array['select', 'insert', 'update', 'delete']) r
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
  and has_table_privilege('dcarbon_app', c.oid, r)
"""


def test_each_migration_leaves_what_the_code_before_it_uses(engine: Engine) -> None:
    known = migrate.revisions()
    migrate.downgrade(engine, KEPT_SINCE)

    for revision in known[known.index(KEPT_SINCE) + 1 :]:
        before = _schema(engine)
        migrate.upgrade(engine, revision)
        after = _schema(engine)

        gone = {kind: before[kind] - after[kind] for kind in ("columns", "functions", "rights")}
        demanded = {
            column
            for column in after["demanded"] - before["demanded"]
            if column[0] in {table for table, _, _ in before["columns"]}
        }
        assert gone == {"columns": set(), "functions": set(), "rights": set()}, revision
        assert demanded == set(), f"{revision}: the code before does not fill these"


def test_people_read_and_write_while_the_newest_migration_runs(
    engine: Engine, database_url: str, place: Place, statement: Callable[..., SeriesReadings]
) -> None:
    series = place.series()
    migrate.downgrade(engine, migrate.revisions()[-2])
    written = 0

    def write() -> None:
        nonlocal written
        at = NOON + timedelta(days=written)
        written += 1
        place.write(statement(series, at, [1, 2, 3]), at=at)
        with place.sessions.begin() as session:
            audit_chain.append(session, [NewEntry(at, "a_happened", "system")])

    def read() -> None:
        with app.connect() as connection:
            connection.execute(text("select count(*), sum(value) from intervals")).one()
            connection.execute(text("select max(seq) from audit_entries")).one()

    app = database.create(privileges.as_app(database_url, engine), pool_size=2)
    with ExitStack() as ended:
        ended.callback(app.dispose)
        go_on = [ended.enter_context(_again_and_again(act)) for act in (write, read)]
        migrate.upgrade(engine)
        for once_more in go_on:
            once_more()

    assert migrate.is_usable(engine)
    with place.sessions() as session:
        assert session.scalar(text("select count(*) from interval_days")) == written
        verdict = audit_chain.prove(session)
    assert (verdict.entries, verdict.findings) == (written, ())


def test_a_migration_gives_way_to_whoever_holds_a_table(engine: Engine, database_url: str) -> None:
    """In line for its lock it would stop everybody who comes later, so it does not stay in line."""
    migrate.downgrade(engine, "0008")
    with ExitStack() as ended:
        reader = ended.enter_context(psycopg.connect(database_url))
        reader.execute("select from facilities")
        upgraded = threading.Thread(target=migrate.upgrade, args=(engine,), daemon=True)
        ended.callback(upgraded.join, _PATIENCE_S)
        ended.callback(reader.rollback)
        upgraded.start()
        with psycopg.connect(database_url, autocommit=True) as another:
            another.execute(f"set statement_timeout = '{_PATIENCE_S:.0f}s'")
            _wait_until_in_line(another)

            another.execute("select from facilities")

            assert migrate.current(engine) == "0008"
            assert upgraded.is_alive()

    assert not upgraded.is_alive()
    assert migrate.current(engine) == migrate.head()


@pytest.mark.parametrize(
    ("comment", "works"),
    [
        ("9999 works with code from {head}", True),
        ("9999 works with code from {before}", True),
        ("9999 works with code from 9998", False),
        ("{head} works with code from {before}", False),
        ("", False),
    ],
    ids=["this", "earlier", "later", "of_another_revision", "unsaid"],
)
def test_code_works_with_a_later_schema_that_says_so(
    engine: Engine, comment: str, *, works: bool
) -> None:
    said = comment.format(head=migrate.head(), before=migrate.revisions()[-2])
    with engine.begin() as connection:
        assert _said(connection) == f"{migrate.head()} works with code from {_before()}"
        connection.execute(text("update alembic_version set version_num = '9999'"))
        connection.execute(text(f"comment on table alembic_version is '{said}'"))

    assert migrate.is_usable(engine) == works


def test_code_does_not_work_with_an_earlier_schema(engine: Engine) -> None:
    migrate.downgrade(engine, migrate.revisions()[-2])

    assert not migrate.is_usable(engine)


def _schema(engine: Engine) -> dict[str, set[Any]]:
    asked = {"columns": _COLUMNS, "demanded": _DEMANDED, "functions": _FUNCTIONS, "rights": _RIGHTS}
    with engine.connect() as connection:
        return {
            name: {tuple(row) for row in connection.execute(text(query))}
            for name, query in asked.items()
        }


def _said(connection: Connection) -> str | None:
    asked = text("select obj_description('alembic_version'::regclass, 'pg_class')")
    said: str | None = connection.execute(asked).scalar_one()
    return said


def _before() -> str:
    return migrate.revisions()[-2]


def _wait_until_in_line(connection: psycopg.Connection[Any]) -> None:
    """Wait until somebody waits for a lock on the table."""
    waiting = "select from pg_locks where not granted and relation = 'facilities'::regclass"
    gone = threading.Event()
    for _ in range(int(_PATIENCE_S / 0.01)):
        if connection.execute(waiting).fetchone() is not None:
            return
        gone.wait(0.01)
    raise AssertionError("nobody ever waited")


@contextmanager
def _again_and_again(act: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Do it in a thread; gives a way to wait until it was done twice more."""
    stop, done = threading.Event(), threading.Semaphore(0)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            while not stop.is_set():
                act()
                done.release()
                stop.wait(0.02)
        except BaseException as error:  # noqa: BLE001 — told below
            failed.append(error)
        finally:
            done.release(1000)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert done.acquire(timeout=_PATIENCE_S)

        def once_more() -> None:
            while done.acquire(blocking=False) and not failed:
                pass
            for _ in range(2):
                assert done.acquire(timeout=_PATIENCE_S)

        yield once_more
    finally:
        stop.set()
        thread.join()
    assert failed == []
