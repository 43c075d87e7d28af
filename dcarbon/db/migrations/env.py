"""Alembic's entry: uses the connection ``dcarbon.db.migrate`` hands over."""

from __future__ import annotations

from alembic import context

from dcarbon.db.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    # Locks are held for one revision, and one that cannot get its lock takes back no other.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
