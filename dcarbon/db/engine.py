"""Connections to PostgreSQL: one engine per process, sessions that the services own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from dcarbon.db import (
    audit_commits,
    tables,  # noqa: F401 — foreign keys resolve only when all tables are known
)
from dcarbon.domain.errors import SettingsInvalid

Sessions = sessionmaker[Session]

_LONGEST_WAIT_S = 120.0
TRUSTED_S = 1.0
"""A connection used within this time is not asked whether it still lives: a sync opens a dozen
transactions per authorization, and asking costs as much as one of their statements."""


def create(url: str, *, pool_size: int = 16, trusted_s: float = TRUSTED_S) -> Engine:
    """Return an engine for a PostgreSQL URL, with psycopg 3 and UTC sessions.

    At most ``pool_size`` connections are open, and stay so: a new one costs the server as much as
    a hundred statements. More threads than that wait for one another.
    A connection that lay idle for ``trusted_s`` is replaced when the server has cut it.

    Raises :class:`SettingsInvalid` when the URL is not PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # ``from None``: the library's error repeats the address with its password.
        parsed = None
    if parsed is None or parsed.get_backend_name() not in {"postgresql", "postgres"}:
        message = "DCARBON_DATABASE_URL must be a postgresql:// URL; only PostgreSQL is supported."
        raise SettingsInvalid(message, display_message=message)
    engine = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_LONGEST_WAIT_S,
        connect_args={"options": "-c timezone=UTC", "application_name": "dcarbon"},
    )
    _check_idle_connections(engine, trusted_s)
    return engine


def _check_idle_connections(engine: Engine, trusted_s: float) -> None:
    def left(_connection: Any, record: Any) -> None:
        record.info["left_at"] = time.monotonic()

    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        left_at = record.info.get("left_at")
        if left_at is None or time.monotonic() - left_at < trusted_s:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # Those beside it were cut as well.
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", left)
    event.listen(engine, "checkout", taken)


def require_reachable(engine: Engine) -> None:
    """Raise :class:`SettingsInvalid` (``database_unreachable``) when the server does not answer."""
    with answering(engine):
        engine.connect().close()


@contextmanager
def answering(engine: Engine) -> Iterator[None]:
    """Tell a server that goes away meanwhile as :func:`require_reachable` does."""
    try:
        yield
    except OperationalError as error:
        place = f"{engine.url.host or 'the local socket'}:{engine.url.port or 5432}"
        message = (
            f"PostgreSQL at {place} does not answer or refuses us. Check that it runs and that "
            "DCARBON_DATABASE_URL is right."
        )
        raise SettingsInvalid(
            message, code="database_unreachable", display_message=message
        ) from error


def sessions(engine: Engine) -> Sessions:
    """Return the session factory services get; objects stay readable after commit.

    A session left without a commit rolls back, and the driver then forgets the statements the
    server has prepared: what only reads, in a loop over many, is best committed too.
    """
    made = sessionmaker(engine, expire_on_commit=False)
    audit_commits.watch(made)
    return made


def read_alone(session: Session) -> None:
    """Let each statement of a new session stand for itself, with no BEGIN and no COMMIT around it.

    For what is asked all the time and only reads: two or three statements make half the round
    trips, and stay prepared. Each sees what was committed when it began.
    """
    session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
