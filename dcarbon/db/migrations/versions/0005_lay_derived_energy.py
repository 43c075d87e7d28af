"""Energy derived from interval days: by day, by hour of export, by month of a generating unit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

# One short row per series and statement: a night writes tens of thousands of days, and what a mark
# costs is paid by collection.
MARK_READINGS = """
create function mark_changed_days() returns trigger language plpgsql as $$
begin
    insert into changed_series_days (series_id, utc_days)
    select series_id, array_agg(utc_day) from written group by series_id;
    return null;
end
$$;
create trigger interval_days_inserted_mark after insert on interval_days
referencing new table as written for each statement execute function mark_changed_days();
create trigger interval_days_updated_mark after update on interval_days
referencing new table as written for each statement execute function mark_changed_days();

create function mark_changed_periods() returns trigger language plpgsql as $$
begin
    insert into changed_series_days (series_id, utc_days)
    select series_id, array_agg(distinct (start_at at time zone 'UTC')::date)
    from written group by series_id;
    return null;
end
$$;
create trigger period_readings_inserted_mark after insert on period_readings
referencing new table as written for each statement execute function mark_changed_periods();
create trigger period_readings_updated_mark after update on period_readings
referencing new table as written for each statement execute function mark_changed_periods();
"""

# A meter's local days move with its zone, and its export is netted as soon as it has a delivered
# channel: then all of its days are made again. Both happen once in the life of a meter, if at all.
MARK_METERS = """
create function mark_moved_meter() returns trigger language plpgsql as $$
begin
    insert into changed_series_days (series_id)
    select s.id from series s join meter_channels c on c.id = s.channel_id
    where c.meter_id = new.id;
    return null;
end
$$;
create trigger meters_moved_mark after update of time_zone on meters
for each row when (old.time_zone is distinct from new.time_zone)
execute function mark_moved_meter();

create function mark_netted_meter() returns trigger language plpgsql as $$
begin
    insert into changed_series_days (series_id)
    select s.id from series s join meter_channels c on c.id = s.channel_id
    where c.meter_id = new.meter_id and c.direction = 'received';
    return null;
end
$$;
create trigger meter_channels_netted_mark after insert on meter_channels
for each row when (new.direction = 'delivered') execute function mark_netted_meter();
"""

MARK_CLAIMS = """
create function mark_claimed_months() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        insert into changed_unit_months (generating_unit_id, first_month, last_month)
        select old.generating_unit_id, date_trunc('month', old.first_day),
               date_trunc('month', old.last_day)
        where exists (select from generating_units where id = old.generating_unit_id);
    end if;
    if tg_op <> 'DELETE' then
        insert into changed_unit_months (generating_unit_id, first_month, last_month)
        select new.generating_unit_id, date_trunc('month', new.first_day),
               date_trunc('month', new.last_day);
    end if;
    return null;
end
$$;
create trigger meter_claims_mark after insert or update or delete on meter_claims
for each row execute function mark_claimed_months();

create function mark_eligible_months() returns trigger language plpgsql as $$
begin
    insert into changed_unit_months (generating_unit_id, first_month, last_month)
    select m.generating_unit_id, date_trunc('month', m.first_day), date_trunc('month', m.last_day)
    from meter_claims m join meter_channels c on c.meter_id = m.meter_id
    where c.id = case tg_op when 'DELETE' then old.channel_id else new.channel_id end;
    return null;
