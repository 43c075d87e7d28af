"""Connections: cut while nobody used them, and asked without a transaction around it."""

from __future__ import annotations

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import text
from sqlalchemy.orm import Session

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


def _status(session: Session) -> TransactionStatus:
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver.info.transaction_status


def test_what_is_read_alone_opens_no_transaction_and_stays_prepared(database_url: str) -> None:
    engine = database.create(database_url, pool_size=1)
    asked = text("select count(*) from pg_prepared_statements where statement like '%' || :what")
    try:
        for _ in range(10):
            with database.sessions(engine)() as session:
                database.read_alone(session)
                prepared = session.scalar(asked, {"what": "pg_prepared_statements%"})
                status = _status(session)
    finally:
        engine.dispose()

    assert (status, prepared) == (TransactionStatus.IDLE, 1)


def test_after_reading_alone_a_connection_has_transactions_again(database_url: str) -> None:
    engine = database.create(database_url, pool_size=1)
    sessions = database.sessions(engine)
    people = text("select count(*) from people")
    try:
        with sessions() as session:
            database.read_alone(session)
            before = session.scalar(people)
        with sessions() as session:
            session.execute(
                text(
                    "insert into people (id, email, name, account_kind, is_admin)"
                    " values (gen_random_uuid(), 'gone@example.test', '', 'residential', false)"
                )
            )
            within = _status(session)
        with sessions() as session:
            after = session.scalar(people)
    finally:
        engine.dispose()

    assert within is TransactionStatus.INTRANS
    assert before == after
