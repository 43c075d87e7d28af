"""What a utility changed its mind about: as reported on a date beside as known today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.interval_days_reading import read_channels
from dcarbon.db.meters import Series
from dcarbon.db.restatements import restatements
from dcarbon.domain import ranges, reading_ranges
from dcarbon.domain.calendar import DAY
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Asked, Preset
from dcarbon.services import day_totals, facility_meters, payload_views
from dcarbon.services.actors import Actor
from dcarbon.services.day_totals import Compared
from dcarbon.services.facility_meters import FacilityMeters
from dcarbon.services.meters import ChannelView, MeterView
from dcarbon.services.payload_views import PayloadView
from dcarbon.services.shown_readings import CLOCK_OFF_S

_MICROSECOND = timedelta(microseconds=1)
_DATE = len("2026-01-31")


@dataclass(frozen=True, slots=True)
class Difference:
    """One reading stated as another quantity, in the channel's unit; times are UTC."""

    channel: ChannelView
    start: datetime
    old: Decimal
    new: Decimal
    recorded_at: datetime
    old_payload_id: UUID
    new_payload_id: UUID

    @property
    def difference(self) -> Decimal:
        return self.new - self.old


@dataclass(frozen=True, slots=True)
class Moment:
    """When changes were recorded, and of how many readings."""

    recorded_at: datetime
    readings: int

    @property
    def just_before(self) -> datetime:
        return self.recorded_at - _MICROSECOND


@dataclass(frozen=True, slots=True)
class ChannelTotals:
    """The totals of one channel that may be summed, oldest first."""

    channel: ChannelView
    days: tuple[Compared, ...]
    months: tuple[Compared, ...]

    @property
    def different_days(self) -> tuple[Compared, ...]:
        return tuple(one for one in self.days if one.difference)


@dataclass(frozen=True, slots=True)
class Changes:
    """Readings that start in ``span``; differences are the last recorded first.

    ``reported_at`` is the time whose knowledge is compared with today's, ``None`` when nobody chose
    one and nothing was restated: there are no totals then.
    """

    site: FacilityMeters
    span: TimeRange | None
    reported_at: datetime | None
    differences: tuple[Difference, ...]
    moments: tuple[Moment, ...]
    totals: tuple[ChannelTotals, ...]


def of_range(
    session: Session,
    facility_id: UUID,
    *,
    meter_id: UUID | None,
    start: str = "",
    end: str = "",
    reported_on: str = "",
    actor: Actor,
    now: datetime,
) -> Changes:
    """Return what was restated of a meter's readings in a range, by default its last year.

    Bounds are as in ``reading_ranges``. ``reported_on`` is a date, meaning the end of that day at
    the meter, or an instant; by default just before the first change. Raises :class:`NotFound` and
    :class:`InvalidInput` (``time_unreadable``, ``time_naive``, ``range_half``, ``range_reversed``,
    ``range_absurd``, ``range_too_long``).
    """
    site = facility_meters.of(session, facility_id, meter_id=meter_id, actor=actor)
    meter = site.meter
    if meter is None:
        return Changes(site, None, None, (), (), ())
    zone = ZoneInfo(meter.time_zone)
    lasts = [one.last_end for one in meter.channels if one.last_end]
    asked = Asked(start, end, Preset.YEAR)
    span = reading_ranges.of(asked, last_end=max(lasts, default=None), now=now, zone=zone)
    chosen = _reported_at(reported_on, zone) if reported_on else None
    found = _differences(session, meter, span)
    moments = _moments(found)
    reported_at = chosen or (moments[0].just_before if moments else None)
    totals = _totals(session, site, span, reported_at, zone) if reported_at else ()
    return Changes(site, span, reported_at, found, moments, totals)


def payloads_of(
    session: Session, facility_id: UUID, shown: Sequence[Difference]
) -> Mapping[UUID, PayloadView]:
    """Return the payloads of some differences, old and new. The caller has checked who asks."""
    named = {each for one in shown for each in (one.old_payload_id, one.new_payload_id)}
    return payload_views.of(session, facility_id, named)


def _reported_at(text: str, zone: ZoneInfo) -> datetime:
    instant = ranges.parse_instant(text, zone=zone, name="The date of the report")
    if len(text) != _DATE:
        return instant
    local = datetime.combine(instant.astimezone(zone).date() + DAY, time(), zone)
    return local.astimezone(UTC) - _MICROSECOND


def _differences(session: Session, meter: MeterView, span: TimeRange) -> tuple[Difference, ...]:
    channels = {channel.id: channel for channel in meter.channels}
    chosen = select(Series.id, Series.channel_id).where(Series.channel_id.in_(channels))
    found = [
        Difference(
            channel=channels[channel_id],
            start=one.start,
            old=Decimal(one.old).scaleb(one.exponent),
            new=Decimal(one.new).scaleb(one.exponent),
            recorded_at=one.superseded_at,
            old_payload_id=one.old_payload_id,
            new_payload_id=one.new_payload_id,
        )
        for series_id, channel_id in session.execute(chosen).all()
        for one in restatements(session, series_id, span.start, span.end)
    ]
    found.sort(key=lambda one: (one.start, one.channel.direction, one.channel.id))
    found.sort(key=lambda one: one.recorded_at, reverse=True)
    return tuple(found)


def _moments(found: Sequence[Difference]) -> tuple[Moment, ...]:
    counted = Counter(one.recorded_at for one in found)
    return tuple(Moment(*item) for item in sorted(counted.items()))


def _totals(
    session: Session,
    site: FacilityMeters,
    span: TimeRange,
    reported_at: datetime,
    zone: ZoneInfo,
) -> tuple[ChannelTotals, ...]:
    assert site.meter is not None
    # A day that is stated some seconds early is read too.
    bounds = site.meter.id, span.start - timedelta(seconds=CLOCK_OFF_S), span.end
    reported, today = (
        {
            each.channel.id: day_totals.by_day(each.readings, span, zone)
            for each in read_channels(session, *bounds, as_known_at=at)
        }
        for at in (reported_at, None)
    )
    found: list[ChannelTotals] = []
    for channel in site.usage_channels:
        days = day_totals.compared(reported[channel.id], today[channel.id])
        found.append(ChannelTotals(channel, days, day_totals.by_month(days)))
    return tuple(found)
