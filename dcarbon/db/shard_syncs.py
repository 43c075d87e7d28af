"""What the sync of one shard has done and has still to do, read from attempts and series."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dcarbon.db.work_orders import SyncAttempt

# Where an authorization stands is the end of its slowest channel. A channel left far behind by the
# others has ended (a meter exchanged, a service closed): waiting for it would mean asking for more
# and more days every night. Bills come weeks late; they count where there is nothing else.
_REACHED = """
    ends as (
        select m.authorization_id, c.id,
               max(s.last_end) filter (where s.interval_s > 0) as on_grid,
               max(s.last_end) as any_end
        from authorizations a
        join meters m on m.authorization_id = a.id
        join meter_channels c on c.meter_id = m.id
        join series s on s.channel_id = c.id
        where {chosen} and s.last_end is not null
        group by m.authorization_id, c.id
    ), aged as (
        select *, max(on_grid) over (partition by authorization_id) as newest from ends
    ), reached as (
        select authorization_id,
               coalesce(
                   min(on_grid) filter (where on_grid >= newest - cast(:ended_after as interval)),
                   max(any_end)
               ) as reached
        from aged group by authorization_id
    )
"""
_REACHED_BY_ONE = text(f"""
    with {_REACHED.format(chosen="a.id = :authorization")}
    select reached from reached
""")  # noqa: S608 — our own condition
# An attempt settles an authorization when it went well, or when an order has taken it over.
_DUE = text(f"""
    with {_REACHED.format(chosen="a.shard = :shard and a.status = 'authorized'")}
    , attempts as (
        select authorization_id,
               bool_or(finished_at is not null and (
                   error_code is null
                   or next_try_at is not null and not error_code = any(:not_its_turn)
               )) as is_settled
        from sync_attempts where sync_key = any(:keys) group by authorization_id
    ), orders as (
        select o.authorization_id,
               bool_or(o.reason = :retry_reason) as is_retry,
               bool_or(o.reason <> :retry_reason) as is_first
        from work_orders o join authorizations a on a.id = o.authorization_id
        where o.done_at is null and o.kind = 'collect' and a.shard = :shard
        group by o.authorization_id
    )
    select a.id, a.provider, r.reached,
           coalesce(t.is_settled, false) as is_settled,
           coalesce(o.is_retry, false) as has_retry
    from authorizations a
    left join reached r on r.authorization_id = a.id
    left join attempts t on t.authorization_id = a.id
    left join orders o on o.authorization_id = a.id
    where a.shard = :shard and a.status = 'authorized'
      -- The first collection belongs to its order, which brings the whole history.
      and not (a.last_sync is null and coalesce(o.is_first, false))
    order by a.last_sync nulls first, a.id
""")  # noqa: S608 — our own condition

_CLOSE = text("""
    update sync_attempts set finished_at = :now, error_code = 'run_ended'
    where sync_key = :key and finished_at is null
      and run_id is distinct from cast(:run_id as text)
      and authorization_id in (select id from authorizations where shard = :shard)
""")

_STILL_FAILED = text("""
    select distinct on (t.authorization_id)
           t.authorization_id, a.facility_id, a.provider, a.utility, t.error_code
    from sync_attempts t join authorizations a on a.id = t.authorization_id
    where t.sync_key = any(:keys) and a.shard = :shard and t.error_code is not null
      and t.next_try_at is not null and not t.error_code = any(:not_its_turn)
      and exists (select from work_orders o
                  where o.authorization_id = t.authorization_id and o.done_at is null)
    order by t.authorization_id, t.started_at desc
""")


@dataclass(frozen=True, slots=True)
class Due:
    """One authorization of a sync. ``reached`` is where its readings end, ``None`` without any."""

    authorization_id: UUID
    provider: str
    reached: datetime | None
    is_settled: bool
    has_retry: bool
    """An order of an earlier sync that failed is open."""


@dataclass(frozen=True, slots=True)
class StillFailed:
    """One authorization whose order of this sync is open, and what stood in the way."""

    authorization_id: UUID
    facility_id: UUID
    provider: str
    utility: str
    error_code: str


def due(
    session: Session,
    *,
    shard: int,
    keys: Collection[str],
    ended_after: timedelta,
    not_its_turn: Collection[str],
    retry_reason: str,
) -> list[Due]:
    """Return the authorizations of a shard, longest unsynced first, settled ones included.

    ``keys`` are the syncs whose attempts count; an attempt that ended with a code of
    ``not_its_turn`` settles nothing.
    """
    rows = session.execute(
        _DUE,
        {
            "shard": shard,
            "keys": list(keys),
            "ended_after": ended_after,
            "not_its_turn": list(not_its_turn),
            "retry_reason": retry_reason,
        },
    )
    return [Due(r.id, r.provider, r.reached, r.is_settled, r.has_retry) for r in rows]


def reached_of(
    session: Session, authorization_id: UUID, *, ended_after: timedelta
) -> datetime | None:
    """Return where the readings of one authorization end, as :class:`Due` says of many."""
    asked = {"authorization": authorization_id, "ended_after": ended_after}
    found: datetime | None = session.scalar(_REACHED_BY_ONE, asked)
    return found


def still_failed(
    session: Session, *, shard: int, keys: Collection[str], not_its_turn: Collection[str]
) -> list[StillFailed]:
    """Return what failed in these syncs and is still being retried by its order."""
    rows = session.execute(
        _STILL_FAILED, {"shard": shard, "keys": list(keys), "not_its_turn": list(not_its_turn)}
    )
    return [StillFailed(*row) for row in rows]


def close_abandoned(
    session: Session, *, shard: int, key: str, run_id: str | None, now: datetime
) -> None:
    """Close the attempts of a sync that another run of it left open: that run is gone."""
    session.execute(_CLOSE, {"shard": shard, "key": key, "run_id": run_id, "now": now})


def next_try(session: Session, authorization_id: UUID, *, key: str) -> datetime | None:
    """Return when the newest attempt of a sync is to be repeated; ``None``: not by us."""
    return session.scalar(
        select(SyncAttempt.next_try_at)
        .where(SyncAttempt.sync_key == key, SyncAttempt.authorization_id == authorization_id)
        .order_by(SyncAttempt.started_at.desc(), SyncAttempt.id.desc())
        .limit(1)
    )
