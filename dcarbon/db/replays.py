"""Replays: stored payloads read again by the parser of today, and what that would change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, ForeignKey, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from dcarbon.db.base import Base, Id, Instant
from dcarbon.db.interval_days_writing import Touched


class Replay(Base):
    """One replay: first a report, then, when somebody wants it, the same payloads applied."""

    __tablename__ = "replays"

    id: Mapped[Id]
    authorization_id: Mapped[UUID | None] = mapped_column(ForeignKey("authorizations.id"))
    """``None``: of all authorizations."""
    received_from: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    received_to: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    asked_at: Mapped[Instant]
    run_id: Mapped[str | None] = mapped_column(Text)
    report: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    applied_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class DayDifference(NamedTuple):
    """What one channel's readings of one UTC day become. Quantities are in ``unit``."""

    meter_id: UUID
    direction: str
    unit: str
    utc_day: date
    new: int
    changed: int
    before: Decimal | None
    after: Decimal


# What this transaction wrote is known by the transaction id of the row, exactly: a report writes,
# looks, and rolls back. A write replaces a day's state once, so it has one earlier state at most.
_DAYS = text("""
    with wrote as (
        select d.* from unnest(
            cast(:series as uuid[]), cast(:first as date[]), cast(:last as date[])
        ) as t(series_id, first_day, last_day)
        join interval_days d
          on d.series_id = t.series_id and d.utc_day between t.first_day and t.last_day
         and d.utc_day between cast(:earliest as date) and cast(:latest as date)
        where d.xmin = pg_current_xact_id()::xid
    ),
    became as (
        select w.series_id, w.utc_day, h.restated_slots,
               (select count(coalesce(u.wide, u.value))
                from unnest(w.readings, w.wide_readings) as u(value, wide)) as count_after,
               (select count(coalesce(u.wide, u.value))
                from unnest(h.readings, h.wide_readings) as u(value, wide)) as count_before,
               (select sum(coalesce(u.wide, u.value))
                from unnest(w.readings, w.wide_readings) as u(value, wide))
                   * power(10::numeric, w.exponent) as after,
               (select sum(coalesce(u.wide, u.value))
                from unnest(h.readings, h.wide_readings) as u(value, wide))
                   * power(10::numeric, h.exponent) as before
        from wrote w
        left join interval_days_history h
          on h.series_id = w.series_id and h.utc_day = w.utc_day
         and h.xmin = pg_current_xact_id()::xid
    ),
    period as (
        select p.series_id, (p.start_at at time zone 'UTC')::date as utc_day,
               count(*) filter (where h.value is null) as new,
               count(*) filter (
                   where h.value * power(10::numeric, h.exponent)
                      <> p.value * power(10::numeric, p.exponent)
               ) as changed,
               sum(h.value * power(10::numeric, h.exponent)) as before,
               sum(p.value * power(10::numeric, p.exponent)) as after
        from period_readings p
        left join period_readings_history h
          on h.series_id = p.series_id and h.start_at = p.start_at
         and h.xmin = pg_current_xact_id()::xid
        where p.series_id = any(cast(:series as uuid[]))
          and p.xmin = pg_current_xact_id()::xid
        group by 1, 2
    ),
    every as (
        select series_id, utc_day, count_after - coalesce(count_before, 0) as new,
               coalesce(restated_slots, 0) as changed, before, after
        from became
        union all
        select series_id, utc_day, new, changed, before, after from period
    )
    select c.meter_id, c.direction, c.unit, e.utc_day, sum(e.new)::int as new,
           sum(e.changed)::int as changed, trim_scale(sum(e.before)) as before,
           trim_scale(sum(e.after)) as after
    from every e
    join series s on s.id = e.series_id
    join meter_channels c on c.id = s.channel_id
    where e.new > 0 or e.changed > 0
    group by c.meter_id, c.direction, c.unit, e.utc_day
    order by c.meter_id, c.direction, e.utc_day
""")


def written_days(session: Session, touched: Sequence[Touched]) -> list[DayDifference]:
    """Return what this transaction wrote in the touched days, by meter, direction and UTC day.

    Whatever else wrote the same days in this transaction is counted, too.
    """
    if not touched:
        return []
    columns = {
        "series": [each.series_id for each in touched],
        "first": [each.first_day for each in touched],
        "last": [each.last_day for each in touched],
        "earliest": min(each.first_day for each in touched),
        "latest": max(each.last_day for each in touched),
    }
    return [DayDifference(*row) for row in session.execute(_DAYS, columns)]
