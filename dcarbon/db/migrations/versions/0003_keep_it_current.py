"""Keep it current"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _providers()
    _replays()
    _orders()
    _grants()


def downgrade() -> None:
    op.drop_constraint(op.f("ck_landed_payloads_clock"), "landed_payloads", type_="check")
    op.drop_column("landed_payloads", "clock")
    op.drop_column("landed_payloads", "stated_at")
    op.drop_column("authorizations", "consent_told_at")
    op.drop_column("authorizations", "retried_at")
    op.drop_column("authorizations", "retries")
    op.drop_index("uq_grants_pending", table_name="grants")
    op.drop_index("uq_grants_current", table_name="grants")
    # What was never proven is no grant of the schema before.
    op.execute("update grants set ended_at = now() where is_pending and ended_at is null")
    op.drop_column("grants", "refreshed_at")
    op.drop_column("grants", "is_pending")
    op.create_index(
        "uq_grants_current",
        "grants",
        ["authorization_id"],
        unique=True,
        postgresql_where="ended_at is null",
    )
    op.drop_index("ix_sync_attempts_sync", table_name="sync_attempts")
    op.drop_column("sync_attempts", "sync_key")
    op.drop_column("work_orders", "final")
    for table in (
        *("replays", "platform_secrets", "provider_events", "provider_turns", "provider_states"),
    ):
        op.drop_table(table)


def _providers() -> None:
    op.create_table(
        "provider_states",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("down_since", _INSTANT, nullable=True),
        sa.Column("last_error_code", sa.Text(), nullable=True),
        sa.Column("probe_at", _INSTANT, nullable=True),
        sa.Column("told_at", _INSTANT, nullable=True),
        sa.Column("back_since", _INSTANT, nullable=True),
        sa.Column("last_answer_at", _INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_states")),
    )
    op.create_table(
        "provider_turns",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("provider", "turn", name=op.f("pk_provider_turns")),
    )
    op.create_table(
        "provider_events",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("event_uid", sa.Text(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("provider", "event_uid", name=op.f("pk_provider_events")),
    )
    op.create_index(op.f("ix_provider_events_received_at"), "provider_events", ["received_at"])
    op.create_table(
        "platform_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("set_at", _INSTANT, nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["set_by"], ["people.id"], name=op.f("fk_platform_secrets_set_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_secrets")),
    )
    op.create_index(
        "uq_platform_secrets_current",
        "platform_secrets",
        ["provider", "name"],
        unique=True,
        postgresql_where="ended_at is null",
    )


def _replays() -> None:
    op.create_table(
        "replays",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=True),
        sa.Column("received_from", _INSTANT, nullable=True),
        sa.Column("received_to", _INSTANT, nullable=True),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("report", postgresql.JSONB(), nullable=False),
        sa.Column("applied_at", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_replays_authorization_id_authorizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.add_column("landed_payloads", sa.Column("stated_at", _INSTANT, nullable=True))
    op.add_column("landed_payloads", sa.Column("clock", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_landed_payloads_clock"), "landed_payloads", "clock in ('utc', 'local')"
    )


def _orders() -> None:
    op.add_column(
        "work_orders", sa.Column("final", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column("sync_attempts", sa.Column("sync_key", sa.Text(), nullable=True))
    op.create_index(
        "ix_sync_attempts_sync",
        "sync_attempts",
        ["sync_key", "authorization_id"],
        postgresql_where="sync_key is not null",
    )


def _grants() -> None:
    op.add_column(
        "grants", sa.Column("is_pending", sa.Boolean(), server_default="false", nullable=False)
    )
    op.add_column("grants", sa.Column("refreshed_at", _INSTANT, nullable=True))
    op.drop_index("uq_grants_current", table_name="grants")
    op.create_index(
        "uq_grants_current",
        "grants",
        ["authorization_id"],
        unique=True,
        postgresql_where="ended_at is null and not is_pending",
    )
    op.create_index(
        "uq_grants_pending",
        "grants",
        ["authorization_id"],
        unique=True,
        postgresql_where="ended_at is null and is_pending",
    )
    op.add_column(
        "authorizations", sa.Column("retries", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("authorizations", sa.Column("retried_at", _INSTANT, nullable=True))
    op.add_column("authorizations", sa.Column("consent_told_at", _INSTANT, nullable=True))
