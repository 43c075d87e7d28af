"""One local day of a meter in words: how it stands, its readings, and how they came to be so."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from dcarbon.domain import reading_quality
from dcarbon.domain.coverage import REASONS
from dcarbon.domain.flows import ESTIMATED_QUALITIES
from dcarbon.services.day_histories import Change, ChannelOfDay, DayHistory, Statement
from dcarbon.services.meters import ChannelView
from dcarbon.services.payload_views import PayloadView
from dcarbon_api import channel_words
from dcarbon_api.coverage.calendar_page import NAMES, kind_of, length_words, numbers
from dcarbon_api.dashboard.facility_page import name_of as meter_name

MOST_CHANGES = 8
"""So many are told of one statement; the page of changes has all."""
_SECOND = timedelta(seconds=1)
_HALF_AND_ZONE, _ZONE = slice(1, 3), slice(2, 3)
"""Of a clock's words, as 12:15 AM PST."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one channel stands on the day."""

    name: str
    kind: str
    state: str
    numbers: str
    total: str
    missing: tuple[str, ...]
    asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One cell: an amount with what is to be said of it, ``is_missing``, or nothing at all."""

    amount: str = ""
    remarks: tuple[str, ...] = ()
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One stretch of time, and what each channel says of it."""

    label: str
    utc: str
    cells: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class ShownChange:
    start: str
    channel: str
    old: str
    new: str
    difference: str


@dataclass(frozen=True, slots=True)
class Step:
    """One statement in the day's history."""

    recorded_at: datetime
    lines: tuple[str, ...]
    changes: tuple[ShownChange, ...]
    further: int
    payloads: tuple[PayloadView, ...]


def of(found: DayHistory) -> dict[str, Any]:
    """Return what the template wants."""
    view = _View(found, ZoneInfo(found.meter.time_zone))
    state = found.coverage.state
    return {
        "facility": {"id": found.site.facility_id, "name": found.site.facility_name},
        "meter": found.meter,
        "meter_name": meter_name(found.meter),
        "day": found.day,
        "title": found.day.strftime("%A, %B %-d, %Y"),
        "clock": view.clock_words(),
        "kind": kind_of(state),
        "state": NAMES[state],
        "reason": REASONS[state],
        "next_step": found.coverage.next_step,
        "standings": [view.standing(one) for one in view.told],
        "columns": [_column(one.channel) for one in view.told],
        "rows": view.rows(),
        "steps": view.steps(),
        "payloads": sorted(found.payloads.values(), key=lambda one: one.received_at),
        "previous": found.previous,
        "following": found.following,
    }


