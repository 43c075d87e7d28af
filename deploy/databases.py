"""The two databases of an installation: DCarbon's own, migrated, and Dagster's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import make_url

from dcarbon.db import embedded, migrate, privileges
from dcarbon.db import engine as database
from dcarbon.settings import Settings
from deploy import postgres


def ready(home: Path, settings: Settings, given: Mapping[str, str]) -> tuple[str, str]:
    """Bring the schema up to date; return the product's address and Dagster's.

    They are those of the settings, or of the server that is held under ``home``. Raises
    :class:`SettingsInvalid` when it does not answer.
    """
    if settings.database_url is None:
        urls = json.loads((home / postgres.ADDRESSES).read_text(encoding="utf-8"))
        product, dagster = urls[embedded.PRODUCT_DATABASE], urls[embedded.DAGSTER_DATABASE]
    else:
        product = settings.database_url.get_secret_value()
        dagster = given.get("DAGSTER_PG_URL") or _beside(product)
    owner = settings.owner_database_url
    engine = database.create(owner.get_secret_value() if owner else product)
    try:
        database.require_reachable(engine)
        migrate.upgrade(engine)
        if settings.database_url is None:
            product = privileges.as_app(product, engine)
    finally:
        engine.dispose()
    # A bare postgresql:// is psycopg 3 to SQLAlchemy 2.1, which breaks Dagster's storage.
    driver = make_url(dagster).set(drivername="postgresql+psycopg2")
    return product, driver.render_as_string(hide_password=False)


def _beside(url: str) -> str:
    embedded.ensure_database(url, embedded.DAGSTER_DATABASE)
    beside = make_url(url).set(database=embedded.DAGSTER_DATABASE)
    return beside.render_as_string(hide_password=False)
