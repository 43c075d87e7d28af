"""One local day of a meter: its readings, how they came to be so, and from which payloads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import reading_states
from dcarbon.db.interval_days_reading import exponent_of, read_channels
from dcarbon.db.meters import Series
from dcarbon.db.reading_states import ReadingState, Stated
from dcarbon.domain.calendar import DAY, LONGEST_DAY_S, day_bounds
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.flows import Measure
from dcarbon.domain.ranges import EARLIEST
from dcarbon.services import coverage_calendar, facility_meters, payload_views
from dcarbon.services.actors import Actor
from dcarbon.services.coverage_calendar import CalendarDay, ChannelDay
from dcarbon.services.facility_meters import FacilityMeters
from dcarbon.services.meters import ChannelView, MeterView
from dcarbon.services.payload_views import PayloadView
from dcarbon.settings import Settings


@dataclass(frozen=True, slots=True)
class Change:
    """One reading stated as another quantity, both in the channel's unit."""

    channel_id: UUID
    start: datetime
    old: Decimal
    new: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """What one payload changed about the day, when it was recorded. Counts are readings."""

    recorded_at: datetime
    payload_ids: tuple[UUID, ...]
    filled: Mapping[UUID, int]
    """By channel: readings that were missing before."""
    requalified: Mapping[UUID, int]
    """By channel: readings with the same quantity and another quality."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class ChannelOfDay:
    """One channel on the day. ``readings`` are by start and duration in seconds, each time told
    once; ``missing`` are half-open ranges of which nothing is known. Times are UTC.
    """

    channel: ChannelView
    coverage: ChannelDay | None
    """``None`` for what is not counted, as registers, and for a day nobody counted."""
    readings: Mapping[tuple[datetime, int], Stated]
    changed: frozenset[datetime]
    missing: tuple[tuple[datetime, datetime], ...]
    total: Decimal | None
    """The sum of the readings that start on the day; ``None`` where they must not be summed."""


@dataclass(frozen=True, slots=True)
class DayHistory:
    """One local day ``[start, end)``, statements oldest first."""

    site: FacilityMeters
    meter: MeterView
    day: date
    start: datetime
    end: datetime
    coverage: CalendarDay
    channels: tuple[ChannelOfDay, ...]
    statements: tuple[Statement, ...]
    payloads: Mapping[UUID, PayloadView]
    previous: date | None
    following: date | None

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def of_day(
    session: Session,
    facility_id: UUID,
    meter_id: UUID,
    day: date,
    *,
    actor: Actor,
    settings: Settings,
    now: datetime,
) -> DayHistory:
    """Return one local day of a meter the actor may see.

    Raises :class:`NotFound`, and :class:`InvalidInput` (``range_absurd``) for a day to come or
    before any meter.
    """
    site = facility_meters.of(session, facility_id, meter_id=meter_id, actor=actor)
    meter = site.meter
    assert meter is not None
    zone = ZoneInfo(meter.time_zone)
    today = now.astimezone(zone).date()
    _require_past(day, today)
    start, end = day_bounds(day, zone)
    (coverage,) = coverage_calendar.of_days(session, site, day, day, settings=settings, now=now)
    seen = _seen(session, meter, start, end)
    return DayHistory(
        site=site,
        meter=meter,
        day=day,
        start=start,
        end=end,
        coverage=coverage,
        channels=_channels(session, meter, coverage, seen),
        statements=seen.statements,
        payloads=payload_views.of(
            session, facility_id, {one for each in seen.states for one in each.payload_ids}
        ),
        previous=day - DAY if day > EARLIEST.date() else None,
        following=day + DAY if day < today else None,
    )


def told(states: Sequence[ReadingState], owners: Mapping[UUID, UUID]) -> Iterator[Statement]:
    """Yield what each write said of the readings, oldest first; writes that left them as they were
    are absent. ``owners`` is the channel of each series.
    """
    differences: dict[tuple[datetime, tuple[UUID, ...]], _Difference] = {}
    for _, part in groupby(states, key=lambda state: (state.series_id, state.part)):
        before: Mapping[datetime, Stated] = {}
        for state in part:
            key = state.recorded_at, state.payload_ids
            difference = differences.setdefault(key, _Difference())
            difference.add(owners[state.series_id], before, state.readings)
            before = state.readings
    for (recorded_at, payload_ids), one in sorted(differences.items(), key=lambda item: item[0][0]):
        if one.filled or one.requalified or one.changes:
            changes = tuple(sorted(one.changes, key=lambda each: each.start))
            yield Statement(
                recorded_at, payload_ids, dict(one.filled), dict(one.requalified), changes
            )


class _Difference:
    """What one write changed, gathered over series and parts."""

    def __init__(self) -> None:
        self.filled: dict[UUID, int] = defaultdict(int)
        self.requalified: dict[UUID, int] = defaultdict(int)
        self.changes: list[Change] = []

    def add(
        self, channel_id: UUID, before: Mapping[datetime, Stated], after: Mapping[datetime, Stated]
    ) -> None:
        for start, reading in after.items():
            earlier = before.get(start)
            if earlier is None:
                self.filled[channel_id] += 1
            elif earlier.quantity != reading.quantity:
                change = Change(channel_id, start, earlier.quantity, reading.quantity)
                self.changes.append(change)
            elif earlier.quality != reading.quality:
                self.requalified[channel_id] += 1


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that was ever stated of ``[start, end)``; ``owners`` is the channel of each series."""

    start: datetime
    end: datetime
    owners: Mapping[UUID, UUID]
    states: Sequence[ReadingState]
    statements: tuple[Statement, ...]


