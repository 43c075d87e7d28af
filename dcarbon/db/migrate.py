"""Schema migrations by Alembic, run from code: no configuration file, no path to guess."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from dcarbon.db import privileges
from dcarbon.db.advisory_locks import LockNumber
from dcarbon.domain.errors import SettingsInvalid

_LOCK = LockNumber.MIGRATIONS.value
"""Advisory lock: two processes starting at once migrate one after the other."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to ``revision`` and let the product's role work with it.

    Raises :class:`SettingsInvalid` (``schema_ahead``).
    """
    _run(engine, command.upgrade, revision, then=privileges.grant)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to ``revision`` (``base`` empties it)."""
    _run(engine, command.downgrade, revision)


def current(engine: Engine) -> str | None:
    """Return the revision the database is at, ``None`` when it is empty."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@cache
def head() -> str | None:
    """Return the newest revision this code knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def revisions() -> list[str]:
    """Return every revision this code knows, oldest first."""
    script = ScriptDirectory.from_config(_config())
    return [each.revision for each in script.walk_revisions()][::-1]


def _run(
    engine: Engine,
    action: object,
    revision: str,
    *,
    then: Callable[[Connection], None] | None = None,
) -> None:
    config = _config()
    with engine.begin() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _require_known(MigrationContext.configure(connection).get_current_revision())
        config.attributes["connection"] = connection
        action(config, revision)  # type: ignore[operator]
        if then is not None:
            then(connection)


def _require_known(revision: str | None) -> None:
    if revision is None or revision in revisions():
        return
    message = (
        f"The database schema is at {revision}, which this version does not know: a newer version "
        "made it. Use that version, or another database."
    )
    raise SettingsInvalid(message, code="schema_ahead", display_message=message)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
