"""What backups are made of and put back into: the databases and the landing zone, as their owner.

Unlike a runtime it wants no schema, no keys and no providers: all of these may be what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psycopg
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import OperationalError

from dcarbon.db import embedded
from dcarbon.db import engine as database
from dcarbon.db.engine import Sessions
from dcarbon.db.landing_zone import LandingZone
from dcarbon.settings import Settings


@dataclass(frozen=True, slots=True)
class Installation:
    """The open things, and the addresses behind them."""

    url: str
    engine: Engine
    landing: LandingZone
    dagster_url: str

    @property
    def sessions(self) -> Sessions:
        return database.sessions(self.engine)

    @property
    def dagster_shown(self) -> str:
        """Where Dagster keeps its runs, without a password."""
        return make_url(self.dagster_url).render_as_string()


@contextmanager
def opened(settings: Settings, *, dagster_url: str | None = None) -> Iterator[Installation]:
    """Open both databases and the landing zone; the embedded server runs meanwhile.

    ``dagster_url``: where Dagster keeps its runs, when not in the database ``dagster`` of the same
    server. Raises :class:`SettingsInvalid` (``database_unreachable``).
    """
    with ExitStack() as open_parts:
        if settings.database_url is None:
            urls = open_parts.enter_context(embedded.server(settings.directory))
            url, beside = urls[embedded.PRODUCT_DATABASE], urls[embedded.DAGSTER_DATABASE]
        else:
            url = (settings.owner_database_url or settings.database_url).get_secret_value()
            beside = _beside(url)
        engine = database.create(url)
        open_parts.callback(engine.dispose)
        database.require_reachable(engine)
        landing = LandingZone(settings.landing_address)
        yield Installation(url, engine, landing, dagster_url or beside)


@contextmanager
def dagster_engine(installation: Installation) -> Iterator[Engine | None]:
    """Open Dagster's database; ``None`` where there is none that answers."""
    engine = database.create(installation.dagster_url, pool_size=1)
    try:
        engine.connect().close()
    except OperationalError:
        yield None
    else:
        yield engine
    finally:
        engine.dispose()


def make_dagster_database(installation: Installation) -> None:
    """Make the database for Dagster's runs where it lies beside ours, as far as we may."""
    if installation.dagster_url == _beside(installation.url):
        with suppress(psycopg.Error):
            embedded.ensure_database(installation.url, embedded.DAGSTER_DATABASE)


def _beside(url: str) -> str:
    other = make_url(url).set(database=embedded.DAGSTER_DATABASE)
    return other.render_as_string(hide_password=False)
