"""Which channel days are derived, when they begin and end, and what has to be read for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np

from dcarbon.db import energy_parts
from dcarbon.db.energy_layout import MeterLayout
from dcarbon.db.energy_parts import Parts, Wanted
from dcarbon.db.interval_rows import DAY_S, Int
from dcarbon.db.local_days import LocalDays
from dcarbon.domain.calendar import LONGEST_DAY_S

_KEY = 1 << 20
"""More than any day since 1970: channel and day in one integer."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The channel days to derive, by channel and then day, as columns of one length.

    Channels are numbered through all meters. Days are local days since 1970; they begin and end
    at seconds since 1970 UTC.
    """

    channel: Int
    day: Int
    begin_s: Int
    end_s: Int
    first: Int
    """Per channel: its first place here. All channels of a meter have the same days."""
    zones: Sequence[str]
    """Per channel."""
    calendars: Mapping[str, LocalDays]

    def __len__(self) -> int:
        return len(self.day)

    @classmethod
    def of(cls, meters: Sequence[MeterLayout], wanted: Mapping[UUID, Int]) -> Self:
        """Lay out the days wanted of each meter (sorted, each once) for each of its channels."""
        calendars = _calendars(meters, wanted)
        columns: list[list[Int]] = [[np.zeros(0, np.int64)] for _ in range(4)]
        zones: list[str] = []
        sizes: list[int] = []
        for meter in meters:
            days, calendar = wanted[meter.id], calendars[meter.zone]
            begin, end = calendar.begin(days), calendar.end(days)
            for _ in meter.channels:
                own = (np.full(len(days), len(zones)), days, begin, end)
                for column, part in zip(columns, own, strict=True):
                    column.append(part)
                zones.append(meter.zone)
                sizes.append(len(days))
        first = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))[: len(sizes)]
        channel, day, begin_s, end_s = (np.concatenate(column) for column in columns)
        return cls(channel, day, begin_s, end_s, first, zones, calendars)

    @property
    def on_the_hour(self) -> bool:
        """Do all local days begin on a full hour UTC?"""
        return all(calendar.on_the_hour for calendar in self.calendars.values())

    def stretches(
        self, meters: Sequence[MeterLayout], wanted: Mapping[UUID, Int]
    ) -> Iterator[Wanted]:
        """Yield for each channel the stretches of UTC days that its local days lie in."""
        number = 0
        for meter in meters:
            found = list(_stretches(wanted[meter.id], self.calendars[meter.zone]))
            for channel in meter.channels:
                for first, last in found:
                    wide = energy_parts.with_margin(first, last)
                    begin, end = wide[0] * DAY_S - LONGEST_DAY_S, (wide[1] + 1) * DAY_S
                    near = tuple(
                        one for one in channel.series if one.first_s < end and one.last_s > begin
                    )
                    one = Wanted(number, first, last, near)
                    yield one if one.is_plain else Wanted(number, *wide, near)
                number += 1

    def placed(self, parts: Parts) -> tuple[Parts, Int]:
        """Return the parts that begin in a day of these, and the place of that day."""
        number = {zone: place for place, zone in enumerate(self.calendars)}
        zone = np.array([number[name] for name in self.zones], np.int64)[parts.channel]
        day = np.zeros(len(zone), np.int64)
        for name, place in number.items():
            here = zone == place
            day[here] = self.calendars[name].of(parts.start_s[here])
        keys, wanted = self.channel * _KEY + self.day, parts.channel * _KEY + day
        at = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        is_here = keys[at] == wanted if len(keys) else np.zeros(0, np.bool_)
        return (parts, at) if is_here.all() else (parts.take(is_here), at[is_here])


def _calendars(meters: Sequence[MeterLayout], wanted: Mapping[UUID, Int]) -> dict[str, LocalDays]:
    spans: dict[str, tuple[int, int]] = {}
    for meter in meters:
        begin, end = int(wanted[meter.id][0]), int(wanted[meter.id][-1])
        first, last = spans.get(meter.zone, (begin, end))
        spans[meter.zone] = min(first, begin), max(last, end)
    return {zone: LocalDays.around(zone, *span) for zone, span in spans.items()}


def _stretches(days: Int, calendar: LocalDays) -> Iterator[tuple[int, int]]:
    """Yield first and last UTC day of each run of local days that is read together.

    Runs nearer to each other than the margin of a channel with several series are one: no row is
    read twice.
    """
    first = calendar.begin(days) // DAY_S
    last = (calendar.end(days) - 1) // DAY_S
    apart = first[1:] - last[:-1] > 2 * energy_parts.MARGIN_DAYS
    begins = np.flatnonzero(np.append(True, apart))
    ends = np.append(begins[1:], len(days)) - 1
    yield from zip(first[begins].tolist(), last[ends].tolist(), strict=True)
