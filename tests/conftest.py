"""Fixtures every test may use: sample files, and a real PostgreSQL database per test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine

from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database_engine
from dcarbon.db.engine import Sessions
from tests.support.databases import Databases, address

# A machine may be busy: how long an example takes proves nothing.
hypothesis_settings.register_profile("unhurried", deadline=None)
hypothesis_settings.load_profile("unhurried")

GREEN_BUTTON_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "green-button"


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real Green Button files; they live beside the project, never in it."""
    return GREEN_BUTTON_DATA / "samples"


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A real PostgreSQL server for the session: the embedded one, or DCARBON_TEST_DATABASE_URL."""
    given = os.environ.get("DCARBON_TEST_DATABASE_URL")
    if given:
        yield given
        return
    # Not under pytest's own folder: started by root, the server runs as another user, and the next
    # pytest session to start closes that folder to others under the running server's feet.
    with (
        tempfile.TemporaryDirectory(prefix="dcarbon-tests-") as directory,
        embedded.server(Path(directory)) as urls,
    ):
        _spare_the_disk(urls[embedded.PRODUCT_DATABASE])
        yield urls[embedded.PRODUCT_DATABASE]


@pytest.fixture(scope="session")
def template_url(server_url: str) -> str:
    """A migrated database that tests copy: migrating once is enough."""
    url = address(server_url, "dcarbon_template")
    _recreate(server_url, "dcarbon_template")
    engine = database_engine.create(url)
    migrate.upgrade(engine)
    engine.dispose()
    return url


@pytest.fixture(scope="session")
def product_databases(server_url: str, template_url: str) -> Iterator[Databases]:
    assert template_url
    with closing(Databases(server_url, "dcarbon_template")) as databases:
        yield databases


@pytest.fixture
def database_url(product_databases: Databases) -> Iterator[str]:
    """The URL of a migrated, empty database of this test alone."""
    with product_databases.lent() as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = database_engine.create(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(engine: Engine) -> Sessions:
    return database_engine.sessions(engine)


def _spare_the_disk(server_url: str) -> None:
    """Do not wait for the disk: a database for each test is made six times as fast.

    What is committed outlives a killed process all the same; only a power cut would lose it.
    """
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"alter system set {name} = off")
        connection.execute("select pg_reload_conf()")


def _recreate(server_url: str, name: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')
        connection.execute(f'create database "{name}"')
