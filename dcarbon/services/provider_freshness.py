"""How fresh the readings of each utility are, over all its customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

LATE_AFTER = timedelta(days=3)
"""Utilities publish a day within one to three days."""
_SETTLED_AFTER = timedelta(days=1)
"""An authorization younger than this may still be collecting its first readings."""

_NEWEST = text("""
    with newest as (
        select a.id, a.provider, a.created_at, max(s.last_end) as last_end
        from authorizations a
        left join meters m on m.authorization_id = a.id
        left join meter_channels c on c.meter_id = m.id and c.measure = 'usage'
        left join series s on s.channel_id = c.id and s.interval_s > 0
        where a.status = 'authorized'
        group by a.id, a.provider, a.created_at
    )
    select provider, count(*) as authorizations, max(last_end) as newest,
           count(*) filter (
               where coalesce(last_end, created_at + :settled) < :late_before
           ) as late,
           min(created_at) as first
    from newest group by provider order by provider
""")


@dataclass(frozen=True, slots=True)
class Freshness:
    """One provider's newest reading; ``newest`` is ``None`` before the first came."""

    provider: str
    authorizations: int
    late_authorizations: int
    newest: datetime | None
    is_late: bool
    age_hours: float | None


def of_all(session: Session, *, now: datetime) -> dict[str, Freshness]:
    """Return every provider that somebody is authorized at, by its key. Bills do not count."""
    late_before = now - LATE_AFTER
    rows = session.execute(_NEWEST, {"late_before": late_before, "settled": _SETTLED_AFTER})
    return {
        row.provider: Freshness(
            provider=row.provider,
            authorizations=row.authorizations,
            late_authorizations=row.late,
            newest=row.newest,
            is_late=(row.newest or row.first + _SETTLED_AFTER) < late_before,
            age_hours=round((now - row.newest).total_seconds() / 3600, 2) if row.newest else None,
        )
        for row in rows
    }
