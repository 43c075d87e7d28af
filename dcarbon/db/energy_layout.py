"""What energy is derived from: the usage channels of meters, their series, their export registers.

Registers are found here and nowhere else: which channel is what a meter received from its site,
and which is what it delivered to it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from dcarbon.db import binary_copy as bc
from dcarbon.domain.flows import Commodity, Direction, Measure, Unit

_LAYOUT = """
select m.id, m.time_zone, c.id, c.direction, c.unit, c.commodity, c.label,
       s.id, s.interval_s, s.first_start, s.last_end
from meters m
join meter_channels c on c.meter_id = m.id and c.measure = %s
left join series s on s.channel_id = c.id and s.first_start is not null
where m.id = any(%s)
order by m.id, c.id, s.interval_s
"""


@dataclass(frozen=True, slots=True)
class SeriesSpan:
    """One series that has readings, and between which seconds since 1970 they lie."""

    id: UUID
    interval_s: int
    """0 for periods of no fixed grid."""
    first_s: int
    last_s: int


@dataclass(frozen=True, slots=True)
class Channel:
    """One usage channel of a meter."""

    id: UUID
    direction: str
    unit: str
    commodity: str
    label: str
    series: tuple[SeriesSpan, ...]


@dataclass(frozen=True, slots=True)
class MeterLayout:
    """One meter and its usage channels."""

    id: UUID
    zone: str
    channels: tuple[Channel, ...] = field(default=())

    def registers(self, direction: Direction) -> tuple[Channel, ...]:
        """Return the channels of energy in one direction of which each counts all of it.

        Phases and price periods give way to the channel that has the whole. Several remain where
        none has it: whether they add up, nobody says.
        """
        found = tuple(
            channel
            for channel in self.channels
            if channel.direction == direction
            and channel.unit == Unit.WH
            and channel.commodity == Commodity.ELECTRICITY
        )
        whole = tuple(channel for channel in found if not channel.label)
        return whole or found


def layouts(connection: bc.Connection, meter_ids: Collection[UUID]) -> list[MeterLayout]:
    """Return the meters that have a usage channel, in order of id."""
    rows = connection.execute(_LAYOUT, [Measure.USAGE.value, list(meter_ids)]).fetchall()
    return [
        MeterLayout(meter_id, zone, tuple(_channels(list(group))))
        for (meter_id, zone), group in groupby(rows, key=itemgetter(0, 1))
    ]


def _channels(rows: Sequence[tuple[Any, ...]]) -> Iterator[Channel]:
    for (channel_id, direction, unit, commodity, label), group in groupby(
        rows, key=itemgetter(2, 3, 4, 5, 6)
    ):
        spans = tuple(_span(*row[7:11]) for row in group if row[7] is not None)
        yield Channel(channel_id, direction, unit, commodity, label, spans)


def _span(
    series_id: UUID, interval_s: int, first_start: datetime, last_end: datetime
) -> SeriesSpan:
    return SeriesSpan(
        series_id, interval_s, int(first_start.timestamp()), int(last_end.timestamp())
    )
