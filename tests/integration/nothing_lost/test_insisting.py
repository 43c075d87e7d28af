"""What a provider says only once is written down, however long the database is away."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dcarbon.db import persistence
from dcarbon.db.engine import Sessions

pytestmark = pytest.mark.database

END_THIS_CONNECTION = text("select pg_terminate_backend(pg_backend_pid())")


def test_a_write_whose_connection_ends_is_done_again(sessions: Sessions) -> None:
    tries: list[int] = []

    def write(session: Session) -> str:
        session.execute(text("create table if not exists said (word text)"))
        session.execute(text("insert into said values ('once')"))
        tries.append(len(tries))
        if len(tries) < 3:
            session.execute(END_THIS_CONNECTION)
        return "done"

    told = persistence.insist(sessions, write)

    with sessions() as session:
        assert session.execute(text("select word from said")).all() == [("once",)]
    assert told == "done"
    assert len(tries) == 3


def test_in_the_end_it_gives_up_and_says_why(sessions: Sessions) -> None:
    with pytest.raises(OperationalError):
        persistence.insist(
            sessions, lambda session: session.execute(END_THIS_CONNECTION), limit_s=0.0
        )
