"""Generating units, eligibility of channels, and which meter counts for which unit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_WORDS = "('production', 'hourly_export', 'net', 'consumption', 'estimated')"


def upgrade() -> None:
    """Lay the tables. ``btree_gist`` is a trusted extension: the database's owner may add it."""
    op.execute("create extension if not exists btree_gist")
    _units()
    _eligibilities()
    _claims()


def downgrade() -> None:
    """Take them away again. The extension stays: it may have been there before."""
    for table in ("meter_claims", "channel_eligibilities", "generating_units"):
        op.drop_table(table)


def _units() -> None:
    op.create_table(
        "generating_units",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("nameplate_kw", sa.Numeric(12, 3), nullable=False),
        sa.Column("commercial_operation_date", sa.Date(), nullable=False),
        sa.Column("fuel", sa.Text(), nullable=False),
        sa.Column("registry", sa.Text(), nullable=False),
        sa.Column("registry_id", sa.Text(), nullable=True),
        sa.Column("reporting_unit_id", sa.Text(), nullable=True),
        sa.Column("created_at", _INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("updated_at", _INSTANT, server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("nameplate_kw > 0", name=op.f("ck_generating_units_nameplate_kw")),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facilities.id"],
            name=op.f("fk_generating_units_facility_id_facilities"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generating_units")),
    )
    op.create_index(op.f("ix_generating_units_facility_id"), "generating_units", ["facility_id"])
    op.create_index(
        "uq_generating_units_registry_id",
        "generating_units",
        ["registry", "registry_id", "reporting_unit_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where="registry_id is not null",
    )


def _eligibilities() -> None:
    op.create_table(
        "channel_eligibilities",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("proposed", sa.Text(), nullable=False),
        sa.Column("proposed_rule", sa.Text(), nullable=False),
        sa.Column("proposed_at", _INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=True),
        sa.Column("chosen_rule", sa.Text(), nullable=True),
        sa.Column("chosen_by", sa.Uuid(), nullable=True),
        sa.Column("chosen_at", _INSTANT, nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(f"proposed in {_WORDS}", name=op.f("ck_channel_eligibilities_proposed")),
        sa.CheckConstraint(f"chosen in {_WORDS}", name=op.f("ck_channel_eligibilities_chosen")),
        sa.CheckConstraint(
            "(chosen is null) = (chosen_rule is null) and (chosen is null) = (chosen_at is null)",
            name=op.f("ck_channel_eligibilities_chosen_with_rule"),
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["meter_channels.id"],
            name=op.f("fk_channel_eligibilities_channel_id_meter_channels"),
        ),
        sa.ForeignKeyConstraint(
            ["chosen_by"], ["people.id"], name=op.f("fk_channel_eligibilities_chosen_by_people")
        ),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_channel_eligibilities")),
    )


def _claims() -> None:
    op.create_table(
        "meter_claims",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("generating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("meter_id", sa.Uuid(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", _INSTANT, server_default=sa.func.now(), nullable=False),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.CheckConstraint(
            "basis in ('production', 'hourly_export')", name=op.f("ck_meter_claims_basis")
        ),
        sa.CheckConstraint("last_day >= first_day", name=op.f("ck_meter_claims_days")),
        sa.ForeignKeyConstraint(
            ["generating_unit_id"],
            ["generating_units.id"],
            name=op.f("fk_meter_claims_generating_unit_id_generating_units"),
        ),
        sa.ForeignKeyConstraint(
            ["meter_id"], ["meters.id"], name=op.f("fk_meter_claims_meter_id_meters")
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["people.id"], name=op.f("fk_meter_claims_created_by_people")
        ),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["people.id"], name=op.f("fk_meter_claims_ended_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_claims")),
        postgresql.ExcludeConstraint(
            ("meter_id", "="),
            (sa.text("daterange(first_day, last_day, '[]')"), "&&"),
            name="ex_meter_claims_days",
            using="gist",
        ),
    )
    op.create_index(
        op.f("ix_meter_claims_generating_unit_id"), "meter_claims", ["generating_unit_id"]
    )
