"""What a PostgreSQL server and its database say of themselves: whether the product fits there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

OLDEST = 15
"""The oldest major version that is supported."""
EXTENSIONS = ("btree_gist", "pg_trgm")
"""What the migrations add; both belong to PostgreSQL's contrib package."""

_FACTS = text("""
select current_user as role, pg_encoding_to_char(d.encoding) as encoding, d.datcollate as collation,
       d.datcollversion as collation_made, pg_database_collation_actual_version(d.oid) as
       collation_now, pg_is_in_recovery() as is_standby,
       current_setting('default_transaction_read_only')::bool as is_read_only,
       coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false) as is_encrypted
from pg_database d where d.datname = current_database()
""")
_VERSION = text("""
select current_setting('server_version_num')::int / 10000, current_setting('server_version')
""")
_MISSING = text("""
select name from unnest(cast(:names as text[])) as name
where name not in (select name from pg_available_extensions) order by name
""")
_WITHHELD = text("""
select c.relname from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p', 'v')
  and not c.relispartition -- their parent's rights are what counts
  and (not has_table_privilege(c.oid, 'select')
       or c.relkind <> 'v' and c.relname <> all(cast(:read_only as text[]))
          and not (has_table_privilege(c.oid, 'insert') and has_table_privilege(c.oid, 'update')
                   and has_table_privilege(c.oid, 'delete')))
order by c.relname
""")
_NOT_WRITTEN = ("audit_entries", "audit_checkpoints", "alembic_version")
"""Tables that the product's role only reads, or need not touch at all."""


class ServerFacts(NamedTuple):
    """Our role there, how the database was made, and whether it takes changes."""

    role: str
    encoding: str
    collation: str
    collation_made: str | None
    collation_now: str | None
    is_standby: bool
    is_read_only: bool
    is_encrypted: bool


def version(connection: Connection) -> tuple[int, str]:
    """Return the server's major version, and the whole of it as the server writes it."""
    major, whole = connection.execute(_VERSION).one()
    return major, whole


def read(connection: Connection) -> ServerFacts:
    """Read the facts; of servers from :data:`OLDEST` on."""
    return ServerFacts(*connection.execute(_FACTS).one())


def missing_extensions(connection: Connection) -> Sequence[str]:
    """Return what the migrations need and the server does not have."""
    return connection.scalars(_MISSING, {"names": list(EXTENSIONS)}).all()


def withheld(connection: Connection) -> Sequence[str]:
    """Return the tables that our role may not use as the product has to."""
    return connection.scalars(_WITHHELD, {"read_only": list(_NOT_WRITTEN)}).all()
