"""The database as it is at one moment, for a backup: what it holds, while others write on.

The copy itself is made by ``archives`` from the same moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from psycopg.errors import LockNotAvailable
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dcarbon.db import audit_chain, interval_months, migrate, sealed_secrets
from dcarbon.db import binary_copy as bc
from dcarbon.db.advisory_locks import LockNumber
from dcarbon.domain.audit_proof import Head
from dcarbon.domain.errors import BackupUnusable

REVISION_TABLE = "alembic_version"
"""Says that a schema is whole: restored last, from what the backup says."""

# Those of extensions are made by them; a partition's rows are counted with the whole; a sort that
# is under way is not restored.
_TABLES = text("""
select c.relname from pg_class c
where c.relkind in ('r', 'p') and not c.relispartition
  and c.relnamespace = current_schema()::regnamespace and c.relname <> all(:left_out)
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
order by 1
""").bindparams(left_out=[REVISION_TABLE, *interval_months.OF_A_SORT])
_ANY = text("""
select exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relkind in ('r', 'p', 'v', 'm') and n.nspname <> 'information_schema'
                 and n.nspname not like 'pg\\_%'
                 and not exists (select from pg_depend d
                                 where d.objid = c.oid and d.deptype = 'e'))
""")
_PAYLOADS = """
copy (select encode(sha256, 'hex'), max(byte_count) from landed_payloads
      where erased_at is null group by sha256 order by sha256) to stdout
"""
_WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Moment:
    """What the database says of itself at the moment of a backup."""

    snapshot: str
    """Its name, for others to see the same."""
    taken_at: datetime
    revision: str
    server: str
    audit_first: int
    audit_head: Head
    audit_removed_through: int
    sealing_keys: tuple[str, ...]
    """The keys without which something in use could not be opened, by their ids."""


def alone(engine: Engine) -> AbstractContextManager[None]:
    """Keep other backups and the removal of payloads waiting over the block.

    Raises :class:`BackupUnusable` (``backup_running``) where one of these takes a minute.
    """
    return _held(engine, {"pg_advisory_lock": [LockNumber.BACKUP]})


def still_tables(engine: Engine) -> AbstractContextManager[None]:
    """Keep whoever makes, moves or drops tables waiting over the block; all others work on.

    Raises as :func:`alone`.
    """
    movers = [LockNumber.MIGRATIONS, LockNumber.INTERVAL_MONTHS]
    return _held(engine, {"pg_advisory_lock_shared": movers})


@contextmanager
def _held(engine: Engine, locks: Mapping[str, Sequence[LockNumber]]) -> Iterator[None]:
    plainly = engine.execution_options(isolation_level="AUTOCOMMIT")
    with plainly.connect() as connection:
        try:
            connection.execute(text(f"set lock_timeout = '{_WAIT_S}s'"))
            for function, numbers in locks.items():
                for number in numbers:
                    _take(connection, function, number)
            yield
        finally:
            # Not back to the pool: its locks would be held on.
            connection.invalidate()


def _take(connection: Connection, function: str, number: LockNumber) -> None:
    try:
        connection.execute(text(f"select {function}(:key)"), {"key": number.value})
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise BackupUnusable("somebody holds the lock", code="backup_running") from error


def may_remove_payloads(session: Session) -> bool:
    """Say whether no backup is being made, and let none begin until the transaction ends."""
    asked = text("select pg_try_advisory_xact_lock_shared(:key)")
    return bool(session.scalar(asked, {"key": LockNumber.BACKUP.value}))


@contextmanager
def taken(engine: Engine) -> Iterator[tuple[Session, Moment]]:
    """Open a transaction that sees one moment, and others may see the same while it is open.

    Raises :class:`BackupUnusable` (``backup_of_nothing``) where there is no schema.
    """
    still = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with Session(still) as session:
        yield session, _moment(session)


def _moment(session: Session) -> Moment:
    asked = text("""select pg_export_snapshot() as snapshot, now() as taken_at,
                           current_setting('server_version') as server""")
    now = session.execute(asked).one()
    revision = migrate.revision_of(session.connection())
    if revision is None:
        raise BackupUnusable("no schema", code="backup_of_nothing")
    seq, value = audit_chain.head(session)
    first = session.scalar(text("select coalesce(min(seq), 0) from audit_entries"))
    return Moment(
        snapshot=now.snapshot,
        taken_at=now.taken_at,
        revision=revision,
        server=now.server.partition(" ")[0],
        audit_first=first or 0,
        audit_head=Head(seq, value.hex(), now.taken_at.isoformat(timespec="seconds")),
        audit_removed_through=audit_chain.removed_through(session),
        sealing_keys=tuple(sorted(sealed_secrets.in_use(session, now=now.taken_at))),
    )


def counts(session: Session) -> Mapping[str, int]:
    """Return how many rows each table of ours has."""
    connection = bc.connection_of(session)
    found = {}
    for name in session.scalars(_TABLES).all():
        asked = SQL("select count(*) from {}").format(Identifier(name))
        row = connection.execute(asked).fetchone()
        assert row is not None
        found[name] = int(row[0])
    return found


def write_payloads(session: Session, file: Path) -> None:
    """Write the payloads whose bytes are kept: SHA-256 in hex and size, a line each, in order."""
    with (
        file.open("wb") as target,
        bc.connection_of(session).cursor() as cursor,
        cursor.copy(_PAYLOADS) as copy,
    ):
        for block in copy:
            target.write(block)


def is_empty(connection: Connection) -> bool:
    """Say whether there is no table or view in the database."""
    return not connection.execute(_ANY).scalar_one()
