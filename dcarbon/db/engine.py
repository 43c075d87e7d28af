"""Connections to PostgreSQL: one engine per process, sessions that the services own."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from dcarbon.db import tables  # noqa: F401 — foreign keys resolve only when all tables are known
from dcarbon.domain.errors import SettingsInvalid

Sessions = sessionmaker[Session]


def create(url: str, *, pool_size: int = 8) -> Engine:
    """Return an engine for a PostgreSQL URL, with psycopg 3 and UTC sessions.

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
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC", "application_name": "dcarbon"},
    )


def require_reachable(engine: Engine) -> None:
    """Raise :class:`SettingsInvalid` (``database_unreachable``) when the server does not answer."""
    try:
        engine.connect().close()
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
    """Return the session factory services get; objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)