@dataclass(frozen=True, slots=True)
class _View:
    """A day on its meter's clock."""

    found: DayHistory
    zone: ZoneInfo

    @property
    def told(self) -> list[ChannelOfDay]:
        """Channels of which there is something to say."""
        return [one for one in self.found.channels if one.readings or one.coverage]

    def clock_words(self) -> str:
        edges = (self.found.start, self.found.end - _SECOND)
        names = dict.fromkeys(edge.astimezone(self.zone).strftime("%Z") for edge in edges)
        zone = f"{self.found.meter.time_zone} ({', then '.join(names)})"
        clocks = length_words(self.found.length)
        hours = f"This day is {clocks}." if clocks else "This day is 24 hours long."
        return f"A local day at the meter, {zone}. {hours}"

    def standing(self, one: ChannelOfDay) -> Standing:
        counted, total = one.coverage, one.total
        unit = channel_words.unit_of(one.channel)
        return Standing(
            name=channel_words.name_of(one.channel),
            kind=kind_of(counted.state) if counted else "",
            state=NAMES[counted.state] if counted else "Not counted",
            numbers=numbers(counted) if counted else "",
            total="" if total is None else f"{channel_words.amount(total, one.channel)} {unit}",
            missing=tuple(self._range(*each) for each in one.missing),
            asked_at=counted.asked_at if counted else None,
        )

    def rows(self) -> list[Row]:
        """Return every stretch of time of which a channel has a reading, or should have one; of a
        day without any reading, none.
        """
        spans = {
            (start, start + timedelta(seconds=duration_s))
            for one in self.told
            for start, duration_s in one.readings
        }
        for hole in {hole for one in self.told if spans for hole in one.missing}:
            if not any(hole[0] <= start and end <= hole[1] for start, end in spans):
                spans.add(hole)
        return [
            Row(
                self._range(*span),
                f"{span[0]:%Y-%m-%d %H:%M} UTC",
                tuple(_reading(one, *span) for one in self.told),
            )
            for span in sorted(spans)
        ]

    def steps(self) -> list[Step]:
        """Return the day's history; the first that is said of a channel fills nothing in."""
        heard: set[UUID] = set()
        found: list[Step] = []
        for one in self.found.statements:
            found.append(self._step(one, heard))
            heard |= one.filled.keys()
        return found

    def _step(self, one: Statement, heard: Collection[UUID]) -> Step:
        names = {each.id: each for each in self.found.meter.channels}
        return Step(
            recorded_at=one.recorded_at,
            lines=tuple(_effects(one, self.found.meter.channels, heard)),
            changes=tuple(
                self._change(each, names[each.channel_id]) for each in one.changes[:MOST_CHANGES]
            ),
            further=max(0, len(one.changes) - MOST_CHANGES),
            payloads=tuple(
                self.found.payloads[each] for each in one.payload_ids if each in self.found.payloads
            ),
        )

    def _change(self, one: Change, channel: ChannelView) -> ShownChange:
        unit = channel_words.unit_of(channel)
        difference = channel_words.amount(one.new - one.old, channel, signed=True)
        return ShownChange(
            start=self._clock(one.start),
            channel=channel_words.name_of(channel),
            old=f"{channel_words.amount(one.old, channel)} {unit}",
            new=f"{channel_words.amount(one.new, channel)} {unit}",
            difference=f"{difference} {unit}",
        )

    def _range(self, start: datetime, end: datetime) -> str:
        first, last = self._clock(start), self._clock(end)
        if start < self.found.start:
            return f"{first} to {last}"
        # What both ends have in common is said once: half of the day, zone.
        for shared in (_HALF_AND_ZONE, _ZONE):
            if first.split(" ")[shared] == last.split(" ")[shared]:
                return f"{' '.join(first.split(' ')[: shared.start])} to {last}"
        return f"{first} to {last}"

    def _clock(self, instant: datetime) -> str:
        local = instant.astimezone(self.zone)
        if self.found.start <= instant <= self.found.end:
            return local.strftime("%-I:%M %p %Z")
        return local.strftime("%b %-d, %-I:%M %p %Z")


def _reading(one: ChannelOfDay, start: datetime, end: datetime) -> Reading:
    stated = one.readings.get((start, int((end - start).total_seconds())))
    if stated is None:
        is_missing = any(first <= start and end <= after for first, after in one.missing)
        return Reading(is_missing=is_missing)
    remarks = []
    if stated.quality in ESTIMATED_QUALITIES:
        remarks.append(reading_quality.word(stated.quality))
    if start in one.changed:
        remarks.append("restated")
    return Reading(channel_words.amount(stated.quantity, one.channel), tuple(remarks))


def _effects(
    one: Statement, channels: Sequence[ChannelView], heard: Collection[UUID]
) -> Iterator[str]:
    """Yield what a statement did to each channel, in words. Of those in ``heard`` there were
    readings before.
    """
    for channel in channels:
        filled = "filled in that were missing" if channel.id in heard else "stated"
        changed = sum(each.channel_id == channel.id for each in one.changes)
        told = [
            f"{_readings(number)} {text}"
            for number, text in (
                (one.filled.get(channel.id, 0), filled),
                (changed, "changed"),
                (one.requalified.get(channel.id, 0), "given another quality"),
            )
            if number
        ]
        if told:
            yield f"{channel_words.name_of(channel)}: {', '.join(told)}"


def _readings(number: int) -> str:
    return f"{number} reading{'' if number == 1 else 's'}"


def _column(channel: ChannelView) -> str:
    unit = channel_words.unit_of(channel)
    name = channel_words.name_of(channel)
    return f"{name}, {unit}" if unit else name