end
$$;
create trigger channel_eligibilities_chosen_mark after insert on channel_eligibilities
for each row when (new.chosen is not null) execute function mark_eligible_months();
create trigger channel_eligibilities_changed_mark after update of chosen on channel_eligibilities
for each row when (old.chosen is distinct from new.chosen) execute function mark_eligible_months();
create trigger channel_eligibilities_gone_mark after delete on channel_eligibilities
for each row when (old.chosen is not null) execute function mark_eligible_months();
"""

# What is stored already has never been derived.
MARK_EVERYTHING = """
insert into changed_series_days (series_id) select id from series;
insert into changed_unit_months (generating_unit_id, first_month, last_month)
select generating_unit_id, date_trunc('month', first_day), date_trunc('month', last_day)
from meter_claims;
"""


def upgrade() -> None:
    """Lay the tables and the triggers that mark what has to be derived again."""
    _days()
    _months()
    _marks()
    for statements in (MARK_READINGS, MARK_METERS, MARK_CLAIMS, MARK_EVERYTHING):
        op.execute(statements)


def downgrade() -> None:
    """Take them away again."""
    for trigger, table in (
        ("channel_eligibilities_gone_mark", "channel_eligibilities"),
        ("channel_eligibilities_changed_mark", "channel_eligibilities"),
        ("channel_eligibilities_chosen_mark", "channel_eligibilities"),
        ("meter_claims_mark", "meter_claims"),
        ("meter_channels_netted_mark", "meter_channels"),
        ("meters_moved_mark", "meters"),
        ("period_readings_updated_mark", "period_readings"),
        ("period_readings_inserted_mark", "period_readings"),
        ("interval_days_updated_mark", "interval_days"),
        ("interval_days_inserted_mark", "interval_days"),
    ):
        op.execute(f"drop trigger {trigger} on {table}")
    for function in (
        *("mark_eligible_months", "mark_claimed_months", "mark_netted_meter"),
        *("mark_moved_meter", "mark_changed_periods", "mark_changed_days"),
    ):
        op.execute(f"drop function {function}()")
    for table in (
        *("changed_unit_months", "changed_series_days"),
        *("monthly_generation", "hourly_export_days", "daily_energy"),
    ):
        op.drop_table(table)


def _days() -> None:
    op.create_table(
        "daily_energy",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("meter_day", sa.Date(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("estimated_value", sa.BigInteger(), nullable=False),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Integer(), nullable=False),
        sa.Column("as_of", _INSTANT, nullable=False),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["meter_channels.id"],
            name=op.f("fk_daily_energy_channel_id_meter_channels"),
        ),
        sa.PrimaryKeyConstraint("channel_id", "meter_day", name=op.f("pk_daily_energy")),
    )
    op.create_index(op.f("ix_daily_energy_meter_day"), "daily_energy", ["meter_day"])
    op.create_table(
        "hourly_export_days",
        sa.Column("meter_id", sa.Uuid(), nullable=False),
        sa.Column("meter_day", sa.Date(), nullable=False),
        sa.Column("hours", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("register_value", sa.BigInteger(), nullable=False),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.Column("missing_hours", sa.Integer(), nullable=False),
        sa.Column("estimated_hours", sa.Integer(), nullable=False),
        sa.Column("as_of", _INSTANT, nullable=False),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.CheckConstraint("cardinality(hours) > 0", name=op.f("ck_hourly_export_days_has_hours")),
        sa.ForeignKeyConstraint(
            ["meter_id"], ["meters.id"], name=op.f("fk_hourly_export_days_meter_id_meters")
        ),
        sa.PrimaryKeyConstraint("meter_id", "meter_day", name=op.f("pk_hourly_export_days")),
    )
    op.create_index(op.f("ix_hourly_export_days_meter_day"), "hourly_export_days", ["meter_day"])


def _months() -> None:
    op.create_table(
        "monthly_generation",
        sa.Column("generating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("days_expected", sa.Integer(), nullable=False),
        sa.Column("days_complete", sa.Integer(), nullable=False),
        sa.Column("estimated_days", sa.Integer(), nullable=False),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("as_of", _INSTANT, nullable=True),
        sa.Column("computed_at", _INSTANT, nullable=False),
        sa.CheckConstraint(
            "extract(day from month) = 1", name=op.f("ck_monthly_generation_first_of_month")
        ),
        sa.ForeignKeyConstraint(
            ["generating_unit_id"],
            ["generating_units.id"],
            name=op.f("fk_monthly_generation_generating_unit_id_generating_units"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("generating_unit_id", "month", name=op.f("pk_monthly_generation")),
    )


def _marks() -> None:
    op.create_table(
        "changed_series_days",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("utc_days", postgresql.ARRAY(sa.Date()), nullable=True),
        sa.Column("marked_at", _INSTANT, server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changed_series_days")),
    )
    op.create_table(
        "changed_unit_months",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("generating_unit_id", sa.Uuid(), nullable=False),
        sa.Column("first_month", sa.Date(), nullable=False),
        sa.Column("last_month", sa.Date(), nullable=True),
        sa.Column("marked_at", _INSTANT, server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["generating_unit_id"],
            ["generating_units.id"],
            name=op.f("fk_changed_unit_months_generating_unit_id_generating_units"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changed_unit_months")),
    )
