"""Audit entries by the million, laid straight into the table, as years would leave them.

Most are collections of the night by the system; people sign in, look and export; a few things are
rare, and some of them happened long ago only. The hashes are no chain: searching does not look.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, text

from benchmarks import authorizations_fill

APART_S = 95
"""A million entries are three years."""
_ENTRIES = f"""
with f as (select array_agg(id order by id) as ids from facilities),
     p as (select array_agg(id order by id) as ids from people),
     a as (select array_agg(id order by id) as ids, array_agg(facility_id order by id) as at
           from authorizations)
insert into audit_entries (seq, at, event, actor_kind, actor_id, facility_id, authorization_id, ip,
                           details, previous_hash, hash)
select n, cast(:now as timestamptz) - (cast(:count as bigint) - n) * interval '{APART_S} seconds',
       e.event, case when e.by_person then 'person' else 'system' end,
       case when e.by_person then p.ids[1 + (n * 7919 % 997 * (n % 5)) % cardinality(p.ids)] end,
       case when e.at = 'authorization' then a.at[1 + n * 31 % cardinality(a.ids)]
            when e.at = 'facility' then f.ids[1 + n * 17 % cardinality(f.ids)] end,
       case when e.at = 'authorization' then a.ids[1 + n * 31 % cardinality(a.ids)] end,
       case when e.by_person
            then ('198.51.' || 100 + n % 7 || '.' || n / 7 % 250)::inet end,
       case e.event
           when 'interval_data_imported' then jsonb_build_object('new', n % 2976, 'restated', 0,
               'start', '2026-03-01T08:00:00+00:00', 'end', '2026-04-01T07:00:00+00:00')
           when 'payload_unreadable' then jsonb_build_object(
               'payload', encode(sha256(n::text::bytea), 'hex'),
               'code', (array['not_xml', 'no_readings', 'time_naive'])[1 + n % 3])
           when 'person_updated' then jsonb_build_object(
               'person', p.ids[1 + n % cardinality(p.ids)])
           when 'data_exported' then jsonb_build_object('format', 'csv', 'readings', n % 70000)
           else jsonb_build_object('provider', (array['pge', 'sce', 'sdge'])[1 + n % 3],
               'order', md5(n::text)::uuid)
       end,
       sha256((n - 1)::text::bytea), sha256(n::text::bytea)
from generate_series(1, cast(:count as bigint)) as n
cross join f cross join p cross join a
cross join lateral (select
    case when n % 10000 = 17 then 'admin_created' when n < 2000 and n % 50 = 3 then 'file_imported'
         when n % 100 < 62 then 'interval_data_imported' when n % 100 < 72 then 'signed_in'
         when n % 100 < 80 then 'token_rotated' when n % 100 < 85 then 'payload_unreadable'
         when n % 100 < 90 then 'data_exported' when n % 100 < 93 then 'person_updated'
         when n % 100 < 97 then 'authorization_started' else 'authorization_failed' end as event
    ) k
cross join lateral (select k.event,
    k.event in ('admin_created', 'signed_in', 'data_exported', 'person_updated', 'file_imported',
                'authorization_started') as by_person,
    case when k.event in ('admin_created', 'signed_in', 'person_updated') then 'nowhere'
         when k.event in ('data_exported', 'file_imported') then 'facility'
         else 'authorization' end as at
    ) e
"""


def fill(engine: Engine, *, count: int, now: datetime) -> None:
    """Lay people, facilities and authorizations, and ``count`` entries about them."""
    authorizations_fill.fill(engine, count=10_000, now=now)
    with engine.begin() as connection:
        connection.execute(text(_ENTRIES), {"count": count, "now": now})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
