"""Appending to the audit log in one message with the commit, so that nobody waits for long.

All that append take one lock, and PostgreSQL keeps it until the commit is on disk. Appending early
in a transaction, or leaving the commit to a second message, would make everybody wait for one
process to be scheduled and for the disk, one after the other. So the entries are kept until the
session commits and go out together with ``COMMIT``; the commit does not wait for the disk, and
whoever asked for it does, right afterwards, together with all others.

Nothing is lost by it. The log is written to disk in the order of the commits: what builds on this
one is never there without it, and the caller gets its answer when it is there.
"""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

from dcarbon.db import binary_copy as bc

_IS_WATCHED = "audit_commits.is_watched"
_WAITING = "audit_commits.waiting"
_APPEND = "select append_audit_entries(%s)"
# The last statement is a transaction of its own that writes something: it is answered when its
# commit is on disk, and with it all before. (An unused transaction number would not wait.)
_APPEND_AND_COMMIT = sql.SQL("""
    select set_config('synchronous_commit', 'off', true), append_audit_entries({});
    commit;
    select pg_logical_emit_message(true, 'dcarbon', '')
""")


def watch(sessions: sessionmaker[Session]) -> None:
    """Let the sessions of this factory keep entries until they commit."""
    sessions.configure(info={_IS_WATCHED: True})
    event.listen(sessions, "before_commit", _append_and_commit)
    event.listen(sessions, "after_transaction_end", _forget)


def append(session: Session, bodies: Sequence[str]) -> None:
    """Append entries when the session commits, in the order given: each its hashed JSON but for
    ``previous_hash`` and ``seq``.

    At once in a savepoint, which may be rolled back alone, and in a session nobody watches.
    """
    if session.info.get(_IS_WATCHED) and not session.in_nested_transaction():
        session.connection()  # begins the transaction whose end forgets them
        session.info.setdefault(_WAITING, []).extend(bodies)
    else:
        bc.connection_of(session).execute(_APPEND, [list(bodies)])


def _append_and_commit(session: Session) -> None:
    bodies = session.info.get(_WAITING)
    if not bodies or session.in_nested_transaction():
        return
    connection = bc.connection_of(session)
    try:
        # Several statements in one message cannot be prepared. SQLAlchemy's own commit follows and
        # finds nothing left to do.
        message = _APPEND_AND_COMMIT.format(sql.Literal(bodies))
        connection.execute(message, prepare=False)
    except psycopg.Error as error:
        # As SQLAlchemy would have said and done it at its commit.
        if connection.closed:
            session.connection().invalidate(error)
        raise DBAPIError.instance("commit", None, error, psycopg.Error) from error
    del session.info[_WAITING]


def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_WAITING, None)
