"""Databases for tests, each empty as its template: emptied and used again where that is the same.

Copying a template costs a test many times what emptying a few tables does. A database whose schema
somebody changed, or that holds more rows than are deleted in a moment, is dropped instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import make_url

from dcarbon.db.base import new_id

_USES = 40
"""Deleted rows and old statistics add up: after so many tests a database is made anew."""
_MOST_ROWS = 5_000

_TABLES = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')
order by 1, 2
"""
# Each change of the schema writes new rows to the catalogue, known by the number in ``xmin``. The
# first temporary table of a connection leaves the name of its schema behind, which changes nothing.
_SCHEMA = " union all ".join(
    f"select '{catalogue}', count(*)::numeric, sum(xmin::text::numeric) from {catalogue}"
    + (r" where nspname !~ '^pg_(toast_)?temp_'" if catalogue == "pg_namespace" else "")
    for catalogue in (
        "pg_class",
        "pg_attribute",
        "pg_constraint",
        "pg_proc",
        "pg_trigger",
        "pg_namespace",
        "pg_policy",
        "pg_default_acl",
    )
)
_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid()
"""
_RESTART = """
select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
from pg_sequences where last_value is not null
"""


@dataclass
class _Database:
    name: str
    schema: list[Any]
    kept: dict[tuple[str, str], str]
    """The rows a migration wrote, by table."""
    uses: int = 0


@dataclass
class Databases:
    """Databases like ``template`` on one server, one lent at a time for the most part."""

    server_url: str
    template: str
    _free: list[_Database] = field(default_factory=list)

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend an empty database; yields its URL."""
        database = self._free.pop() if self._free else self._new()
        try:
            yield address(self.server_url, database.name)
        finally:
            database.uses += 1
            if database.uses < _USES and self._emptied(database):
                self._free.append(database)
            else:
                self._drop(database)

    def close(self) -> None:
        while self._free:
            self._drop(self._free.pop())

    def _new(self) -> _Database:
        name = f"test_{new_id().hex}"
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            copied = SQL("create database {} template {} strategy file_copy")
            connection.execute(copied.format(Identifier(name), Identifier(self.template)))
        with self._connected(name) as connection:
            schema = connection.execute(_SCHEMA).fetchall()
            tables = [(row[0], row[1]) for row in connection.execute(_TABLES)]
            kept = {table: rows for table in tables if (rows := _rows(connection, table))}
        return _Database(name, schema, kept)

    def _emptied(self, database: _Database) -> bool:
        with self._connected(database.name) as connection:
            connection.execute(_OTHERS)
            if connection.execute(_SCHEMA).fetchall() != database.schema:
                return False
            if any(_rows(connection, table) != rows for table, rows in database.kept.items()):
                return False
            # Without triggers: some tables are only inserted into, and the order does not matter.
            connection.execute("set session_replication_role = replica")
            deleted = 0
            for schema, name in connection.execute(_TABLES).fetchall():
                if (schema, name) not in database.kept:
                    statement = SQL("delete from {}").format(Identifier(schema, name))
                    deleted += connection.execute(statement).rowcount
            connection.execute(_RESTART)
        return deleted <= _MOST_ROWS

    def _drop(self, database: _Database) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            dropped = SQL("drop database {} with (force)").format(Identifier(database.name))
            connection.execute(dropped)

    def _connected(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(address(self.server_url, name), autocommit=True)


def address(url: str, database: str) -> str:
    """Return the URL of another database on the same server."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _rows(connection: psycopg.Connection[Any], table: tuple[str, str]) -> str:
    found = SQL("select coalesce(string_agg(t::text, chr(10) order by t::text), '') from {} t")
    row = connection.execute(found.format(Identifier(*table))).fetchone()
    assert row is not None
    return str(row[0])
