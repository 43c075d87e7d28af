"""The audit log is written by two functions alone: one appends, one removes what is old.

They run as the owner of the tables, so that the role the product works as needs no right to write
there. Which rights that role has stands in ``dcarbon/db/privileges.py``.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REFUSE = """
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is insert-only', tg_table_name using errcode = 'insufficient_privilege';
end
$$;
"""
# ``body`` is the canonical JSON of an entry without its end: ``previous_hash`` and ``seq`` are the
# last members by name. The columns are read from what is hashed, so that they cannot differ.
APPEND = """
create function append_audit_entries(bodies text[]) returns bigint
language plpgsql security definer as $$
declare
    number bigint;
    link bytea;
    body text;
    entry jsonb;
begin
    perform pg_advisory_xact_lock(4918275);
    select seq, hash into number, link from audit_entries order by seq desc limit 1;
    if not found then
        number := 0;
        link := decode(repeat('00', 32), 'hex');
    end if;
    foreach body in array bodies loop
        number := number + 1;
        body := body || ',"previous_hash":"' || encode(link, 'hex') || '","seq":' || number || '}';
        entry := body::jsonb;
        insert into audit_entries (seq, at, event, actor_kind, actor_id, facility_id,
                                   authorization_id, ip, details, previous_hash, hash)
        values (number, (entry->>'at')::timestamptz, entry->>'event', entry->>'actor_kind',
                (entry->>'actor_id')::uuid, (entry->>'facility_id')::uuid,
                (entry->>'authorization_id')::uuid, (entry->>'ip')::inet, entry->'details',
                link, sha256(convert_to(body, 'UTF8')))
        returning hash into link;
    end loop;
    return number;
end
$$;
"""
CHECKPOINT = """
create function check_audit_checkpoint() returns trigger language plpgsql as $$
begin
    select count(*), max(at) into new.entries, new.newest_at
        from audit_entries where seq <= new.last_seq;
    if not exists (select from audit_entries where seq = new.last_seq and hash = new.last_hash)
    then
        raise exception 'a checkpoint names an entry that is there';
    end if;
    if not exists (select from audit_entries where seq > new.last_seq) then
        raise exception 'the last entry of the log is never removed';
    end if;
    if new.newest_at > now() - interval '365 days' then
        raise exception 'an audit entry is kept for a year at least';
    end if;
    new.removed_at := now();
    return new;
end
$$;
create trigger audit_checkpoints_are_true
before insert on audit_checkpoints for each row execute function check_audit_checkpoint();
create trigger audit_checkpoints_insert_only
before update or delete or truncate on audit_checkpoints
for each statement execute function refuse_change();
"""
REMOVE = """
create function refuse_removal() returns trigger language plpgsql as $$
begin
    if not exists (select from audit_checkpoints where removed_at = now()) then
        raise exception 'audit_entries is insert-only' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;
create function refuse_removal_beyond() returns trigger language plpgsql as $$
begin
    if exists (select from removed
               where seq > (select max(last_seq) from audit_checkpoints where removed_at = now()))
    then
        raise exception 'audit_entries is insert-only' using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;
drop trigger audit_entries_insert_only on audit_entries;
create trigger audit_entries_insert_only
before update or truncate on audit_entries for each statement execute function refuse_change();
create trigger audit_entries_removal
before delete on audit_entries for each statement execute function refuse_removal();
create trigger audit_entries_removal_beyond
after delete on audit_entries referencing old table as removed
for each statement execute function refuse_removal_beyond();

create function remove_audit_entries(last bigint) returns setof audit_checkpoints
language plpgsql security definer as $$
begin
    perform pg_advisory_xact_lock(4918275);
    return query
        insert into audit_checkpoints (last_seq, last_hash)
        select seq, hash from audit_entries where seq = last returning *;
    delete from audit_entries where seq <= last;
end
$$;
"""
FUNCTIONS = ("append_audit_entries(text[])", "remove_audit_entries(bigint)")
REFUSE_BEFORE = """
create or replace function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'audit_entries is insert-only' using errcode = 'insufficient_privilege';
end
$$;
drop trigger audit_entries_removal_beyond on audit_entries;
drop trigger audit_entries_removal on audit_entries;
drop trigger audit_entries_insert_only on audit_entries;
create trigger audit_entries_insert_only
before update or delete or truncate on audit_entries
for each statement execute function refuse_change();
"""

ABOUT = "(details ->> 'person'::text)"
WORDS = "jsonb_to_tsvector('simple'::regconfig, details, '[\"string\"]'::jsonb)"


def upgrade() -> None:
    _index_for_search()
    op.create_table(
        "audit_checkpoints",
        sa.Column("last_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_hash", sa.LargeBinary(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("newest_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("last_seq", name=op.f("pk_audit_checkpoints")),
    )
    for statements in (REFUSE, APPEND, CHECKPOINT, REMOVE):
        op.execute(statements)
    schema = op.get_bind().execute(sa.text("select quote_ident(current_schema())")).scalar_one()
    for function in FUNCTIONS:
        # What runs as the owner looks nowhere else for its tables, whoever calls it.
        op.execute(f"alter function {function} set search_path = {schema}, pg_temp")
        op.execute(f"revoke execute on function {function} from public")


def downgrade() -> None:
    _index_as_before()
    for function in FUNCTIONS:
        op.execute(f"drop function {function}")
    op.execute(REFUSE_BEFORE)
    op.execute("drop function refuse_removal()")
    op.execute("drop function refuse_removal_beyond()")
    op.drop_table("audit_checkpoints")
    op.execute("drop function check_audit_checkpoint()")


def _index_for_search() -> None:
    """Each filter's index has the time beside it: the newest entries come without sorting."""
    for column in ("authorization_id", "facility_id"):
        op.drop_index(op.f(f"ix_audit_entries_{column}"), table_name="audit_entries")
    op.create_index(op.f("ix_audit_entries_at"), "audit_entries", ["at"])
    for column in ("authorization_id", "facility_id", "actor_id", "ip"):
        op.create_index(
            op.f(f"ix_audit_entries_{column}_at"),
            "audit_entries",
            [column, "at"],
            postgresql_where=f"{column} is not null",
        )
    op.create_index(
        "ix_audit_entries_about",
        "audit_entries",
        [sa.text(ABOUT), "at"],
        postgresql_where=f"{ABOUT} is not null",
    )
    # A partial index tells the planner nothing of how often a value is there.
    op.execute(f"create statistics audit_entries_about on {ABOUT} from audit_entries")
    op.create_index(
        "ix_audit_entries_words", "audit_entries", [sa.text(WORDS)], postgresql_using="gin"
    )


def _index_as_before() -> None:
    op.execute("drop statistics audit_entries_about")
    for name in ("words", "about", "ip_at", "actor_id_at", "facility_id_at", "authorization_id_at"):
        op.drop_index(op.f(f"ix_audit_entries_{name}"), table_name="audit_entries")
    op.drop_index(op.f("ix_audit_entries_at"), table_name="audit_entries")
    for column in ("authorization_id", "facility_id"):
        op.create_index(op.f(f"ix_audit_entries_{column}"), "audit_entries", [column])