def _seen(session: Session, meter: MeterView, start: datetime, end: datetime) -> _Seen:
    channels = [channel.id for channel in meter.channels]
    chosen = select(Series.id, Series.channel_id).where(Series.channel_id.in_(channels))
    owners = {row[0]: row[1] for row in session.execute(chosen)}
    states = reading_states.states(session, list(owners), start, end)
    return _Seen(start, end, owners, states, tuple(told(states, owners)))


def _channels(
    session: Session, meter: MeterView, coverage: CalendarDay, seen: _Seen
) -> tuple[ChannelOfDay, ...]:
    counted = {one.channel_id: one for one in coverage.channels}
    readings = _readings(session, meter, seen)
    return tuple(
        ChannelOfDay(
            channel=channel,
            coverage=counted.get(channel.id),
            readings=dict(sorted(readings[channel.id].items())),
            changed=frozenset(
                change.start
                for statement in seen.statements
                for change in statement.changes
                if change.channel_id == channel.id
            ),
            missing=missing(readings[channel.id], counted.get(channel.id), seen.start, seen.end),
            total=_total(channel, readings[channel.id], seen.start),
        )
        for channel in meter.channels
    )


def _readings(
    session: Session, meter: MeterView, seen: _Seen
) -> dict[UUID, dict[tuple[datetime, int], Stated]]:
    found: dict[UUID, dict[tuple[datetime, int], Stated]] = defaultdict(dict)
    for each in read_channels(session, meter.id, seen.start, seen.end):
        exponent = exponent_of(each.readings)
        for row in each.readings.to_pylist():
            quantity = Decimal(row["value"]).scaleb(exponent)
            stated = Stated(row["duration_s"], quantity, row["quality"])
            found[each.channel.id][row["start"], row["duration_s"]] = stated
    # Periods that began earlier. States are in order of time: the last of each is what stands.
    standing = {(state.series_id, state.part): state for state in seen.states}
    for state in standing.values():
        for start, stated in state.readings.items():
            if start < seen.start:
                found[seen.owners[state.series_id]][start, stated.duration_s] = stated
    return found


def missing(
    readings: Mapping[tuple[datetime, int], Stated],
    counted: ChannelDay | None,
    start: datetime,
    end: datetime,
) -> tuple[tuple[datetime, datetime], ...]:
    """Return the parts of the day ``[start, end)`` of which no reading tells, where all should.

    Nothing is missing where nothing is counted. An empty day is missing as a whole.
    """
    if counted is None or counted.present >= counted.expected:
        return ()
    holes: list[tuple[datetime, datetime]] = []
    reached = start
    for at, duration_s in sorted(readings):
        if at > reached:
            holes.append((reached, at))
        reached = max(reached, at + timedelta(seconds=duration_s))
    if reached < end:
        holes.append((reached, end))
    return tuple(holes)


def _total(
    channel: ChannelView, readings: Mapping[tuple[datetime, int], Stated], start: datetime
) -> Decimal | None:
    if channel.measure != Measure.USAGE:
        return None
    summed = [
        stated.quantity
        for (at, duration_s), stated in readings.items()
        if at >= start and duration_s <= LONGEST_DAY_S
    ]
    return sum(summed, Decimal(0)) if summed else None


def _require_past(day: date, today: date) -> None:
    if EARLIEST.date() <= day <= today:
        return
    raise InvalidInput(
        "a day outside reason",
        code="range_absurd",
        display_message=f"There is no such day at this meter. Please choose one from "
        f"{EARLIEST.date()} to {today}.",
    )
