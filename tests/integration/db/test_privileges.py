"""The role the product works as owns nothing, and the audit log only takes what it appends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from dcarbon.db import audit_chain, privileges
from dcarbon.db import engine as database
from dcarbon.db.audit_chain import NewEntry

pytestmark = pytest.mark.database

OLD = datetime(2018, 5, 4, tzinfo=UTC)


@pytest.fixture
def app(database_url: str, engine: Engine) -> Iterator[Engine]:
    """Connections as the product's role, to a log of three old entries."""
    working = database.create(privileges.as_app(database_url, engine))
    with database.sessions(working).begin() as session:
        audit_chain.append(session, [NewEntry(OLD, "a_happened", "system")] * 3)
    yield working
    working.dispose()


def refused(engine: Engine, statement: str) -> str:
    with engine.connect() as connection, pytest.raises(ProgrammingError) as caught:
        connection.execute(text(statement))
    return str(caught.value.orig)


def test_the_products_role_reads_and_appends_and_nothing_else(app: Engine, engine: Engine) -> None:
    with database.sessions(app)() as session:
        rights = privileges.of_log(session)
        assert audit_chain.prove(session).entries == 3
    with database.sessions(engine)() as session:
        assert privileges.of_log(session).is_owner

    assert rights == privileges.LogRights(is_owner=False, may_write=False)
    for statement in (
        "insert into audit_entries select * from audit_entries",
        "update audit_entries set event = 'x'",
        "delete from audit_entries",
        "insert into audit_checkpoints select 1, '', 1, now(), now()",
    ):
        assert "permission denied" in refused(app, statement)
    for statement in (
        "truncate audit_entries",
        "alter table audit_entries disable trigger all",
        "drop table audit_entries",
        "create or replace function refuse_change() returns trigger language sql as ''",
    ):
        told = refused(app, statement)
        assert "permission denied" in told or "must be owner" in told


def test_it_works_with_every_other_table(app: Engine, engine: Engine) -> None:
    names = """
        select relname from pg_class
        where relnamespace = current_schema()::regnamespace and relkind = 'r'
    """
    with engine.connect() as connection:
        tables = set(connection.execute(text(names)).scalars())
    with app.begin() as connection:
        for table in tables - {"audit_entries", "audit_checkpoints", "generation_ledger_entries"}:
            connection.execute(text(f"delete from {table} where false"))


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entries set event = 'x'",
        "delete from audit_entries",
        "truncate audit_entries",
        "truncate audit_checkpoints",
        "update audit_checkpoints set last_seq = 1",
    ],
)
def test_triggers_stop_the_owner_as_well(engine: Engine, statement: str) -> None:
    assert "insert-only" in refused(engine, statement)


def test_the_function_removes_from_the_beginning_and_never_the_last(app: Engine) -> None:
    with app.connect() as connection, pytest.raises(DBAPIError, match="never removed"):
        connection.execute(text("select * from remove_audit_entries(3)"))
    with app.begin() as connection:
        gone = connection.execute(text("select * from remove_audit_entries(2)")).one()
        assert (gone.last_seq, gone.entries, gone.newest_at) == (2, 2, OLD)
        left = connection.execute(text("select array_agg(seq) from audit_entries")).scalar_one()
        assert left == [3]


def test_young_entries_stay(app: Engine, engine: Engine) -> None:
    with database.sessions(app).begin() as session:
        audit_chain.append(session, [NewEntry(datetime.now(UTC), "b_happened", "system")] * 2)

    with app.connect() as connection, pytest.raises(DBAPIError, match="for a year"):
        connection.execute(text("select * from remove_audit_entries(4)"))
    # The owner's own checkpoint lets no more go than it says.
    checkpoint = """
        insert into audit_checkpoints (last_seq, last_hash)
        select seq, hash from audit_entries where seq = 2
    """
    with engine.connect() as connection:
        connection.execute(text(checkpoint))
        with pytest.raises(ProgrammingError, match="insert-only"):
            connection.execute(text("delete from audit_entries where seq <= 3"))
