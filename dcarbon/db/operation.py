"""Counts and ages that say how the house is doing. Each statement reads a little and waits for
nobody; none names a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

# An attempt that is open for longer than a run may take has no process any more.
_OPEN_ORDERS = text("""
    select o.kind,
           case when exists (select from sync_attempts t
                             where t.authorization_id = o.authorization_id
                               and t.started_at > :run_began_after
                               and t.work_order_id = o.id and t.finished_at is null)
                then 'running'
                when o.not_before <= :now then 'due'
                when o.last_error_code is not null then 'put_off'
                else 'waiting'
           end as state,
           count(*) as count, min(o.not_before) as since
    from work_orders o where o.done_at is null group by 1, 2
""")

_CLOSED_ORDERS = text("""
    select kind, outcome, count(*) from work_orders where done_at > :since group by 1, 2
""")

_AUTHORIZATIONS = text("""
    select provider, status, count(*) from authorizations group by 1, 2
""")

_LAGS = text("""
    select provider, count(*) as authorizations,
           count(*) filter (where last_sync is null) as never,
           count(*) filter (where coalesce(last_sync, created_at) < :late_before) as late,
           count(*) filter (where sync_health = 'delayed') as delayed,
           count(*) filter (where sync_health = 'blocked') as blocked,
           count(*) filter (where sync_health_code = any(:refusing)) as refused,
           min(last_sync) as oldest, max(last_sync) as newest,
           percentile_disc(0.5) within group (order by last_sync) as median
    from authorizations where status = 'authorized' group by 1
""")

_MAILS = text("""
    select count(*) filter (where is_unsent) as waiting,
           count(*) filter (where is_unsent and not_before <= :now) as due,
           min(created_at) filter (where is_unsent) as oldest,
           min(created_at) filter (where is_unsent and attempts > 0) as oldest_tried,
           count(*) filter (where given_up_at > :since) as given_up
    from (select *, sent_at is null and given_up_at is null as is_unsent
          from mails where sent_at is null) as unsent
""")

_AUDIT = text("select seq, at from audit_entries order by seq desc limit 1")

_SERVER = text("""
    select current_setting('server_version') as version,
           pg_database_size(current_database()) as size,
           (select count(*) from pg_stat_activity where datid is not null) as connections,
           current_setting('max_connections')::int as most_connections,
           clock_timestamp() as clock
""")


@dataclass(frozen=True, slots=True)
class OrderCount:
    """Open work orders; ``since`` is when the first of them was or is due."""

    kind: str
    state: str
    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class ClosedCount:
    kind: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class StatusCount:
    provider: str
    status: str
    count: int


class Lag(NamedTuple):
    """How long ago one provider's authorizations were synced; ``refused``: it refuses us."""

    provider: str
    authorizations: int
    never: int
    late: int
    delayed: int
    blocked: int
    refused: int
    oldest: datetime | None
    newest: datetime | None
    median: datetime | None


class MailQueue(NamedTuple):
    """Unsent mails, and those given up of late. ``oldest_tried`` is one that did not go out."""

    waiting: int
    due: int
    oldest: datetime | None
    oldest_tried: datetime | None
    given_up: int


class AuditEnd(NamedTuple):
    """The last entry of the audit log."""

    seq: int
    at: datetime


class Server(NamedTuple):
    """The database server; ``clock`` is its own."""

    version: str
    size: int
    connections: int
    most_connections: int
    clock: datetime


def open_orders(session: Session, *, now: datetime, longest_run: timedelta) -> list[OrderCount]:
    """Count open orders: ``running``, ``due``, ``put_off`` after a failure, or ``waiting``."""
    values = {"now": now, "run_began_after": now - longest_run}
    return [OrderCount(*row) for row in session.execute(_OPEN_ORDERS, values)]


def closed_orders(session: Session, *, since: datetime) -> list[ClosedCount]:
    return [ClosedCount(*row) for row in session.execute(_CLOSED_ORDERS, {"since": since})]


def authorizations(session: Session) -> list[StatusCount]:
    return [StatusCount(*row) for row in session.execute(_AUTHORIZATIONS)]


def lags(session: Session, *, late_before: datetime, refusing: Sequence[str]) -> list[Lag]:
    """Return every provider that somebody is authorized at. ``refusing`` are codes of failures."""
    values = {"late_before": late_before, "refusing": list(refusing)}
    return [Lag(*row) for row in session.execute(_LAGS, values)]


def mails(session: Session, *, now: datetime, since: datetime) -> MailQueue:
    """Count mails; those given up count since ``since``."""
    return MailQueue(*session.execute(_MAILS, {"now": now, "since": since}).one())


def audit_end(session: Session) -> AuditEnd | None:
    row = session.execute(_AUDIT).first()
    return AuditEnd(*row) if row else None


def server(session: Session) -> Server:
    return Server(*session.execute(_SERVER).one())
