"""How long things are kept, and requests for deletion."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_ERASED = (
    ("people", "erased_at"),
    ("facilities", "erased_at"),
    ("landed_payloads", "erased_at"),
    ("authorizations", "payloads_erased_at"),
    ("authorizations", "readings_erased_at"),
)
_OPEN = "state in ('asked', 'approved', 'started', 'erased')"


def upgrade() -> None:
    """Let rows say when what they stood for was erased; lay the requests."""
    for table, column in _ERASED:
        op.add_column(table, sa.Column(column, _INSTANT, nullable=True))
    op.create_index(op.f("ix_landed_payloads_sha256"), "landed_payloads", ["sha256"])
    op.create_index(
        "ix_authorizations_ended",
        "authorizations",
        ["status_at"],
        postgresql_where="status = 'revoked' and readings_erased_at is null",
    )
    _requests()
    _leaving()


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("leaving_payloads")
    op.drop_table("deletion_requests")
    op.drop_index("ix_authorizations_ended", table_name="authorizations")
    op.drop_index(op.f("ix_landed_payloads_sha256"), table_name="landed_payloads")
    for table, column in _ERASED:
        op.drop_column(table, column)


def _requests() -> None:
    op.create_table(
        "deletion_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("due_at", _INSTANT, nullable=True),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", _INSTANT, nullable=True),
        sa.Column("erased_at", _INSTANT, nullable=True),
        sa.Column("erased", postgresql.JSONB(), nullable=False),
        sa.Column("done_at", _INSTANT, nullable=True),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.Column("link_hash", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "state in ('asked', 'approved', 'started', 'erased', 'done', 'cancelled', 'declined')",
            name=op.f("ck_deletion_requests_state"),
        ),
        sa.CheckConstraint(
            "(state = 'done') = (receipt is not null) and (state = 'done') = (done_at is not null)",
            name=op.f("ck_deletion_requests_done_with_receipt"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_deletion_requests_person_id_people")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["people.id"], name=op.f("fk_deletion_requests_decided_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletion_requests")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_deletion_requests_link_hash")),
    )
    op.create_index(op.f("ix_deletion_requests_asked_at"), "deletion_requests", ["asked_at"])
    op.create_index(
        "uq_deletion_requests_open",
        "deletion_requests",
        ["person_id"],
        unique=True,
        postgresql_where=_OPEN,
    )


def _leaving() -> None:
    op.create_table(
        "leaving_payloads",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("left_at", _INSTANT, nullable=False),
        sa.Column("deletion_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deletion_id"],
            ["deletion_requests.id"],
            name=op.f("fk_leaving_payloads_deletion_id_deletion_requests"),
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_leaving_payloads")),
    )
    op.create_index(op.f("ix_leaving_payloads_left_at"), "leaving_payloads", ["left_at"])
    op.create_index(op.f("ix_leaving_payloads_deletion_id"), "leaving_payloads", ["deletion_id"])
