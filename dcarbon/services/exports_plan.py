"""What an export will hold, known before its first byte: meters, ranges, channels, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import reading_counts
from dcarbon.db.meters import MeterChannel, Series
from dcarbon.db.reading_counts import SeriesCount
from dcarbon.db.sourced_readings import SeriesRef
from dcarbon.domain import ranges
from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.cell_text import harmless
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import exports_reading, facilities, meters
from dcarbon.services.actors import Actor
from dcarbon.services.exports_reading import Line
from dcarbon.services.meters import MeterView

LONGEST = timedelta(days=36_600)
"""Whatever is stored: exports are read in parts."""
LONGEST_NAME = 100
"""Characters of a name that are repeated in each row."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for, as text where it is a time.

    ``start`` and ``end`` are instants, or dates: local midnight at the meter. ``reported_on`` is
    empty for what is known today, else an instant, or a date: the end of that local day.
    """

    start: str
    end: str
    facility_id: UUID | None = None
    meter_ids: tuple[UUID, ...] = ()
    """Of one facility; empty for all of the facility's."""
    reported_on: str = ""


@dataclass(frozen=True, slots=True)
class PlannedChannel:
    """One channel and what the export has of it."""

    id: UUID
    commodity: str
    direction: str
    unit: str
    measure: str
    name: str
    """Direction, unit and what is measured, and the utility's own label where it has one."""
    line: Line
    readings: int
    exponent: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class PlannedMeter:
    """A meter with its range in UTC, and those of its channels that have readings in it."""

    id: UUID
    name: str
    utility: str
    zone: ZoneInfo
    span: TimeRange
    channels: tuple[PlannedChannel, ...]

    @property
    def readings(self) -> int:
        return sum(one.readings for one in self.channels)


@dataclass(frozen=True, slots=True)
class Plan:
    """An export before it is written. Meters and channels are in the order they are written in."""

    facility_id: UUID
    facility_name: str
    meters: tuple[PlannedMeter, ...]
    zone: ZoneInfo
    """The zone that a date of a report is a day in."""
    as_known_at: datetime
    is_as_reported: bool
    """Was an earlier time asked for, rather than today?"""

    @property
    def channels(self) -> tuple[PlannedChannel, ...]:
        return tuple(channel for meter in self.meters for channel in meter.channels)

    @property
    def readings(self) -> int:
        return sum(one.readings for one in self.channels)

    @property
    def newest(self) -> datetime | None:
        """When the newest of its readings came to be known, UTC."""
        return max((one.newest for one in self.channels), default=None)

    @property
    def places(self) -> int:
        """Decimal places that hold every quantity exactly."""
        return max(0, -min((one.exponent for one in self.channels), default=0))


def of(session: Session, wish: Wish, *, actor: Actor, now: datetime) -> Plan:
    """Return what the actor would get for this wish.

    Raises :class:`NotFound` for what is not theirs, :class:`InvalidInput` when neither meter nor
    facility is named, for meters of several facilities, and as :mod:`domain.ranges` does.
    """
    views = _meters(session, wish, actor=actor)
    facility = facilities.get(session, _facility_id(wish, views), actor=actor)
    zone = ZoneInfo(views[0].time_zone if len(views) == 1 else facility.time_zone)
    _span(wish, zone, now)  # also where there is no meter yet
    at = _end_of(wish.reported_on, zone, now) if wish.reported_on else now
    return Plan(
        facility_id=facility.id,
        facility_name=harmless(facility.name),
        meters=tuple(_planned(session, view, wish, at=at, now=now) for view in views),
        zone=zone,
        as_known_at=at,
        is_as_reported=bool(wish.reported_on),
    )


def meter_name(view: MeterView) -> str:
    """Return the number on the meter, or the provider's identifier where none is known."""
    return harmless(", ".join(view.meter_numbers) or view.external_id)[:LONGEST_NAME]


