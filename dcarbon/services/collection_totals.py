"""What is stored after a collection: coverage brought up to date, energy and days summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dcarbon.db import coverage_days
from dcarbon.db.coverage_days import ToCount
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.pieces import Window

# Summed as integers per exponent, not through the view ``intervals``, which makes a numeric of each
# reading. The series are an array: joined instead, everybody's days of the window are read.
_ENERGY = text("""
    with mine as materialized (
        select s.id, s.interval_s, c.direction
        from series s
        join meter_channels c on c.id = s.channel_id
        join meters m on m.id = c.meter_id
        where m.authorization_id = :authorization and c.unit = 'Wh' and c.measure = 'usage'
    )
    select mine.direction, d.exponent, sum(coalesce(r.wide, r.value))
    from interval_days d
    join mine on mine.id = d.series_id
    cross join lateral unnest(d.readings, d.wide_readings) with ordinality as r(value, wide, slot)
    where d.series_id = any(array(select id from mine))
      and d.utc_day between cast(:first as date) and cast(:last as date)
      and extract(epoch from d.utc_day)::bigint + (r.slot - 1) * mine.interval_s >= :start_s
      and extract(epoch from d.utc_day)::bigint + (r.slot - 1) * mine.interval_s < :end_s
    group by 1, 2
    union all
    select mine.direction, p.exponent, sum(p.value)
    from period_readings p
    join mine on mine.id = p.series_id
    where p.series_id = any(array(select id from mine))
      and p.start_at >= to_timestamp(:start_s) and p.start_at < to_timestamp(:end_s)
    group by 1, 2
""")
WH_PER_KWH = 1000


@dataclass(frozen=True, slots=True)
class Totals:
    """What is stored for the window now; energy in kWh, coverage in channel days."""

    meters: int = 0
    delivered_kwh: Decimal = Decimal(0)
    received_kwh: Decimal = Decimal(0)
    covered_days: int = 0
    due_days: int = 0


def meters_of(session: Session, authorization_id: UUID) -> Sequence[Meter]:
    return session.scalars(select(Meter).where(Meter.authorization_id == authorization_id)).all()


def cover(
    session: Session, meters: Sequence[Meter], piece: Window, *, all_read: bool, now: datetime
) -> None:
    """Count the days of a piece anew. Those without readings are *asked and empty* where
    ``all_read``: else their readings may have been in an answer that could not be read.
    """
    asked_at = now if all_read else None
    asked = [ToCount(meter.id, ZoneInfo(meter.time_zone), *piece, asked_at) for meter in meters]
    coverage_days.update_several(session, asked, now=now)


def total(
    session: Session, authorization_id: UUID, meter_ids: Sequence[UUID], window: Window
) -> Totals:
    """Sum what is stored in the window."""
    energy = _energy(session, authorization_id, window)
    days = coverage_days.summary(
        session,
        first_day=window[0].date(),
        last_day=window[1].date(),
        meter_ids=meter_ids,
    )
    return Totals(
        meters=len(meter_ids),
        delivered_kwh=energy.get("delivered", Decimal(0)),
        received_kwh=energy.get("received", Decimal(0)),
        covered_days=days.covered,
        due_days=days.due,
    )


def days_with_readings(
    session: Session, meters: Sequence[Meter], window: Window
) -> dict[UUID, int]:
    """Return for each meter how many local days of the window have readings."""
    rows = session.execute(
        select(MeterChannel.meter_id, func.count(CoverageDay.meter_day.distinct()))
        .join(CoverageDay, CoverageDay.channel_id == MeterChannel.id)
        .where(
            MeterChannel.meter_id.in_([meter.id for meter in meters]),
            CoverageDay.present > 0,
            CoverageDay.meter_day.between(window[0].date(), window[1].date()),
        )
        .group_by(MeterChannel.meter_id)
    )
    counted = {row[0]: row[1] for row in rows}
    return {meter.id: counted.get(meter.id, 0) for meter in meters}


def _energy(session: Session, authorization_id: UUID, window: Window) -> Mapping[str, Decimal]:
    start, end = window
    rows = session.execute(
        _ENERGY,
        {
            "authorization": authorization_id,
            "first": start.date(),
            "last": end.date(),
            "start_s": int(start.timestamp()),
            "end_s": int(end.timestamp()),
        },
    )
    found: dict[str, Decimal] = {}
    for direction, exponent, value in rows:
        if value is not None:
            energy_kwh = Decimal(value).scaleb(exponent) / WH_PER_KWH
            found[direction] = found.get(direction, Decimal(0)) + energy_kwh
    return found
