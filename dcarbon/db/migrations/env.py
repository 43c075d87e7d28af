"""Alembic's entry: uses the connection ``dcarbon.db.migrate`` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from dcarbon.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    # A migration that cannot get its lock gives way to the running product and is tried again.
    connection.execute(text("set local lock_timeout = '10s'"))
    connection.execute(text("set local statement_timeout = '15min'"))
    context.run_migrations()
