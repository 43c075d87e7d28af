"""Generation reports, the ledger of fractions, and drafts of adjustments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

FINAL_STAYS = """
create function refuse_final_change() returns trigger language plpgsql as $$
begin
    if old.state = 'final' then
        raise exception 'generation_reports: a final report never changes'
            using errcode = 'insufficient_privilege';
    end if;
    return case tg_op when 'DELETE' then old else new end;
end
$$;
create trigger generation_reports_final_stays before update or delete on generation_reports
for each row execute function refuse_final_change();

create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
    raise exception '% is insert-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
create trigger generation_ledger_entries_insert_only
before update or delete or truncate on generation_ledger_entries
for each statement execute function refuse_ledger_change();
create trigger generation_reports_stay before truncate on generation_reports
for each statement execute function refuse_ledger_change();
"""


def upgrade() -> None:
    """Lay the tables, and the triggers that keep what was reported."""
    _reports()
    _ledger()
    op.execute(FINAL_STAYS)


def downgrade() -> None:
    """Take them away again."""
    op.drop_table("generation_ledger_entries")
    op.drop_table("generation_reports")
    op.execute("drop function refuse_ledger_change()")
    op.execute("drop function refuse_final_change()")


def _reports() -> None:
    op.create_table(
        "generation_reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("generating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("corrects_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("registry", sa.Text(), nullable=False),
        sa.Column("total_wh", sa.Numeric(30, 9), nullable=False),
        sa.Column("reported_wh", sa.BigInteger(), nullable=False),
        sa.Column("step_wh", sa.Integer(), nullable=False),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("prepared_at", _INSTANT, nullable=False),
        sa.Column("prepared_by", sa.Uuid(), nullable=True),
        sa.Column("as_known_at", _INSTANT, nullable=True),
        sa.Column("finalised_at", _INSTANT, nullable=True),
        sa.Column("finalised_by", sa.Uuid(), nullable=True),
        sa.Column("csv_sha256", sa.LargeBinary(), nullable=True),
        *_report_constraints(),
    )
    _unique("uq_generation_reports_draft", ["generating_unit_id", "month"], "draft")
    _unique("uq_generation_reports_final", ["generating_unit_id", "month", "sequence"], "final")


def _report_constraints() -> tuple[sa.Constraint, ...]:
    return (
        sa.CheckConstraint(
            "extract(day from month) = 1", name=op.f("ck_generation_reports_first_of_month")
        ),
        sa.CheckConstraint(
            "state in ('draft', 'final', 'withdrawn')", name=op.f("ck_generation_reports_state")
        ),
        sa.CheckConstraint(
            "(sequence > 0) = (corrects_id is not null)",
            name=op.f("ck_generation_reports_corrects_one"),
        ),
        sa.CheckConstraint(
            "(state = 'final') = (finalised_at is not null) and "
            "(state = 'final') = (csv_sha256 is not null) and "
            "(state = 'final') = (as_known_at is not null)",
            name=op.f("ck_generation_reports_final_is_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["generating_unit_id"],
            ["generating_units.id"],
            name=op.f("fk_generation_reports_generating_unit_id_generating_units"),
        ),
        sa.ForeignKeyConstraint(
            ["corrects_id"],
            ["generation_reports.id"],
            name=op.f("fk_generation_reports_corrects_id_generation_reports"),
        ),
        sa.ForeignKeyConstraint(
            ["prepared_by"], ["people.id"], name=op.f("fk_generation_reports_prepared_by_people")
        ),
        sa.ForeignKeyConstraint(
            ["finalised_by"], ["people.id"], name=op.f("fk_generation_reports_finalised_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation_reports")),
    )


def _unique(name: str, columns: list[str], state: str) -> None:
    op.create_index(
        name,
        "generation_reports",
        columns,
        unique=True,
        postgresql_where=f"state = '{state}'",
    )


def _ledger() -> None:
    op.create_table(
        "generation_ledger_entries",
        sa.Column("generating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("registry", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("carried_wh", sa.BigInteger(), nullable=False),
        sa.Column("change_wh", sa.BigInteger(), nullable=False),
        sa.Column("certificates", sa.Integer(), nullable=False),
        sa.Column("remainder_wh", sa.BigInteger(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "carried_wh + change_wh = certificates::bigint * 1000000 + remainder_wh",
            name=op.f("ck_generation_ledger_entries_nothing_lost"),
        ),
        sa.CheckConstraint(
            "certificates >= 0 and remainder_wh < 1000000",
            name=op.f("ck_generation_ledger_entries_whole_mwh"),
        ),
        sa.ForeignKeyConstraint(
            ["generating_unit_id"],
            ["generating_units.id"],
            name=op.f("fk_generation_ledger_entries_generating_unit_id_generating_units"),
        ),
        sa.ForeignKeyConstraint(
            ["report_id"],
            ["generation_reports.id"],
            name=op.f("fk_generation_ledger_entries_report_id_generation_reports"),
        ),
        sa.PrimaryKeyConstraint(
            "generating_unit_id",
            "registry",
            "sequence",
            name=op.f("pk_generation_ledger_entries"),
        ),
    )
    op.create_index(
        "uq_generation_ledger_entries_report",
        "generation_ledger_entries",
        ["report_id"],
        unique=True,
    )
