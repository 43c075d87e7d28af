"""Connections that a server has cut while nobody used them."""

from __future__ import annotations

from sqlalchemy import text

from dcarbon.db import engine as database

_CUT_THE_OTHERS = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and application_name = 'dcarbon' and pid <> pg_backend_pid()
"""


def test_a_connection_cut_while_idle_is_replaced(database_url: str) -> None:
    engine, other = database.create(database_url, trusted_s=0), database.create(database_url)
    try:
        with engine.connect() as one, engine.connect() as two:
            before = {each.scalar(text("select pg_backend_pid()")) for each in (one, two)}
        with other.connect() as connection:
            assert connection.scalar(text(_CUT_THE_OTHERS)) == len(before)

        with engine.connect() as one, engine.connect() as two:
            after = {each.scalar(text("select pg_backend_pid()")) for each in (one, two)}
    finally:
        engine.dispose()
        other.dispose()

    assert not before & after
