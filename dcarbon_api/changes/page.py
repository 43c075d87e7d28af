"""Changes of a meter's readings in words: totals side by side, and each difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import request, url_for

from dcarbon.domain.ranges import TimeRange
from dcarbon.services.day_totals import Compared
from dcarbon.services.facility_meters import FacilityMeters
from dcarbon.services.meters import ChannelView, MeterView
from dcarbon.services.payload_views import PayloadView
from dcarbon.services.restatement_views import Changes, ChannelTotals, Difference, Moment
from dcarbon_api import channel_words, navigation, words
from dcarbon_api.coverage.calendar_page import span
from dcarbon_api.dashboard.facility_page import name_of as meter_name

PAGE_SIZE = 100
MOST_MOMENTS = 12
"""Times of change offered for comparison, the last ones."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Line:
    """One day or month; an empty text where nothing was known."""

    label: str
    reported: str
    today: str
    difference: str
    is_different: bool
    url: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """The totals of one channel. ``unchanged`` counts the days that are the same."""

    name: str
    unit: str
    months: tuple[Line, ...]
    days: tuple[Line, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class ShownDifference:
    local: str
    utc: str
    channel: str
    old: str
    new: str
    difference: str
    unit: str
    recorded: str
    payload: PayloadView | None
    url: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A time of change: as reported just before it."""

    label: str
    readings: int
    url: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Pages:
    """Numbers count from 1."""

    page: int
    pages: int
    earlier: str | None
    later: str | None


def frame(site: FacilityMeters, error: str | None = None) -> dict[str, Any]:
    """Return what the page has without a range that can be read: its head and the form."""
    return {
        "facility": {"id": site.facility_id, "name": site.facility_name},
        "meter": site.meter,
        "meter_name": meter_name(site.meter) if site.meter else "",
        "meters": [(one.id, meter_name(one)) for one in site.meters],
        "form": {name: request.args.get(name, "") for name in ("start", "end", "reported_on")},
        "found": None,
        "error": error,
    }


def of(found: Changes, shown: Slice, payloads: Mapping[UUID, PayloadView]) -> dict[str, Any]:
    """Return what the template wants."""
    meter, at = found.site.meter, found.span
    if meter is None or at is None:
        return frame(found.site)
    zone = ZoneInfo(meter.time_zone)
    view = _View(meter, zone, found.site.facility_id)
    reported = found.reported_at
    return {
        **frame(found.site),
        "found": found,
        "form": view.form(at, reported),
        "range_words": view.range_words(at),
        "reported_words": view.reported_words(reported) if reported else "",
        "moments": [view.choice(one, reported) for one in found.moments[-MOST_MOMENTS:][::-1]],
        "tables": [view.table(one) for one in found.totals],
        "count": len(found.differences),
        "differences": [view.difference(one, payloads) for one in shown.rows],
        "pages": shown.pages(),
    }


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of a list; a page beyond its ends is the nearest there is."""

    rows: Sequence[Difference]
    page: int
    count: int

    @classmethod
    def of(cls, every: Sequence[Difference], page: int) -> Slice:
        count = max(1, -(-len(every) // PAGE_SIZE))
        page = min(max(page, 1), count)
        return cls(every[(page - 1) * PAGE_SIZE : page * PAGE_SIZE], page, count)

    def pages(self) -> Pages:
        return Pages(
            self.page,
            self.count,
            _page_url(self.page - 1) if self.page > 1 else None,
            _page_url(self.page + 1) if self.page < self.count else None,
        )


@dataclass(frozen=True, slots=True)
class _View:
    """Whose changes are shown, on which clock."""

    meter: MeterView
    zone: ZoneInfo
    facility_id: UUID

    def form(self, at: TimeRange, reported: datetime | None) -> dict[str, str]:
        """Return what the form's dates are. A time within a day is none of them."""
        day = self.ended_day(reported) if reported else None
        return {
            "start": at.start.astimezone(self.zone).date().isoformat(),
            "end": at.end.astimezone(self.zone).date().isoformat(),
            "reported_on": day.isoformat() if day else "",
        }

    def range_words(self, at: TimeRange) -> str:
        first = at.start.astimezone(self.zone).date()
        return span(first, (at.end - timedelta(seconds=1)).astimezone(self.zone).date())

    def reported_words(self, at: datetime) -> str:
        """Return the day whose end is meant, or else the time, to the second."""
        day = self.ended_day(at)
        if day is not None:
            return f"the end of {words.plain_date(day)}"
        after = (at + _MICROSECOND).astimezone(self.zone)
        return after.strftime("%b %-d, %Y, %-I:%M:%S %p %Z")

    def ended_day(self, at: datetime) -> date | None:
        """Return the local day whose last moment this is, ``None`` within a day."""
        day, following = (moment.astimezone(self.zone).date() for moment in (at, at + _MICROSECOND))
        return day if day < following else None

    def choice(self, one: Moment, reported: datetime | None) -> Choice:
        kept: dict[str, Any] = {
            name: request.args[name] for name in ("start", "end") if name in request.args
        }
        return Choice(
            label=words.local_time(one.recorded_at, self.meter.time_zone),
            readings=one.readings,
            url=url_for(
                "changes.show",
                facility_id=self.facility_id,
                meter=self.meter.id,
                reported_on=one.just_before.isoformat(),
                **kept,
            ),
            is_here=one.just_before == reported,
        )

    def table(self, one: ChannelTotals) -> Table:
        different = one.different_days
        return Table(
            name=channel_words.name_of(one.channel),
            unit=channel_words.unit_of(one.channel),
            months=tuple(
                _line(month, month.first.strftime("%b %Y"), one.channel) for month in one.months
            ),
            days=tuple(
                _line(
                    day,
                    words.plain_date(day.first),
                    one.channel,
                    url=self.day_url(day.first.isoformat()),
                )
                for day in different
            ),
            unchanged=len(one.days) - len(different),
        )

    def difference(self, one: Difference, payloads: Mapping[UUID, PayloadView]) -> ShownDifference:
        local = one.start.astimezone(self.zone)
        return ShownDifference(
            local=words.local_time(one.start, self.meter.time_zone),
            utc=f"{one.start:%Y-%m-%d %H:%M}",
            channel=channel_words.name_of(one.channel),
            old=channel_words.amount(one.old, one.channel),
            new=channel_words.amount(one.new, one.channel),
            difference=channel_words.amount(one.difference, one.channel, signed=True),
            unit=channel_words.unit_of(one.channel),
            recorded=words.local_time(one.recorded_at, self.meter.time_zone),
            payload=payloads.get(one.new_payload_id),
            url=self.day_url(local.date().isoformat()),
        )

    def day_url(self, day: str) -> str:
        return url_for(
            "coverage.day", facility_id=self.facility_id, meter_id=self.meter.id, day=day
        )


def _line(one: Compared, label: str, channel: ChannelView, *, url: str = "") -> Line:
    return Line(
        label=label,
        reported="" if one.reported is None else channel_words.amount(one.reported, channel),
        today="" if one.today is None else channel_words.amount(one.today, channel),
        difference=channel_words.amount(one.difference, channel, signed=True),
        is_different=bool(one.difference),
        url=url,
    )


def _page_url(number: int) -> str:
    return navigation.address_with("page", str(number))
