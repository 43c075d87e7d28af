"""What landed, as the checks look at it: meter days with their counts, and channels gone silent.

Read from the readings themselves through the view ``intervals``, not from stored coverage, so that
a check does not repeat the bookkeeping it is there to question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select, text
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.calendar import LONGEST_DAY_S, day_bounds, expected_count, local_days

LATE_AFTER = timedelta(days=4)
"""Utilities publish a day one to three days later; a channel quieter than this is silent."""
BILL_LATE_AFTER = timedelta(days=45)
GIVEN_UP_AFTER = timedelta(days=90)
"""A channel quiet for this long has ended (a meter exchanged, a service closed): not silent."""
SIZE_MARGIN = 1.2
"""A system may give this much of its rated power for a while: cold days, reflections, clouds."""
KNOWN_QUALITIES = (0, *range(7, 20))
"""ESPI qualityOfReading codes with a meaning (green-button reference 5.5)."""

_SERIES = text("""
    select s.id from series s
    join meter_channels c on c.id = s.channel_id
    join meters m on m.id = c.meter_id
    where m.authorization_id = any(:authorizations) and c.measure = 'usage'
""")

# The series are named one by one: joined to their authorization instead, every interval day of
# everybody in the window is read. A reading longer than 25 hours is a billing period: no part of
# any meter day.
_METER_DAYS = text("""
    with landed as (
        select m.id as meter_id, m.time_zone, m.authorization_id, v.channel_id, v.direction,
               v.start_local::date as meter_day, v.start_utc, v.duration_s, v.value, v.quality,
               case when v.direction = 'received' and v.unit = 'Wh' and f.system_size_kw > 0
                    then f.system_size_kw * 1000 * v.duration_s / 3600 end as most_wh,
               max(v.start_utc + make_interval(secs => v.duration_s)) over (
                   partition by v.channel_id order by v.start_utc, v.duration_s
                   rows between unbounded preceding and 1 preceding
               ) as ended_before
        from intervals v
        join meters m on m.id = v.meter_id
        join facilities f on f.id = m.facility_id
        where v.series_id = any(:series)
          and v.utc_day between :first_day and :last_day
          and v.start_utc >= :start and v.start_utc < :end
          and v.duration_s between 1 and :longest
    )
    select authorization_id, meter_id, time_zone, channel_id, direction, meter_day,
           count(*) as readings,
           min(duration_s) as step_s,
           count(*) filter (where value < 0 and direction in ('delivered', 'received')) as negative,
           count(*) filter (where start_utc < ended_before) as overlapping,
           count(*) filter (where quality is not null and not quality = any(:known)) as unknown,
           count(*) filter (where value > most_wh * :margin) as too_large,
           bool_or(most_wh is not null) as is_size_known
    from landed
    group by authorization_id, meter_id, time_zone, channel_id, direction, meter_day
    order by channel_id, meter_day
""")

_CHANNELS = text("""
    select m.authorization_id, m.id as meter_id, c.id as channel_id, c.direction,
           max(s.last_end) as last_end, max(s.interval_s) as interval_s
    from meters m
    left join meter_channels c on c.meter_id = m.id
    left join series s on s.channel_id = c.id
    where m.authorization_id = any(:authorizations)
    group by m.authorization_id, m.id, c.id, c.direction
    order by m.id, c.id
""")


@dataclass(frozen=True, slots=True)
class MeterDay:
    """One channel on one local day at the meter. Counts are readings."""

    authorization_id: UUID
    meter_id: UUID
    channel_id: UUID
    direction: str
    meter_day: date
    readings: int
    expected: int
    negative: int
    overlapping: int
    unknown_quality: int
    too_large: int = 0
    """Exported readings of more energy than the system can make, with :data:`SIZE_MARGIN`."""
    is_size_known: bool = False


@dataclass(frozen=True, slots=True)
class SilentChannel:
    """A channel that should have spoken since; without a channel, a meter that never did."""

    authorization_id: UUID
    meter_id: UUID
    channel_id: UUID | None
    direction: str | None
    last_end: datetime | None


def authorizations_in_force(session: Session, *, shard: int | None = None) -> list[UUID]:
    """Return the authorizations in force, of one shard or of all."""
    statement = select(Authorization.id).where(Authorization.status == "authorized")
    if shard is not None:
        statement = statement.where(Authorization.shard == shard)
    return list(session.scalars(statement.order_by(Authorization.id)))


def silent_channels(
    session: Session, authorization_ids: Collection[UUID], *, at: datetime
) -> list[SilentChannel]:
    """Return the active channels not heard from in the days before ``at``: :data:`LATE_AFTER`, or
    :data:`BILL_LATE_AFTER` where the utility states only billing periods.
    """
    rows = session.execute(_CHANNELS, {"authorizations": list(authorization_ids)})
    return [
        SilentChannel(r.authorization_id, r.meter_id, r.channel_id, r.direction, r.last_end)
        for r in rows
        if r.last_end is None or _is_silent(r.last_end, r.interval_s, at)
    ]


def _is_silent(last_end: datetime, interval_s: int, at: datetime) -> bool:
    late_after = LATE_AFTER if interval_s else BILL_LATE_AFTER
    return at - GIVEN_UP_AFTER <= last_end < at - late_after


def meter_days(
    session: Session, authorization_ids: Collection[UUID], start: datetime, end: datetime
) -> list[MeterDay]:
    """Return every whole local day in ``[start, end)`` from a channel's first reading to its last.

    A day in between without any reading is there with 0 readings. The newest day of a channel is
    left out while it is incomplete: the utility has not finished publishing it.
    """
    owned = session.scalars(_SERIES, {"authorizations": list(authorization_ids)}).all()
    rows = session.execute(
        _METER_DAYS,
        {
            "series": list(owned),
            "first_day": start.astimezone(UTC).date(),
            "last_day": end.astimezone(UTC).date(),
            "start": start,
            "end": end,
            "known": list(KNOWN_QUALITIES),
            "margin": SIZE_MARGIN,
            "longest": LONGEST_DAY_S,
        },
    ).all()
    by_channel = groupby(rows, key=lambda row: row.channel_id)
    return [day for _, of_one in by_channel for day in _days(list(of_one), start, end)]


def _days(rows: Sequence[Row[Any]], start: datetime, end: datetime) -> Iterator[MeterDay]:
    found = {row.meter_day: row for row in rows}
    some, newest = rows[0], rows[-1].meter_day
    zone, usual_step = ZoneInfo(some.time_zone), min(row.step_s for row in rows)
    first_at, last_at = day_bounds(some.meter_day, zone)[0], day_bounds(newest, zone)[1]
    for day in local_days(max(first_at, start), min(last_at, end), zone):
        day_start, day_end = day_bounds(day, zone)
        if day_start < start or day_end > end:
            continue
        row = found.get(day)
        expected = _expected(day, zone, row.step_s if row else usual_step)
        readings = row.readings if row else 0
        if day == newest and readings < expected:
            continue
        yield MeterDay(
            authorization_id=some.authorization_id,
            meter_id=some.meter_id,
            channel_id=some.channel_id,
            direction=some.direction,
            meter_day=day,
            readings=readings,
            expected=expected,
            negative=row.negative if row else 0,
            overlapping=row.overlapping if row else 0,
            unknown_quality=row.unknown if row else 0,
            too_large=row.too_large if row else 0,
            is_size_known=bool(row and row.is_size_known),
        )


@lru_cache(maxsize=4096)
def _expected(day: date, zone: ZoneInfo, step_s: int) -> int:
    return expected_count(day, zone=zone, step=timedelta(seconds=step_s))
