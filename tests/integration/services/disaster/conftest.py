"""An installation worth saving: a roof with readings and claims, a customer's tokens, Dagster's
runs; and empty databases to restore into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine, text

from dcarbon.db import engine as database
from dcarbon.db.base import new_id
from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import grants
from dcarbon.services.installation import Installation
from dcarbon.services.runtime import Runtime
from tests.integration.services import metering
from tests.integration.services.conftest import Settle
from tests.support import solar_month
from tests.support.databases import address
from tests.support.solar_month import Roof

FIRST, LAST = date(2026, 2, 1), date(2026, 2, 3)
_TABLES = """
select c.relname from pg_class c
where c.relkind in ('r', 'p') and not c.relispartition
  and c.relnamespace = 'public'::regnamespace order by 1
"""


@dataclass(frozen=True)
class Saved:
    """The installation whose backups are made."""

    runtime: Runtime
    house: Installation
    roof: Roof
    authorization_id: UUID

    def take_in(self, number: int) -> None:
        """Import one more day, as a person would at any time."""
        day = LAST + timedelta(days=number)
        self.roof.take_in(solar_month.feed(day, day))


@pytest.fixture
def new_database(server_url: str) -> Iterator[Callable[[], str]]:
    """Make empty databases, as for an installation that begins."""
    with ExitStack() as made:

        def make() -> str:
            return made.enter_context(_database(server_url))

        yield make


@pytest.fixture
def saved(
    runtime: Runtime,
    settle: Settle,
    database_url: str,
    new_database: Callable[[], str],
    tmp_path: Path,
) -> Saved:
    ann = settle("ann")
    content = solar_month.feed(FIRST, LAST)
    roof = solar_month.build(runtime, ann.facility, ann.actor, tmp_path, content, claim_from=FIRST)
    identity = metering.authorization(runtime, ann.facility.id, provider="sdge")
    with runtime.sessions.begin() as session:
        tokens = TokenSet(Secret("access"), runtime.now() + timedelta(days=1))
        grants.store(session, runtime.keys, identity, tokens, now=runtime.now())
    dagster_url = new_database()
    with psycopg.connect(dagster_url, autocommit=True) as connection:
        connection.execute("create table runs as select 'run-1' as run_id")
    house = Installation(database_url, runtime.engine, runtime.landing, dagster_url)
    return Saved(runtime, house, roof, identity)


@pytest.fixture
def elsewhere(
    new_database: Callable[[], str], tmp_path: Path
) -> Iterator[Callable[[], Installation]]:
    """Make new, empty installations to restore into."""
    with ExitStack() as opened:

        def make() -> Installation:
            url = new_database()
            engine = database.create(url)
            opened.callback(engine.dispose)
            landing = LandingZone(tmp_path / f"landing-{new_id().hex}")
            return Installation(url, engine, landing, new_database())

        yield make


def content_of(engine: Engine) -> dict[str, list[str]]:
    """Return every row of every table as text, sorted."""
    with engine.connect() as connection:
        return {
            name: sorted(connection.scalars(text(f'select t::text from "{name}" t')))
            for name in connection.scalars(text(_TABLES)).all()
        }


def rights_of(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the product's role may do with each table and function, and what a schema has."""
    asked = {
        "tables": """select relname, relkind, has_table_privilege('dcarbon_app', oid, 'select'),
                     has_table_privilege('dcarbon_app', oid, 'insert, update, delete')
                     from pg_class where relnamespace = 'public'::regnamespace
                     and relkind in ('r', 'p', 'v')""",
        "functions": """select p.oid::regprocedure::text, prosecdef, proconfig::text,
                        has_function_privilege('dcarbon_app', p.oid, 'execute'),
                        has_function_privilege('pg_monitor', p.oid, 'execute')
                        from pg_proc p where pronamespace = 'public'::regnamespace""",
        "triggers": "select tgname, tgrelid::regclass::text from pg_trigger where not tgisinternal",
        "constraints": """select conname, conrelid::regclass::text, pg_get_constraintdef(oid)
                          from pg_constraint where connamespace = 'public'::regnamespace""",
        "indexes": "select indexname, indexdef from pg_indexes where schemaname = 'public'",
        "sequences": "select sequencename, coalesce(last_value, 0) from pg_sequences",
    }
    with engine.connect() as connection:
        return {
            name: sorted(tuple(row) for row in connection.execute(text(query)))
            for name, query in asked.items()
        }


@contextmanager
def _database(server_url: str) -> Iterator[str]:
    name = f"test_{new_id().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        statement = SQL("create database {} template template0 strategy file_copy")
        connection.execute(statement.format(Identifier(name)))
        try:
            yield address(server_url, name)
        finally:
            dropped = SQL("drop database {} with (force)").format(Identifier(name))
            connection.execute(dropped)
