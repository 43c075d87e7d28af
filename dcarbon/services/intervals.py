"""Readings of one meter over a range, as columns, for whoever may see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, Executable, Row, Uuid, bindparam, select
from sqlalchemy.orm import Session

from dcarbon.db import interval_days_reading as reading
from dcarbon.db.facilities import visible_to
from dcarbon.db.interval_days_reading import Columns
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.domain import ranges
from dcarbon.domain.errors import NotFound
from dcarbon.domain.ranges import TimeRange
from dcarbon.services.actors import Actor

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

    meter_id: UUID
    time_zone: str
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
    asked = {"meter_id": meter_id, "person_id": actor.person_id}
    found = session.execute(_SERIES_OF_A_METER[actor.is_admin], asked).all()
    if not found:
        raise NotFound("no such meter")
    time_zone = found[0].time_zone
    zone = ZoneInfo(time_zone)
    span = ranges.require_range(
        ranges.parse_instant(start_text, zone=zone, name="start"),
        ranges.parse_instant(end_text, zone=zone, name="end"),
        now=now,
        longest=LONGEST,
    )
    series = tuple(_read(session, [each for each in found if each.id], span))
    return MeterIntervals(meter_id, time_zone, span.start, span.end, series)


def _read(session: Session, series: Sequence[Row[Any]], span: TimeRange) -> Iterator[SeriesColumns]:
    """Yield the series that have readings in the range, those of no fixed grid first."""
    periods = [each for each in series if each.interval_s == 0]
    grids = [each for each in series if each.interval_s]
    columns = [reading.period_columns(session, each.id, span.start, span.end) for each in periods]
    columns += reading.grid_columns(session, [each.id for each in grids], span.start, span.end)
    for each, readings in zip([*periods, *grids], columns, strict=True):
        if readings.start.size:
            yield _told(each, readings)


def _told(series: Row[Any], readings: Columns) -> SeriesColumns:
    return SeriesColumns(
        channel_id=series.channel_id,
        direction=series.direction,
        unit=series.unit,
        commodity=series.commodity,
        measure=series.measure,
        interval_s=series.interval_s,
        exponent=readings.exponent,
        start=readings.start,
        duration_s=readings.duration_s,
        value=readings.value,
        quality=readings.quality,
    )


def _series_of_a_meter(*, is_admin: bool) -> Executable:
    """Select the series of a meter a person may see, one row with nulls for a meter without.

    Columns instead of objects, and put together once: it is asked with every answer.
    """
    channel, series = MeterChannel, Series
    person: BindParameter[UUID] = bindparam("person_id", type_=Uuid())
    return (
        select(
            Meter.time_zone,
            channel.id.label("channel_id"),
            channel.direction,
            channel.unit,
            channel.commodity,
            channel.measure,
            series.id,
            series.interval_s,
        )
        .outerjoin(channel, channel.meter_id == Meter.id)
        .outerjoin(series, series.channel_id == channel.id)
        .where(
            Meter.id == bindparam("meter_id"),
            Meter.facility_id.in_(visible_to(person, is_admin=is_admin)),
        )
        .order_by(series.interval_s, channel.direction, channel.id)
    )


_SERIES_OF_A_METER = {is_admin: _series_of_a_meter(is_admin=is_admin) for is_admin in (False, True)}
