"""What the pages for administrators look up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_FOUND_BY = {"people": "lower(name || ' ' || email)", "facilities": "lower(name)"}


def upgrade() -> None:
    """Lay it. ``pg_trgm`` is a trusted extension: the database's owner may add it."""
    _operation()
    op.execute("create extension if not exists pg_trgm")
    _indexes()
    _bulk_actions()


def downgrade() -> None:
    """Take it away again. The extension stays: it may have been there before."""
    op.drop_table("bulk_action_items")
    op.drop_table("bulk_actions")
    op.drop_index(op.f("ix_facilities_found_by"), "facilities")
    for table in _FOUND_BY:
        op.drop_index(f"ix_{table}_found_by_parts", table)
        op.drop_column(table, "found_by")
    op.drop_index(op.f("ix_authorizations_utility_id"), "authorizations")
    op.drop_index(op.f("ix_authorizations_created_at_id"), "authorizations")
    op.drop_index(op.f("ix_authorizations_requested_by"), "authorizations")
    op.drop_table("heartbeats")
    op.drop_index(op.f("ix_work_orders_done_at"), table_name="work_orders")
    op.drop_column("work_orders", "correlation_id")


def _operation() -> None:
    """What says how the house is doing, and which click a work order follows from."""
    op.add_column("work_orders", sa.Column("correlation_id", sa.Text(), nullable=True))
    op.create_index(op.f("ix_work_orders_done_at"), "work_orders", ["done_at"])
    op.create_table(
        "heartbeats",
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_heartbeats")),
    )


def _indexes() -> None:
    for table, words in _FOUND_BY.items():
        column = sa.Column("found_by", sa.Text(), sa.Computed(words, persisted=True))
        op.add_column(table, column)
        op.create_index(
            f"ix_{table}_found_by_parts",
            table,
            ["found_by"],
            postgresql_using="gin",
            postgresql_ops={"found_by": "gin_trgm_ops"},
        )
    op.create_index(op.f("ix_facilities_found_by"), "facilities", ["found_by"])
    op.create_index(op.f("ix_authorizations_created_at_id"), "authorizations", ["created_at", "id"])
    op.create_index(op.f("ix_authorizations_utility_id"), "authorizations", ["utility", "id"])
    op.create_index(op.f("ix_authorizations_requested_by"), "authorizations", ["requested_by"])


def _bulk_actions() -> None:
    op.create_table(
        "bulk_actions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requested_at", _INSTANT, nullable=False),
        sa.Column("finished_at", _INSTANT, nullable=True),
        sa.CheckConstraint("kind in ('retry', 'revoke')", name=op.f("ck_bulk_actions_kind")),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["people.id"], name=op.f("fk_bulk_actions_requested_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_actions")),
    )
    op.create_index(
        "ix_bulk_actions_open", "bulk_actions", ["id"], postgresql_where="finished_at is null"
    )
    op.create_table(
        "bulk_action_items",
        sa.Column("bulk_action_id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("done_at", _INSTANT, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome in ('done', 'refused')", name=op.f("ck_bulk_action_items_outcome")
        ),
        sa.CheckConstraint(
            "(outcome is null) = (done_at is null)",
            name=op.f("ck_bulk_action_items_outcome_with_time"),
        ),
        sa.ForeignKeyConstraint(
            ["bulk_action_id"],
            ["bulk_actions.id"],
            name=op.f("fk_bulk_action_items_bulk_action_id_bulk_actions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_bulk_action_items_authorization_id_authorizations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "bulk_action_id", "authorization_id", name=op.f("pk_bulk_action_items")
        ),
    )
    op.create_index(
        op.f("ix_bulk_action_items_authorization_id"), "bulk_action_items", ["authorization_id"]
    )
