"""A year of one meter, local day by local day: what is known of each, and what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dcarbon.db.coverage_days import DUE_AFTER, CoverageSummary, DayCoverage, coverage_of
from dcarbon.domain.calendar import DAY, day_bounds
from dcarbon.domain.coverage import COVERED, CoverageState, next_step, standing, worst
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.ranges import EARLIEST
from dcarbon.services import facility_meters
from dcarbon.services.actors import Actor
from dcarbon.services.facility_meters import FacilityMeters
from dcarbon.services.meters import MeterView
from dcarbon.settings import Settings


@dataclass(frozen=True, slots=True)
class ChannelDay:
    """One channel on one local day, as it stands now; counts are of intervals."""

    channel_id: UUID
    direction: str
    unit: str
    state: CoverageState
    expected: int
    present: int
    estimated: int
    restated: int
    asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One local day. ``state`` is the worst of its channels; none are here when never counted."""

    day: date
    length: timedelta
    state: CoverageState
    channels: tuple[ChannelDay, ...]
    next_step: str


@dataclass(frozen=True, slots=True)
class Spell:
    """Days in a row that are incomplete for the same reason; both ends included."""

    first: date
    last: date
    state: CoverageState
    next_step: str

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Calendar:
    """The local days of a year up to today, oldest first; none while no meter is known.

    ``channel_id`` is the one channel looked at, ``None`` for the worst of all on each day.
    """

    site: FacilityMeters
    year: int
    first_year: int
    last_year: int
    channel_id: UUID | None
    days: tuple[CalendarDay, ...]

    @property
    def summary(self) -> CoverageSummary:
        return CoverageSummary(Counter(day.state for day in self.days))

    @property
    def spells(self) -> tuple[Spell, ...]:
        """What is missing, oldest first: due days that are not complete."""
        return tuple(_spells(self.days))


def of_year(
    session: Session,
    facility_id: UUID,
    *,
    meter_id: UUID | None,
    year: int | None,
    channel_id: UUID | None,
    actor: Actor,
    settings: Settings,
    now: datetime,
) -> Calendar:
    """Return a year of a meter; without a choice the first meter, and the year it is there now.

    Raises :class:`NotFound`, and :class:`InvalidInput` (``time_unreadable``) for a year that is
    before any reading or still to come.
    """
    site = facility_meters.of(session, facility_id, meter_id=meter_id, actor=actor)
    if channel_id is not None:
        site.channel(channel_id)
    today = now.astimezone(_zone(site)).date()
    year = today.year if year is None else _sensible(year, today)
    if site.meter is None:
        return Calendar(site, year, year, today.year, None, ())
    first, last = date(year, 1, 1), min(date(year, 12, 31), today)
    days = of_days(session, site, first, last, channel_id=channel_id, settings=settings, now=now)
    first_year = min(year, _first_year(site.meter, today.year))
    return Calendar(site, year, first_year, today.year, channel_id, days)


def of_days(
    session: Session,
    site: FacilityMeters,
    first: date,
    last: date,
    *,
    channel_id: UUID | None = None,
    settings: Settings,
    now: datetime,
) -> tuple[CalendarDay, ...]:
    """Return the local days from ``first`` to ``last`` of the chosen meter, both included.

    The caller has checked who may see them.
    """
    assert site.meter is not None
    known: dict[date, list[DayCoverage]] = {}
    for one in coverage_of(session, first_day=first, last_day=last, meter_ids=[site.meter.id]):
        if channel_id in {None, one.channel_id}:
            known.setdefault(one.meter_day, []).append(one)
    asked_from = now - timedelta(days=max(settings.overlap_days, settings.weekly_overlap_days))
    view = _View(site, _zone(site), now, asked_from)
    days = (first + DAY * n for n in range((last - first).days + 1))
    return tuple(view.day(day, known.get(day, ())) for day in days)


@dataclass(frozen=True, slots=True)
class _View:
    """Whose days are looked at, and when."""

    site: FacilityMeters
    zone: ZoneInfo
    now: datetime
    asked_from: datetime

    def day(self, day: date, counted: Sequence[DayCoverage]) -> CalendarDay:
        start, end = day_bounds(day, self.zone)
        due = end <= self.now - DUE_AFTER
        channels = tuple(_channel_day(one, due=due) for one in counted)
        uncounted = standing(CoverageState.NOT_DUE, asked=False, due=due)
        state = worst([one.state for one in channels]) if channels else uncounted
        following = next_step(
            state, is_connected=self.site.is_connected, is_asked_again=end > self.asked_from
        )
        return CalendarDay(day, end - start, state, channels, following)


def _channel_day(one: DayCoverage, *, due: bool) -> ChannelDay:
    state = standing(one.state, asked=one.asked_at is not None, due=due)
    return ChannelDay(
        channel_id=one.channel_id,
        direction=one.direction,
        unit=one.unit,
        state=state,
        expected=one.expected,
        present=one.present,
        estimated=one.estimated,
        restated=one.restated,
        asked_at=one.asked_at,
    )


def _spells(days: Sequence[CalendarDay]) -> Iterator[Spell]:
    settled = COVERED | {CoverageState.NOT_DUE}
    for (state, following), group in groupby(days, key=lambda day: (day.state, day.next_step)):
        if state not in settled:
            run = list(group)
            yield Spell(run[0].day, run[-1].day, state, following)


def _first_year(meter: MeterView, default: int) -> int:
    zone = ZoneInfo(meter.time_zone)
    firsts = [one.first_start for one in meter.channels if one.first_start]
    return min((first.astimezone(zone).year for first in firsts), default=default)


def _zone(site: FacilityMeters) -> ZoneInfo:
    return ZoneInfo(site.meter.time_zone if site.meter else "UTC")


def _sensible(year: int, today: date) -> int:
    if EARLIEST.year <= year <= today.year:
        return year
    raise InvalidInput(
        "a year without days",
        code="time_unreadable",
        display_message=f"year must be from {EARLIEST.year} to {today.year}, like {today.year}.",
    )
