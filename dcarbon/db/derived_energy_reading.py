"""Reading stored days back, many channels at once, as columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import numpy as np

from dcarbon.db import binary_copy as bc
from dcarbon.db.interval_rows import Int
from dcarbon.domain.flows import Measure

_CHANNELS = """
select c.id, c.meter_id, c.direction, c.unit, c.commodity, c.label
from meter_channels c where c.meter_id = any(%s) and c.measure = %s
order by c.meter_id, c.direction, c.id
"""
# All days of a channel as one value: a row each would cost more on the way than on the disk.
_DAYS = """
select (w.place - 1)::int4, d.days
from unnest(%s::uuid[]) with ordinality as w(channel_id, place)
cross join lateral (
    select string_agg(
        int4send(meter_day - date '1970-01-01') || int8send(value) || int8send(estimated_value)
            || int2send(exponent) || int4send(readings) || int4send(expected)
            || int4send(estimated),
        ''::bytea order by meter_day
    ) as days
    from daily_energy
    where channel_id = w.channel_id and meter_day between %s and %s
) d
where d.days is not null
order by w.place
"""
_DAY = np.dtype(
    [
        ("day", ">i4"),
        ("value", ">i8"),
        ("estimated_value", ">i8"),
        ("exponent", ">i2"),
        ("readings", ">i4"),
        ("expected", ">i4"),
        ("estimated", ">i4"),
    ]
)


@dataclass(frozen=True, slots=True)
class UsageChannel:
    """One channel whose readings can be added up."""

    id: UUID
    meter_id: UUID
    direction: str
    unit: str
    commodity: str
    label: str


@dataclass(frozen=True, slots=True)
class DayColumns:
    """Stored days by channel and day, columns of one length; see ``DailyEnergy``."""

    channel: Int
    """Place among the channels asked for."""
    day: Int
    """Local day as days since 1970."""
    value: Int
    estimated_value: Int
    exponent: Int
    readings: Int
    expected: Int
    estimated: Int


def channels_of(connection: bc.Connection, meter_ids: Collection[UUID]) -> list[UsageChannel]:
    """Return the usage channels of meters, by meter and direction."""
    rows = connection.execute(_CHANNELS, [list(meter_ids), Measure.USAGE.value])
    return [UsageChannel(*row) for row in rows]


def days_of(
    connection: bc.Connection, channels: Collection[UsageChannel], first: date, last: date
) -> DayColumns:
    """Return the stored local days of channels from ``first`` to ``last``, both inclusive."""
    ids = [channel.id for channel in channels]
    with connection.cursor(binary=True) as cursor:
        found = cursor.execute(_DAYS, [ids, first, last]).fetchall()
    rows = np.frombuffer(b"".join(days for _, days in found), _DAY)
    lengths = [len(days) // _DAY.itemsize for _, days in found]
    place = np.array([place for place, _ in found], np.int64)
    columns = (rows[name].astype(np.int64) for name in _DAY.names or ())
    return DayColumns(np.repeat(place, lengths), *columns)
