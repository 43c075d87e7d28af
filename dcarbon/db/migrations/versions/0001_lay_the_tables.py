"""Lay the tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INTERVALS_VIEW = """
create view intervals as
select c.meter_id, c.id as channel_id, s.id as series_id, d.utc_day,
       slot.start_utc,
       slot.start_utc at time zone m.time_zone as start_local,
       s.interval_s as duration_s,
       trim_scale(coalesce(r.wide, r.value) * power(10::numeric, d.exponent)) as value,
       c.unit, c.direction, c.measure,
       coalesce(d.qualities[r.slot], d.quality) as quality,
       d.payload_id, d.recorded_at
from interval_days d
join series s on s.id = d.series_id
join meter_channels c on c.id = s.channel_id
join meters m on m.id = c.meter_id
cross join lateral unnest(d.readings, d.wide_readings) with ordinality as r(value, wide, slot)
cross join lateral (
    select (d.utc_day::timestamp at time zone 'UTC')
           + make_interval(secs => (r.slot - 1) * s.interval_s) as start_utc
) slot
where coalesce(r.wide, r.value) is not null
union all
select c.meter_id, c.id, s.id, (p.start_at at time zone 'UTC')::date,
       p.start_at, p.start_at at time zone m.time_zone, p.duration_s,
       trim_scale(p.value * power(10::numeric, p.exponent)),
       c.unit, c.direction, c.measure, p.quality, p.payload_id, p.recorded_at
from period_readings p
join series s on s.id = p.series_id
join meter_channels c on c.id = s.channel_id
join meters m on m.id = c.meter_id
"""

# What a foreign key of series_id and payload_id would promise, kept per statement: checked row by
# row it takes a third of the time of a bulk write. Parents are locked as a foreign key would.
NO_ORPHAN_DAYS = """
create function refuse_orphan_days() returns trigger language plpgsql as $$
begin
    perform from series where id in (select series_id from written) for key share;
    perform from landed_payloads where id in (select payload_id from written) for key share;
    if exists (select series_id from written except select id from series) then
        raise exception 'interval_days: a series is not in table "series"'
            using errcode = 'foreign_key_violation';
    end if;
    if exists (select payload_id from written except select id from landed_payloads) then
        raise exception 'interval_days: a payload is not in table "landed_payloads"'
            using errcode = 'foreign_key_violation';
    end if;
    return null;
end
$$;
create trigger interval_days_inserted after insert on interval_days
referencing new table as written for each statement execute function refuse_orphan_days();
create trigger interval_days_updated after update on interval_days
referencing new table as written for each statement execute function refuse_orphan_days();

create function refuse_orphaning() returns trigger language plpgsql as $$
begin
    if exists (select from interval_days d join removed r on r.id = d.series_id)
       or exists (select from interval_days d join removed r on r.id = d.payload_id) then
        raise exception '%: still referred to by interval_days', tg_table_name
            using errcode = 'foreign_key_violation';
    end if;
    return null;
