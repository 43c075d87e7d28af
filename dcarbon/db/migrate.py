"""Schema migrations by Alembic, run from code: no configuration file, no path to guess."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from dcarbon.db import privileges
from dcarbon.db.advisory_locks import LockNumber
from dcarbon.domain.errors import SettingsInvalid

_LOCK = LockNumber.MIGRATIONS.value
"""Advisory lock: two processes starting at once migrate one after the other."""
_ATTEMPTS = 60
_PAUSE_S = 1.0
LOCK_WAIT_S = 0.5
"""How long a migration stands in line for a table. Whoever comes later stands behind it, so this is
also what the running product waits at most; then it gives way and comes again. Less than the second
after which PostgreSQL looks for deadlocks: the migration gives way, and nobody else is ended."""
_LONGEST_STATEMENT = "15min"
_WORKS_WITH = " works with code from "
"""Stands in the comment of Alembic's table, where every version can read it: between a revision and
the oldest one whose code does."""


def upgrade(engine: Engine, revision: str = "head", *, lock_wait_s: float = LOCK_WAIT_S) -> None:
    """Bring the schema up to ``revision`` and let the product's role work with it.

    Each revision is a transaction of its own. Raises :class:`SettingsInvalid` (``schema_ahead``,
    ``schema_in_use``).
    """
    _run(engine, command.upgrade, revision, lock_wait_s=lock_wait_s, then=_let_work)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to ``revision`` (``base`` empties it)."""
    _run(engine, command.downgrade, revision, lock_wait_s=LOCK_WAIT_S, then=_let_work)


def current(engine: Engine) -> str | None:
    """Return the revision the database is at, ``None`` when it is empty."""
    with engine.connect() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """Return the revision as the connection's transaction sees it."""
    return MigrationContext.configure(connection).get_current_revision()


def is_usable(engine: Engine) -> bool:
    """Say whether this code can work with the schema: its own, or a later one that says so."""
    with engine.connect() as connection:
        found = revision_of(connection)
        if found == head():
            return True
        is_later = found is not None and found not in revisions()
        return is_later and _oldest_code(connection) in revisions()


def note(connection: Connection, revision: str) -> None:
    """Say in the database that its schema is the whole one of ``revision``, which was put there by
    other means than a migration.
    """
    MigrationContext.configure(connection).stamp(ScriptDirectory.from_config(_config()), revision)
    _let_work(connection)


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
    action: Callable[[Config, str], None],
    revision: str,
    *,
    lock_wait_s: float,
    then: Callable[[Connection], None],
) -> None:
    config = _config()
    with _alone(engine, lock_wait_s) as connection:
        _require_known(revision_of(connection))
        connection.commit()
        config.attributes["connection"] = connection
        _insist(lambda: action(config, revision), connection)
        then(connection)
        connection.commit()


@contextmanager
def _alone(engine: Engine, lock_wait_s: float) -> Iterator[Connection]:
    """Lend a connection that is the only one to migrate, and gives way to the running product."""
    with engine.connect() as connection:
        try:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.execute(text(f"set lock_timeout = {round(lock_wait_s * 1000)}"))
            connection.execute(text(f"set statement_timeout = '{_LONGEST_STATEMENT}'"))
            connection.commit()
            yield connection
        finally:
            # Not back to the pool with its lock and its limits.
            connection.invalidate()


def _insist(action: Callable[[], None], connection: Connection) -> None:
    """Do it, again and again while others hold a table; the revisions that are done stay done."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            action()
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable | DeadlockDetected):
                raise
            connection.rollback()
            if attempt == _ATTEMPTS:
                raise SettingsInvalid("a table is held", code="schema_in_use") from error
            time.sleep(_PAUSE_S)
        else:
            return


def _let_work(connection: Connection) -> None:
    """Let the product's role work with the schema, and older code know whether it can."""
    privileges.grant(connection)
    revision = revision_of(connection)
    oldest = _works_with(revision)
    # Saying what is said would still write to the catalog.
    if oldest is not None and _oldest_code(connection) != oldest:
        said = f"{revision}{_WORKS_WITH}{oldest}"
        connection.execute(text(f"comment on table alembic_version is '{said}'"))


def _works_with(revision: str | None) -> str | None:
    """Return the oldest revision whose code works with this one: by rule the one before."""
    if revision is None:
        return None
    script = ScriptDirectory.from_config(_config()).get_revision(revision)
    said: str | None = getattr(script.module, "works_with", script.module.down_revision)
    return said


def _oldest_code(connection: Connection) -> str | None:
    """Return what the schema says of the code that can work with it."""
    asked = text("select obj_description(to_regclass('alembic_version'), 'pg_class')")
    said = connection.execute(asked).scalar_one() or ""
    revision, _, oldest = said.partition(_WORKS_WITH)
    return oldest if revision == revision_of(connection) else None


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
