"""Authorizations by the hundred thousand, laid straight into the tables, as years would leave them.

Most are in force, a few of each kind are not; one facility in twenty had another authorization
before, one in two hundred authorizations names nobody. Utilities are unevenly sized.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, text

_PEOPLE = """
insert into people (id, email, name, account_kind, is_admin, created_at)
select gen_random_uuid(),
       'person' || n || '@' || (array['example.test', 'mail.example.test'])[1 + n % 2],
       (array['Ada', 'Ben', 'Cleo', 'Dov', 'Eve', 'Finn', 'Gus', 'Hana'])[1 + n % 8] || ' '
           || (array['Ash', 'Birch', 'Cedar', 'Elm', 'Fir', 'Hazel', 'Maple'])[1 + n / 3 % 7]
           || ' ' || n,
       'commercial', false, cast(:now as timestamptz) - n * interval '11 minutes'
from generate_series(1, :people) as n
"""
_FACILITIES = """
insert into facilities
    (id, name, account_kind, street, city, state, postal_code, time_zone, created_at)
select gen_random_uuid(),
       (array['Solar Barn', 'North Plant', 'Roof of', 'House', 'School', 'Cold Store'])[1 + n % 6]
           || ' ' || n,
       'commercial', n || ' Rooftop Way', 'Anytown', 'CA', '95000', 'America/Los_Angeles',
       cast(:now as timestamptz) - n * interval '11 minutes'
from generate_series(1, :facilities) as n
"""
_ROLES = """
insert into facility_roles (facility_id, person_id, role, since)
select f.id, p.id, case when f.n % 5 = 0 then 'owner' else 'owner_operator' end, :now
from (select id, row_number() over (order by created_at) as n from facilities) f
join (select id, row_number() over (order by created_at) as n from people) p on p.n = f.n
"""
_AUTHORIZATIONS = """
insert into authorizations (id, facility_id, requested_by, method, provider, utility, status,
    reason_code, reason, status_at, external_id, granted_scope, resource_uri, authorization_uri,
    shard, last_sync, sync_health, sync_health_code, sync_health_since, created_at, authorized_at,
    retries)
select gen_random_uuid(), f.id, case when n % 200 = 0 then null else p.id end,
       case when u.provider = 'utilityapi' then 'utilityapi' else 'green_button' end,
       u.provider, u.utility, s.status, s.code,
       case when s.status <> 'authorized' then repeat('Why it is so and what to do. ', 4) end,
       :now, case when s.status <> 'pending' then (1000000 + n * 7)::text end,
       'FB=1_3_4_5_13_14_39;IntervalDuration=900;BlockDuration=Daily;HistoryLength=13',
       'https://utility.example.test/espi/1_1/resource/Subscription/' || n,
       'https://utility.example.test/espi/1_1/resource/Authorization/' || n,
       n % 16,
       cast(:now as timestamptz) - case
           when s.status = 'authorized' and n % 100 = 1 then interval '4 days'
           when s.status = 'authorized' and n % 50 > 0 then n % 86000 * interval '1 second'
           when s.status in ('expired', 'revoked') then n % 400 * interval '1 day' end,
       case when s.status = 'authorized' and n % 40 = 3 then 'delayed'
            when s.status = 'authorized' and n % 200 = 7 then 'blocked' else 'ok' end,
       case when s.status = 'authorized' and n % 200 = 7 then 'client_credentials_rejected' end,
       cast(:now as timestamptz)
           - case when s.status = 'authorized' and n % 40 in (3, 7) then interval '5 hours' end,
       cast(:now as timestamptz) - (n * 7919 % :count) * interval '11 minutes',
       cast(:now as timestamptz)
           - case when s.status = 'authorized' then interval '30 days' end,
       0
from generate_series(1, :count) as n
join (select id, row_number() over (order by created_at) as at from facilities) f
    on f.at = 1 + (n - 1) % :facilities
join (select id, row_number() over (order by created_at) as at from people) p
    on p.at = 1 + (n - 1) % :people
cross join lateral (select * from (values
    (0, 'pge', 'PG&E'), (1, 'pge', 'PG&E'), (2, 'pge', 'PG&E'), (3, 'sce', 'SCE'),
    (4, 'sce', 'SCE'), (5, 'sdge', 'SDG&E'),
    (6, 'utilityapi', 'U' || n % 60), (7, 'utilityapi', 'U' || n % 60),
    (8, 'utilityapi', 'DEMO'), (9, 'utilityapi', 'U' || n % 7)
) as v (at, provider, utility) where v.at = n / 3 % 10) u
cross join lateral (select
    case when n > :facilities then 'revoked'
         else (array['failed', 'failed', 'expired', 'expired', 'pending', 'pending', 'revoked',
                     'revoked'])[1 + n % 50] end as early,
    n % 997 = 5 as is_ending) e
cross join lateral (select
    case when e.is_ending then 'revoked' else coalesce(e.early, 'authorized') end as status,
    case when e.is_ending then 'ending_at_provider'
         when e.early = 'revoked' then 'ended_at_provider'
         when e.early = 'failed' then 'access_denied' end as code) s
"""


def fill(engine: Engine, *, count: int, now: datetime) -> None:
    """Put ``count`` authorizations, with their facilities and people, into an empty database."""
    facilities = count * 20 // 21
    numbers = {"now": now, "count": count, "facilities": facilities, "people": facilities}
    with engine.begin() as connection:
        for statement in (_PEOPLE, _FACILITIES, _ROLES, _AUTHORIZATIONS):
            connection.execute(text(statement), numbers)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