end
$$;
create trigger series_removed after delete on series
referencing old table as removed for each statement execute function refuse_orphaning();
create trigger landed_payloads_removed after delete on landed_payloads
referencing old table as removed for each statement execute function refuse_orphaning();
"""

INSERT_ONLY = """
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'audit_entries is insert-only' using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_entries_insert_only
before update or delete or truncate on audit_entries
for each statement execute function refuse_change();
"""


def upgrade() -> None:
    op.create_table(
        "audit_entries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("facility_id", sa.Uuid(), nullable=True),
        sa.Column("authorization_id", sa.Uuid(), nullable=True),
        sa.Column("ip", postgresql.INET(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "actor_kind in ('person', 'system')", name=op.f("ck_audit_entries_actor_kind")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entries")),
    )
    op.create_index(
        op.f("ix_audit_entries_authorization_id"),
        "audit_entries",
        ["authorization_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_audit_entries_event_at"), "audit_entries", ["event", "at"], unique=False
    )
    op.create_index(
        op.f("ix_audit_entries_facility_id"), "audit_entries", ["facility_id"], unique=False
    )
    op.create_table(
        "facilities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_kind", sa.Text(), nullable=False),
        sa.Column("street", sa.Text(), nullable=False),
        sa.Column("city", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("finance_type", sa.Text(), nullable=True),
        sa.Column("finance_company", sa.Text(), nullable=True),
        sa.Column("installer", sa.Text(), nullable=True),
        sa.Column("system_size_kw", sa.Numeric(precision=12, scale=3), nullable=True),
        sa.Column("commercial_operation_date", sa.Date(), nullable=True),
        sa.Column("auth_method", sa.Text(), nullable=True),
        sa.Column("auth_provider", sa.Text(), nullable=True),
        sa.Column("auth_id", sa.Text(), nullable=True),
        sa.Column("auth_status", sa.Text(), nullable=True),
        sa.Column("last_sync", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "account_kind in ('commercial', 'residential')", name=op.f("ck_facilities_account_kind")
        ),
        sa.CheckConstraint(
            "auth_method in ('green_button', 'utilityapi')", name=op.f("ck_facilities_auth_method")
        ),
        sa.CheckConstraint(
            "auth_status in ('pending', 'authorized', 'failed', 'expired', 'revoked')",
            name=op.f("ck_facilities_auth_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facilities")),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_kind", sa.Text(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "account_kind in ('commercial', 'residential')", name=op.f("ck_people_account_kind")
        ),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_people_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
            name=op.f("fk_api_tokens_person_id_people"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_tokens_secret_hash")),
    )
    op.create_index(op.f("ix_api_tokens_person_id"), "api_tokens", ["person_id"], unique=False)
    op.create_table(
        "authorizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("utility", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "status_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("granted_scope", sa.Text(), nullable=True),
        sa.Column("resource_uri", sa.Text(), nullable=True),
        sa.Column("authorization_uri", sa.Text(), nullable=True),
        sa.Column("customer_resource_uri", sa.Text(), nullable=True),
        sa.Column("consent_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("last_sync", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_health", sa.Text(), nullable=False),
        sa.Column("sync_health_code", sa.Text(), nullable=True),
        sa.Column("sync_health_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("authorized_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "method in ('green_button', 'utilityapi')", name=op.f("ck_authorizations_method")
        ),
        sa.CheckConstraint(
            "status in ('pending', 'authorized', 'failed', 'expired', 'revoked')",
            name=op.f("ck_authorizations_status"),
        ),
        sa.CheckConstraint(
            "sync_health in ('ok', 'delayed', 'blocked')",
            name=op.f("ck_authorizations_sync_health"),
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facilities.id"],
            name=op.f("fk_authorizations_facility_id_facilities"),
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["people.id"], name=op.f("fk_authorizations_requested_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorizations")),
    )
    op.create_index(
        "ix_authorizations_due",
        "authorizations",
        ["shard", "id"],
        unique=False,
        postgresql_where="status = 'authorized'",
    )
    op.create_index(
        op.f("ix_authorizations_facility_id"), "authorizations", ["facility_id"], unique=False
    )
    op.create_index(
        op.f("ix_authorizations_provider_external_id"),
        "authorizations",
        ["provider", "external_id"],
        unique=False,
    )
    op.create_table(
        "facility_roles",
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "role in ('owner', 'operator', 'owner_operator')", name=op.f("ck_facility_roles_role")
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facilities.id"],
            name=op.f("fk_facility_roles_facility_id_facilities"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
            name=op.f("fk_facility_roles_person_id_people"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("facility_id", "person_id", name=op.f("pk_facility_roles")),
    )
    op.create_index(
        op.f("ix_facility_roles_person_id"), "facility_roles", ["person_id"], unique=False
    )
    op.create_table(
        "authorization_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=True),
        sa.Column("code_verifier_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("form_uid", sa.Text(), nullable=True),
        sa.Column("referral", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_authorization_sessions_authorization_id_authorizations"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name=op.f("fk_authorization_sessions_person_id_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorization_sessions")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_authorization_sessions_state_hash")),
    )
    op.create_index(
        op.f("ix_authorization_sessions_authorization_id"),
        "authorization_sessions",
        ["authorization_id"],
        unique=False,
    )
    op.create_table(
        "awaited_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=False),
        sa.Column("request_url", sa.Text(), nullable=False),
        sa.Column("url_key", sa.Text(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "requested_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("notified_url", sa.Text(), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_awaited_batches_authorization_id_authorizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_awaited_batches")),
    )
    op.create_index(
        "ix_awaited_batches_key",
        "awaited_batches",
        ["url_key"],
        unique=False,
        postgresql_where="fetched_at is null",
    )
    op.create_index(
        "uq_awaited_batches_open",
        "awaited_batches",
        ["authorization_id", "request_url"],
        unique=True,
        postgresql_where="fetched_at is null",
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("obtained_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_grants_authorization_id_authorizations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
    )
    op.create_index(
        "uq_grants_current",
        "grants",
        ["authorization_id"],
        unique=True,
        postgresql_where="ended_at is null",
    )
    op.create_table(
        "landed_payloads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("byte_count", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("parser", sa.Text(), nullable=True),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("warnings", sa.Integer(), nullable=False),
        sa.Column("parsed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state in ('landed', 'parsed', 'empty', 'unreadable')",
            name=op.f("ck_landed_payloads_state"),
        ),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("ck_landed_payloads_sha256")),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_landed_payloads_authorization_id_authorizations"),
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"],
            ["facilities.id"],
            name=op.f("fk_landed_payloads_facility_id_facilities"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_landed_payloads")),
    )
    op.create_index(
        op.f("ix_landed_payloads_authorization_id_received_at"),
        "landed_payloads",
        ["authorization_id", "received_at"],
        unique=False,
    )
    op.create_index(
        "uq_landed_payloads_bytes", "landed_payloads", ["facility_id", "sha256"], unique=True
    )
    op.create_table(
        "meters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("utility", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("commodity", sa.Text(), nullable=False),
        sa.Column("meter_numbers", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("service_address", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("agreement_id", sa.Text(), nullable=True),
        sa.Column("service_class", sa.Text(), nullable=True),
        sa.Column("tariff", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("blocks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "first_seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_meters_authorization_id_authorizations"),
        ),
        sa.ForeignKeyConstraint(
            ["facility_id"], ["facilities.id"], name=op.f("fk_meters_facility_id_facilities")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meters")),
    )
    op.create_index(
        op.f("ix_meters_authorization_id"), "meters", ["authorization_id"], unique=False
    )
    op.create_index(
        "uq_meters_external", "meters", ["facility_id", "provider", "external_id"], unique=True
    )
    op.create_table(
        "work_orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=False),
        sa.Column("window_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("window_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column(
            "opened_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "not_before",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error_code", sa.Text(), nullable=True),
        sa.Column("progress", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind in ('collect', 'repull', 'revoke', 'rotate')", name=op.f("ck_work_orders_kind")
        ),
        sa.CheckConstraint(
            "outcome in ('done', 'given_up', 'cancelled')", name=op.f("ck_work_orders_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_work_orders_authorization_id_authorizations"),
        ),
        sa.ForeignKeyConstraint(
            ["requested_by"], ["people.id"], name=op.f("fk_work_orders_requested_by_people")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_orders")),
    )
    op.create_index(
        op.f("ix_work_orders_authorization_id"), "work_orders", ["authorization_id"], unique=False
    )
    op.create_index(
        "ix_work_orders_open",
        "work_orders",
        ["not_before"],
        unique=False,
        postgresql_where="done_at is null",
    )
    op.create_table(
        "meter_channels",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("meter_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("commodity", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["meter_id"], ["meters.id"], name=op.f("fk_meter_channels_meter_id_meters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_channels")),
    )
    op.create_index(
        "uq_meter_channels_key",
        "meter_channels",
        ["meter_id", "direction", "unit", "measure", "label"],
        unique=True,
    )
    op.create_table(
        "sync_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("authorization_id", sa.Uuid(), nullable=False),
        sa.Column("work_order_id", sa.Uuid(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payloads", sa.Integer(), nullable=False),
        sa.Column("readings", sa.Integer(), nullable=False),
        sa.Column("restated", sa.Integer(), nullable=False),
        sa.Column("unreadable", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["authorization_id"],
            ["authorizations.id"],
            name=op.f("fk_sync_attempts_authorization_id_authorizations"),
        ),
        sa.ForeignKeyConstraint(
            ["work_order_id"],
            ["work_orders.id"],
            name=op.f("fk_sync_attempts_work_order_id_work_orders"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_attempts")),
    )
    op.create_index(
        op.f("ix_sync_attempts_authorization_id_started_at"),
        "sync_attempts",
        ["authorization_id", "started_at"],
        unique=False,
    )
    op.create_table(
        "coverage_days",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("meter_day", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("present", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Integer(), nullable=False),
        sa.Column("restated", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state in ('not_due', 'not_asked', 'asked_empty', 'partial', 'complete',"
            " 'estimated', 'restated')",
            name=op.f("ck_coverage_days_state"),
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["meter_channels.id"],
            name=op.f("fk_coverage_days_channel_id_meter_channels"),
        ),
        sa.PrimaryKeyConstraint("channel_id", "meter_day", name=op.f("pk_coverage_days")),
    )
    op.create_index(
        op.f("ix_coverage_days_meter_day"), "coverage_days", ["meter_day"], unique=False
    )
    op.create_table(
        "series",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("interval_s", sa.Integer(), nullable=False),
        sa.Column("first_start", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_end", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "interval_s = 0 or mod(86400, interval_s) = 0", name=op.f("ck_series_divides_the_day")
        ),
        sa.CheckConstraint("interval_s >= 0", name=op.f("ck_series_interval_s")),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["meter_channels.id"], name=op.f("fk_series_channel_id_meter_channels")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
    )
    op.create_index("uq_series_key", "series", ["channel_id", "interval_s"], unique=True)
    op.create_table(
        "interval_days",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("utc_day", sa.Date(), nullable=False),
        sa.Column("readings", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("wide_readings", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=True),
        sa.Column("qualities", postgresql.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("payload_id", sa.Uuid(), nullable=False),
        sa.Column("other_payload_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cardinality(readings) > 0", name=op.f("ck_interval_days_has_slots")),
        sa.PrimaryKeyConstraint("series_id", "utc_day", name=op.f("pk_interval_days")),
    )
    op.create_table(
        "interval_days_history",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("utc_day", sa.Date(), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("readings", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("wide_readings", postgresql.ARRAY(sa.BigInteger()), nullable=True),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=True),
        sa.Column("qualities", postgresql.ARRAY(sa.SmallInteger()), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("payload_id", sa.Uuid(), nullable=False),
        sa.Column("other_payload_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("restated_slots", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payload_id"],
            ["landed_payloads.id"],
            name=op.f("fk_interval_days_history_payload_id_landed_payloads"),
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_interval_days_history_series_id_series")
        ),
        sa.PrimaryKeyConstraint(
            "series_id",
            "utc_day",
            "superseded_at",
            "recorded_at",
            name=op.f("pk_interval_days_history"),
        ),
    )
    op.create_table(
        "period_readings",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=True),
        sa.Column("payload_id", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("duration_s >= 0", name=op.f("ck_period_readings_duration_s")),
        sa.ForeignKeyConstraint(
            ["payload_id"],
            ["landed_payloads.id"],
            name=op.f("fk_period_readings_payload_id_landed_payloads"),
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_period_readings_series_id_series")
        ),
        sa.PrimaryKeyConstraint("series_id", "start_at", name=op.f("pk_period_readings")),
    )
    op.create_table(
        "period_readings_history",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("start_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("duration_s", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("exponent", sa.SmallInteger(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=True),
        sa.Column("payload_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["payload_id"],
            ["landed_payloads.id"],
            name=op.f("fk_period_readings_history_payload_id_landed_payloads"),
        ),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_period_readings_history_series_id_series")
        ),
        sa.PrimaryKeyConstraint(
            "series_id",
            "start_at",
            "superseded_at",
            "recorded_at",
            name=op.f("pk_period_readings_history"),
        ),
    )
    op.execute(INTERVALS_VIEW)
    op.execute(NO_ORPHAN_DAYS)
    op.execute(INSERT_ONLY)


def downgrade() -> None:
    op.execute("drop view intervals")
    op.execute("drop trigger audit_entries_insert_only on audit_entries")
    op.execute("drop function refuse_change()")
    op.drop_table("period_readings_history")
    op.drop_table("period_readings")
    op.drop_table("interval_days_history")
    op.drop_table("interval_days")
    op.execute("drop function refuse_orphan_days()")
    op.drop_index("uq_series_key", table_name="series")
    op.drop_table("series")
    op.drop_index(op.f("ix_coverage_days_meter_day"), table_name="coverage_days")
    op.drop_table("coverage_days")
    op.drop_index(op.f("ix_sync_attempts_authorization_id_started_at"), table_name="sync_attempts")
    op.drop_table("sync_attempts")
    op.drop_index("uq_meter_channels_key", table_name="meter_channels")
    op.drop_table("meter_channels")
    op.drop_index(
        "ix_work_orders_open", table_name="work_orders", postgresql_where="done_at is null"
    )
    op.drop_index(op.f("ix_work_orders_authorization_id"), table_name="work_orders")
    op.drop_table("work_orders")
    op.drop_index("uq_meters_external", table_name="meters")
    op.drop_index(op.f("ix_meters_authorization_id"), table_name="meters")
    op.drop_table("meters")
    op.drop_index("uq_landed_payloads_bytes", table_name="landed_payloads")
    op.drop_index(
        op.f("ix_landed_payloads_authorization_id_received_at"), table_name="landed_payloads"
    )
    op.drop_table("landed_payloads")
    op.execute("drop function refuse_orphaning()")
    op.drop_index("uq_grants_current", table_name="grants", postgresql_where="ended_at is null")
    op.drop_table("grants")
    op.drop_index(
        "uq_awaited_batches_open",
        table_name="awaited_batches",
        postgresql_where="fetched_at is null",
    )
    op.drop_index(
        "ix_awaited_batches_key",
        table_name="awaited_batches",
        postgresql_where="fetched_at is null",
    )
    op.drop_table("awaited_batches")
    op.drop_index(
        op.f("ix_authorization_sessions_authorization_id"), table_name="authorization_sessions"
    )
    op.drop_table("authorization_sessions")
    op.drop_index(op.f("ix_facility_roles_person_id"), table_name="facility_roles")
    op.drop_table("facility_roles")
    op.drop_index(op.f("ix_authorizations_provider_external_id"), table_name="authorizations")
    op.drop_index(op.f("ix_authorizations_facility_id"), table_name="authorizations")
    op.drop_index(
        "ix_authorizations_due",
        table_name="authorizations",
        postgresql_where="status = 'authorized'",
    )
    op.drop_table("authorizations")
    op.drop_index(op.f("ix_api_tokens_person_id"), table_name="api_tokens")
    op.drop_table("api_tokens")
    op.drop_table("people")
    op.drop_table("facilities")
    op.drop_index(op.f("ix_audit_entries_facility_id"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_event_at"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_authorization_id"), table_name="audit_entries")
    op.drop_table("audit_entries")
