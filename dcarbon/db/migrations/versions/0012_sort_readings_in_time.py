"""Sorting interval days: a rest that was written anew is begun again, and the end locks nobody out
while it waits.

Only functions are replaced. A sort that is under way begins again: nobody knows whether its place
still holds.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# How far a sort is, is a number of a block, and holds only for the file it was counted in: a
# restore, ``vacuum full`` or ``cluster`` lays the rows elsewhere. A file that is not known is
# another one.
NOTE_FILE = "alter table if exists interval_days_sorting add column file text"
FORGET_FILE = "alter table if exists interval_days_sorting drop column file"
# The lock is LockNumber.INTERVAL_MONTHS. Whoever cannot get a table in two seconds gives way to
# those who use it, and comes again.
BEGIN_SORTING = """
create or replace function begin_sorting_intervals(last date) returns void
language plpgsql security definer set search_path = {schema}, pg_temp set lock_timeout = '2s' as $$
declare
    month date;
begin
    perform pg_advisory_xact_lock(4918279);
    if to_regclass('interval_days_sorting') is not null then
        return;
    end if;
    create table interval_days_sorted (like interval_days including all)
        partition by range (utc_day);
    create table interval_days_sorted_rest partition of interval_days_sorted default;
    for month in
        select distinct date_trunc('month', utc_day)::date from interval_days_rest
        where utc_day >= '1990-01-01' and utc_day < last + interval '1 month'
    loop
        execute format(
            'create table %I partition of interval_days_sorted'
            ' (constraint of_its_month check (utc_day >= %L and utc_day < %L))'
            ' for values from (%L) to (%L)',
            'interval_days_' || to_char(month, 'YYYY_MM'),
            month, (month + interval '1 month')::date, month, (month + interval '1 month')::date);
    end loop;
    create table interval_days_touched (series_id uuid not null, utc_day date not null);
    create trigger interval_days_inserted_touched after insert on interval_days
        referencing new table as written for each statement execute function note_touched_days();
    create trigger interval_days_updated_touched after update on interval_days
        referencing new table as written for each statement execute function note_touched_days();
    create trigger interval_days_deleted_touched after delete on interval_days
        referencing old table as written for each statement execute function note_touched_days();
    create table interval_days_sorting as
        select 0::bigint as next_block,
               pg_relation_size('interval_days_rest')
                   / current_setting('block_size')::bigint as blocks,
               pg_relation_filepath('interval_days_rest') as file;
    if exists (select from pg_roles where rolname = 'dcarbon_app') then
        grant select, insert, update, delete
            on interval_days_sorted, interval_days_touched, interval_days_sorting to dcarbon_app;
    end if;
end
$$;
"""
# A row that moved on to a later block is met twice: it was noted, and is copied again at the end.
# The lock on the rest keeps its file the same until the step is done.
SORT = """
create or replace function sort_intervals(most_blocks bigint) returns bigint
language plpgsql security definer set search_path = {schema}, pg_temp as $$
declare
    place record;
    until bigint;
begin
    perform pg_advisory_xact_lock(4918279);
    if to_regclass('interval_days_sorting') is null then
        return 0;
    end if;
    lock table interval_days_rest in access share mode;
    if exists (select from interval_days_sorting
               where file is distinct from pg_relation_filepath('interval_days_rest')) then
        truncate interval_days_sorted;
        update interval_days_sorting
        set next_block = 0,
            blocks = pg_relation_size('interval_days_rest')
                         / current_setting('block_size')::bigint,
            file = pg_relation_filepath('interval_days_rest');
    end if;
    select * into place from interval_days_sorting;
    until := least(place.next_block + most_blocks, place.blocks);
    insert into interval_days_sorted
    select * from interval_days_rest
    where ctid >= format('(%s,0)', place.next_block)::tid and ctid < format('(%s,0)', until)::tid
    on conflict do nothing;
    update interval_days_sorting set next_block = until;
    perform copy_touched_days();
    return place.blocks - until;
end
$$;
"""
# Whoever waits for the lock on everything has all behind it wait too. So the server's own cleaning
# is sent away before, where nobody stands behind: it goes after a second, from each part anew.
FINISH_SORTING = """
create or replace function finish_sorting_intervals() returns int
language plpgsql security definer set search_path = {schema}, pg_temp set lock_timeout = '2s' as $$
declare
    part text;
    month date;
    sorted int := 0;
begin
    perform pg_advisory_xact_lock(4918279);
    if to_regclass('interval_days_sorting') is null then
        return 0;
    end if;
    lock table interval_days_sorted in access exclusive mode;
    lock table interval_days in share update exclusive mode;
    if exists (select from interval_days_sorting
               where next_block < blocks
                  or file is distinct from pg_relation_filepath('interval_days_rest')) then
        raise exception 'interval days are not all copied';
    end if;
    perform copy_touched_days();
    lock table interval_days in access exclusive mode;
    perform copy_touched_days();
    alter table interval_days detach partition interval_days_rest;
    drop table interval_days_rest;
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'interval_days_sorted'::regclass
          and c.relname <> 'interval_days_sorted_rest'
        order by 1
    loop
        month := to_date(right(part, 7), 'YYYY_MM');
        execute format('alter table interval_days_sorted detach partition %I', part);
        execute format('alter table interval_days attach partition %I for values from (%L) to (%L)',
                       part, month, (month + interval '1 month')::date);
        execute format('alter table %I drop constraint of_its_month', part);
        sorted := sorted + 1;
    end loop;
    alter table interval_days_sorted detach partition interval_days_sorted_rest;
    alter table interval_days_sorted_rest rename to interval_days_rest;
    alter table interval_days attach partition interval_days_rest default;
    perform forget_sorting_intervals();
    return sorted;
end
$$;
"""


def upgrade() -> None:
    """Replace the functions of a sort; who may call them is as before."""
    op.execute(NOTE_FILE)
    _lay(BEGIN_SORTING, SORT, FINISH_SORTING)


def downgrade() -> None:
    """Lay the functions of the revision before again."""
    script = op.get_context().script
    assert script is not None
    before = script.get_revision(down_revision).module
    _lay(
        *(
            function.replace("create function", "create or replace function")
            for function in (before.BEGIN_SORTING, before.SORT, before.FINISH_SORTING)
        )
    )
    op.execute(FORGET_FILE)


def _lay(*functions: str) -> None:
    schema = op.get_bind().scalar(text("select quote_ident(current_schema())"))
    for function in functions:
        op.execute(function.format(schema=schema))
