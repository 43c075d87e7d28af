"""Interval days by month: the table becomes the rest of a partitioned one, which takes no time.

Nothing is rewritten and no row is looked at here. ``dcarbon/db/interval_months.py`` makes months
and moves the rest into them, through functions that run as the owner of the tables: the role the
product works as may define nothing.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TRIGGERS = {
    "interval_days_inserted": ("insert", "refuse_orphan_days"),
    "interval_days_updated": ("update", "refuse_orphan_days"),
    "interval_days_inserted_mark": ("insert", "mark_changed_days"),
    "interval_days_updated_mark": ("update", "mark_changed_days"),
}
# A trigger of a statement belongs to the table the statement names: the one with the months.
TRIGGER = """
create trigger {name} after {event} on interval_days
referencing new table as written for each statement execute function {function}()
"""
INTERVALS_VIEW = """
create or replace view intervals as
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
# Who reads the view locks it before the table. So does this, or each would wait for the other.
LOCK_VIEW = "alter view intervals reset (security_barrier)"
# The lock is LockNumber.INTERVAL_MONTHS. Whoever cannot get a table in two seconds gives way to
# those who use it, and comes again.
ADD_MONTHS = """
create function add_interval_months(first date, last date) returns int
language plpgsql security definer set search_path = {schema}, pg_temp set lock_timeout = '2s' as $$
declare
    month date;
    part text;
    added int := 0;
begin
    perform pg_advisory_xact_lock(4918279);
    for month in select generate_series(first, last, '1 month')::date loop
        part := 'interval_days_' || to_char(month, 'YYYY_MM');
        continue when to_regclass(part) is not null;
        execute format('create table %I (like interval_days including all)', part);
        execute format('alter table interval_days attach partition %I for values from (%L) to (%L)',
                       part, month, (month + interval '1 month')::date);
        added := added + 1;
    end loop;
    return added;
end
$$;
"""
# What is written while rows are copied is noted, in the transaction that writes it, and copied
# again. The triggers' lock waits for every writer that does not note yet.
BEGIN_SORTING = """
create function begin_sorting_intervals(last date) returns void
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
                   / current_setting('block_size')::bigint as blocks;
    if exists (select from pg_roles where rolname = 'dcarbon_app') then
        grant select, insert, update, delete
            on interval_days_sorted, interval_days_touched, interval_days_sorting to dcarbon_app;
    end if;
end
$$;
create function note_touched_days() returns trigger
language plpgsql security definer set search_path = {schema}, pg_temp as $$
begin
    insert into interval_days_touched select series_id, utc_day from written;
    return null;
end
$$;
"""
# Marks are taken before the rows they mean are read: whoever writes in between leaves a new one.
# Joined by hash, all readings would be read for a few.
COPY_TOUCHED = """
create function copy_touched_days() returns void
language plpgsql security definer set search_path = {schema}, pg_temp
set enable_hashjoin = off set enable_mergejoin = off as $$
declare
    ids uuid[];
    days date[];
begin
    with taken as (delete from interval_days_touched returning series_id, utc_day)
    select array_agg(series_id), array_agg(utc_day) into ids, days
    from (select distinct series_id, utc_day from taken) each;
    delete from interval_days_sorted s using unnest(ids, days) as t(series_id, utc_day)
    where s.series_id = t.series_id and s.utc_day = t.utc_day;
    insert into interval_days_sorted
    select d.* from unnest(ids, days) as t(series_id, utc_day)
    cross join lateral (
        select * from interval_days_rest
        where series_id = t.series_id and utc_day = t.utc_day offset 0
    ) d;
end
$$;
"""
# A row that moved on to a later block is met twice: it was noted, and is copied again at the end.
SORT = """
create function sort_intervals(most_blocks bigint) returns bigint
language plpgsql security definer set search_path = {schema}, pg_temp as $$
declare
    place record;
    until bigint;
begin
    perform pg_advisory_xact_lock(4918279);
    if to_regclass('interval_days_sorting') is null then
        return 0;
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
FINISH_SORTING = """
create function finish_sorting_intervals() returns int
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
    lock table interval_days in access exclusive mode;
    if exists (select from interval_days_sorting where next_block < blocks) then
        raise exception 'interval days are not all copied';
    end if;
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
create function forget_sorting_intervals() returns void
language plpgsql security definer set search_path = {schema}, pg_temp set lock_timeout = '2s' as $$
begin
    drop trigger if exists interval_days_inserted_touched on interval_days;
    drop trigger if exists interval_days_updated_touched on interval_days;
    drop trigger if exists interval_days_deleted_touched on interval_days;
    drop table if exists interval_days_sorted, interval_days_touched, interval_days_sorting;
end
$$;
"""
FUNCTIONS = (
    *("add_interval_months(date, date)", "begin_sorting_intervals(date)"),
    *("note_touched_days()", "copy_touched_days()", "sort_intervals(bigint)"),
    *("finish_sorting_intervals()", "forget_sorting_intervals()"),
)


def upgrade() -> None:
    """Put a table with months over the one there is, and all that is said of it with it."""
    op.execute(LOCK_VIEW)
    for name in TRIGGERS:
        op.execute(f"drop trigger {name} on interval_days")
    op.execute("alter table interval_days rename to interval_days_rest")
    op.execute("alter index pk_interval_days rename to pk_interval_days_rest")
    op.execute(
        "create table interval_days"
        " (like interval_days_rest including defaults including constraints including storage)"
        " partition by range (utc_day)"
    )
    op.execute(
        "alter table interval_days add constraint pk_interval_days primary key (series_id, utc_day)"
    )
    op.execute("alter table interval_days attach partition interval_days_rest default")
    _lay_triggers()
    op.execute(INTERVALS_VIEW)
    schema = op.get_bind().scalar(text("select quote_ident(current_schema())"))
    for function in (
        *(ADD_MONTHS, COPY_TOUCHED, BEGIN_SORTING),
        *(SORT, FINISH_SORTING),
    ):
        op.execute(function.format(schema=schema))
    for name in FUNCTIONS:
        op.execute(f"revoke execute on function {name} from public")


def downgrade() -> None:
    """Gather all months in the one table again: as long as they are, nobody else reads or writes.

    A sort that is under way is forgotten.
    """
    op.execute(LOCK_VIEW)
    op.execute("select forget_sorting_intervals()")
    for name in FUNCTIONS:
        op.execute(f"drop function {name}")
    op.execute("alter table interval_days detach partition interval_days_rest")
    op.execute("insert into interval_days_rest select * from interval_days")
    op.execute("alter table interval_days rename to interval_days_gathered")
    op.execute("alter index pk_interval_days rename to pk_interval_days_gathered")
    op.execute("alter table interval_days_rest rename to interval_days")
    op.execute(
        "do $$ declare found text; begin"
        " select conname into found from pg_constraint"
        " where conrelid = 'interval_days'::regclass and contype = 'p';"
        " execute format('alter index %I rename to pk_interval_days', found); end $$"
    )
    op.execute(INTERVALS_VIEW)
    op.execute("drop table interval_days_gathered")
    _lay_triggers()


def _lay_triggers() -> None:
    for name, (event, function) in TRIGGERS.items():
        op.execute(TRIGGER.format(name=name, event=event, function=function))
