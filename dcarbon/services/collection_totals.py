"""What is stored after a collection: coverage brought up to date, energy and days summed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db import coverage_days
from dcarbon.db.coverage_days import ToCount
from dcarbon.db.coverage_reading import ChannelSeries, channels_of_meters
from dcarbon.db.interval_days_reading import Columns, one_line
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.calendar import day_bounds, local_days
from dcarbon.domain.errors import ContractViolation
from dcarbon.domain.pieces import Window

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
    """Return the meters of an authorization, always in the same order."""
    owned = select(Meter).where(Meter.authorization_id == authorization_id)
    return session.scalars(owned.order_by(Meter.id)).all()


def zones_of(meters: Iterable[Meter]) -> dict[UUID, ZoneInfo]:
    return {meter.id: ZoneInfo(meter.time_zone) for meter in meters}


def cover(
    session: Session, meters: Sequence[Meter], piece: Window, *, all_read: bool, now: datetime
) -> None:
    """Count the days of a piece anew. Those without readings are *asked and empty* where
    ``all_read``: else their readings may have been in an answer that could not be read.
    """
    asked_at = now if all_read else None
    asked = [ToCount(meter.id, ZoneInfo(meter.time_zone), *piece, asked_at) for meter in meters]
    coverage_days.update_several(session, asked, now=now)


def total(session: Session, zones: Mapping[UUID, ZoneInfo], window: Window) -> Totals:
    """Sum what is stored in the window, for meters with their time zones."""
    delivered_kwh = received_kwh = Decimal(0)
    covered = due = 0
    for several in _by_local_days(zones, window):
        days = coverage_days.summary(
            session, first_day=several.first, last_day=several.last, meter_ids=several.meter_ids
        )
        covered, due = covered + days.covered, due + days.due
        # One meter at a time: an order may have asked for years.
        for meter_id in several.meter_ids:
            channels = channels_of_meters(session, {meter_id: several.bounds})[meter_id]
            energy = energy_kwh(channels, window)
            delivered_kwh += energy["delivered"]
            received_kwh += energy["received"]
    return Totals(len(zones), delivered_kwh, received_kwh, covered, due)


def energy_kwh(channels: Iterable[ChannelSeries], window: Window) -> dict[str, Decimal]:
    """Add up the electricity that starts in the window, ``delivered`` and ``received``.

    No time of a channel counts twice: see ``one_line``.
    """
    found = {"delivered": Decimal(0), "received": Decimal(0)}
    for channel in channels:
        if channel.unit == "Wh" and channel.direction in found:
            found[channel.direction] += _sum(_line(channel), window) / WH_PER_KWH
    return found


def days_with_readings(
    session: Session, meters: Sequence[Meter], window: Window
) -> dict[UUID, int]:
    """Return for each meter how many local days of the window have readings."""
    found = dict.fromkeys((meter.id for meter in meters), 0)
    for several in _by_local_days(zones_of(meters), window):
        counted = (
            select(MeterChannel.meter_id, func.count(CoverageDay.meter_day.distinct()))
            .join(CoverageDay, CoverageDay.channel_id == MeterChannel.id)
            .where(
                MeterChannel.meter_id.in_(several.meter_ids),
                CoverageDay.present > 0,
                CoverageDay.meter_day.between(several.first, several.last),
            )
            .group_by(MeterChannel.meter_id)
        )
        for meter_id, number in session.execute(counted):
            found[meter_id] = number
    return found


class _LocalDays(NamedTuple):
    """The local days that a window touches, both included, for the meters of one time zone."""

    meter_ids: list[UUID]
    first: date
    last: date
    bounds: Window
    """Begin of the first and end of the last day."""


def _by_local_days(zones: Mapping[UUID, ZoneInfo], window: Window) -> Iterator[_LocalDays]:
    meter_ids: dict[ZoneInfo, list[UUID]] = defaultdict(list)
    for meter_id, zone in zones.items():
        meter_ids[zone].append(meter_id)
    for zone, several in meter_ids.items():
        if days := list(local_days(*window, zone)):
            first, last = days[0], days[-1]
            bounds = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
            yield _LocalDays(several, first, last, bounds)


def _line(channel: ChannelSeries) -> Columns:
    """Return the readings of a channel with each time told once; none where they do not add up."""
    try:
        return one_line([one.readings for one in channel.series])
    except ContractViolation:  # no common exponent: energy_lines derives nothing from it either
        return Columns.empty()


def _sum(readings: Columns, window: Window) -> Decimal:
    """Add up readings that start in the window, in the channel's unit."""
    start, end = (int(moment.timestamp()) for moment in window)
    chosen = readings.value[(readings.start >= start) & (readings.start < end)]
    return Decimal(int(np.sum(chosen, dtype=object))).scaleb(readings.exponent)