def _meters(session: Session, wish: Wish, *, actor: Actor) -> list[MeterView]:
    if wish.facility_id is None and not wish.meter_ids:
        raise InvalidInput(
            "no filter", display_message="Please say what to export: a meter or a facility."
        )
    if wish.facility_id is None:
        views = [meters.get(session, one, actor=actor) for one in dict.fromkeys(wish.meter_ids)]
        return sorted(views, key=lambda view: view.external_id)
    listed = meters.listing(session, actor=actor, facility_id=wish.facility_id)
    if not set(wish.meter_ids) <= {view.id for view in listed}:
        raise NotFound("no such meter at this facility")
    return [view for view in listed if not wish.meter_ids or view.id in wish.meter_ids]


def _facility_id(wish: Wish, views: Sequence[MeterView]) -> UUID:
    found = {view.facility_id for view in views}
    if len(found) > 1:
        raise InvalidInput(
            "meters of several facilities",
            display_message="Please export the meters of one facility at a time.",
        )
    return wish.facility_id or next(iter(found))


def _end_of(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the last instant of a local day, or the instant itself where one is named; at most
    ``now``, which is all there is to know.
    """
    instant = ranges.parse_instant(text, zone=zone, name="reported_on")
    if instant >= now or len(text) != len("2026-01-31"):
        return min(instant, now)
    return min(day_bounds(instant.astimezone(zone).date(), zone)[1] - _MICROSECOND, now)


def _planned(
    session: Session, view: MeterView, wish: Wish, *, at: datetime, now: datetime
) -> PlannedMeter:
    zone = ZoneInfo(view.time_zone)
    span = _span(wish, zone, now)
    series = _series(session, view)
    counted = reading_counts.counts(
        session,
        [one.id for of_channel in series.values() for one in of_channel],
        span.start,
        span.end,
        as_known_at=at,
    )
    channels = [
        _channel(session, channel, of_channel, counted, span=span, at=at)
        for channel, of_channel in series.items()
    ]
    return PlannedMeter(
        id=view.id,
        name=meter_name(view),
        utility=harmless(view.utility),
        zone=zone,
        span=span,
        channels=tuple(one for one in channels if one is not None),
    )


def _span(wish: Wish, zone: ZoneInfo, now: datetime) -> TimeRange:
    return ranges.require_range(
        ranges.parse_instant(wish.start, zone=zone, name="start"),
        ranges.parse_instant(wish.end, zone=zone, name="end"),
        now=now,
        longest=LONGEST,
    )


def _series(session: Session, view: MeterView) -> dict[MeterChannel, list[SeriesRef]]:
    found = session.execute(
        select(MeterChannel, Series)
        .join(Series, Series.channel_id == MeterChannel.id)
        .where(MeterChannel.meter_id == view.id, Series.first_start.is_not(None))
        .order_by(MeterChannel.direction, MeterChannel.id, Series.interval_s)
    )
    series: dict[MeterChannel, list[SeriesRef]] = {}
    for channel, one in found:
        series.setdefault(channel, []).append(SeriesRef(one.id, one.interval_s))
    return series


def _channel(
    session: Session,
    channel: MeterChannel,
    series: Sequence[SeriesRef],
    counted: Mapping[UUID, SeriesCount],
    *,
    span: TimeRange,
    at: datetime,
) -> PlannedChannel | None:
    known = [counted[one.id] for one in series if one.id in counted]
    if not known:
        return None
    line = exports_reading.line_of(session, series)
    words = [channel.direction, channel.unit, channel.measure]
    words += [f"({channel.label})"] if channel.label else []
    return PlannedChannel(
        id=channel.id,
        commodity=channel.commodity,
        direction=channel.direction,
        unit=channel.unit,
        measure=channel.measure,
        name=harmless(" ".join(words))[:LONGEST_NAME],
        line=line,
        readings=exports_reading.count(session, line, span, as_known_at=at)
        if len(series) > 1
        else known[0].readings,
        exponent=min(one.exponent for one in known),
        newest=max(one.newest for one in known),
    )
