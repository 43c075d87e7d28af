"""Readings of one meter over a range, as columns, for whoever may see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import interval_days_reading
from dcarbon.db.meters import Series
from dcarbon.domain import ranges
from dcarbon.services import meters
from dcarbon.services.actors import Actor
from dcarbon.services.meters import ChannelView, MeterView

LONGEST = timedelta(days=1100)
"""Three years at a time: more is an export, not an answer."""


@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """One series in order of start: quantity in ``unit`` = ``value * 10 ** exponent``.

    ``start`` is seconds since 1970 UTC, ``quality`` the ESPI code, -1 where not stated.
    ``interval_s`` 0 marks periods of no fixed grid.
    """

    channel_id: UUID
    direction: str
    unit: str
    commodity: str
    measure: str
    interval_s: int
    exponent: int
    start: NDArray[np.int64]
    duration_s: NDArray[np.int32]
    value: NDArray[np.int64]
    quality: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class MeterIntervals:
    """Readings of a meter that start in ``[start, end)``, UTC; series without any are left out."""

    meter: MeterView
    start: datetime
    end: datetime
    series: tuple[SeriesColumns, ...]


def for_meter(
    session: Session, meter_id: UUID, *, start_text: str, end_text: str, actor: Actor, now: datetime
) -> MeterIntervals:
    """Return a meter's readings. Bounds are ISO instants, or dates: local midnight at the meter.

    Raises :class:`NotFound`, :class:`InvalidInput` (``time_unreadable``, ``time_naive``,
    ``range_reversed``, ``range_absurd``, ``range_too_long``).
    """
    meter = meters.get(session, meter_id, actor=actor)
    zone = ZoneInfo(meter.time_zone)
    span = ranges.require_range(
        ranges.parse_instant(start_text, zone=zone, name="start"),
        ranges.parse_instant(end_text, zone=zone, name="end"),
        now=now,
        longest=LONGEST,
    )
    channels = {channel.id: channel for channel in meter.channels}
    query = select(Series).where(Series.channel_id.in_(channels)).order_by(Series.interval_s)
    found = [
        _columns(session, channels[series.channel_id], series, span.start, span.end)
        for series in session.scalars(query).all()
    ]
    return MeterIntervals(
        meter, span.start, span.end, tuple(each for each in found if each.start.size)
    )


def _columns(
    session: Session, channel: ChannelView, series: Series, start: datetime, end: datetime
) -> SeriesColumns:
    columns = interval_days_reading.series_columns(session, series.id, start, end)
    return SeriesColumns(
        channel_id=channel.id,
        direction=channel.direction,
        unit=channel.unit,
        commodity=channel.commodity,
        measure=channel.measure,
        interval_s=series.interval_s,
        exponent=columns.exponent,
        start=columns.start,
        duration_s=columns.duration_s,
        value=columns.value,
        quality=columns.quality,
    )
