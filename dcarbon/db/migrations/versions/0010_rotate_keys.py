"""The keys that ever sealed, and which of them seals now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Lay the table; the first start writes the key that seals into it."""
    op.create_table(
        "sealing_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.Column("is_in_force", sa.Boolean(), nullable=False),
        sa.Column("in_force_since", _INSTANT, nullable=False),
        sa.Column("replaced_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_sealing_keys")),
    )
    op.create_index(
        "uq_sealing_keys_in_force",
        "sealing_keys",
        ["is_in_force"],
        unique=True,
        postgresql_where="is_in_force",
    )


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("sealing_keys")
