"""A meter's readings as they are shown: in kWh where Wh is stored, exact, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from dcarbon.db import interval_days_reading
from dcarbon.db.interval_days_reading import ChannelReadings
from dcarbon.db.interval_rows import NOT_STATED, Bool, Int
from dcarbon.domain.flows import ESTIMATED_QUALITIES
from dcarbon.domain.ranges import TimeRange

_SHORTEST_DAY_S = 23 * 3600
CLOCK_OFF_S = 60
"""Utilities state days that begin some seconds beside midnight (PG&E gas: one second after)."""
_KILO = {"Wh": "kWh", "W": "kW", "VAh": "kVAh", "VArh": "kVArh", "VA": "kVA", "VAr": "kVAr"}


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as it is shown: ``unit`` is kWh where Wh is stored."""

    id: UUID
    direction: str
    unit: str
    commodity: str
    measure: str
    label: str


@dataclass(frozen=True, slots=True)
class Readings:
    """One channel's readings in order of start (seconds since 1970 UTC), equally long columns.

    Quantity in the channel's unit is ``value * 10 ** exponent``.
    """

    channel: Channel
    start: Int
    duration_s: Int
    value: Int
    exponent: int
    is_estimated: Bool

    def where(self, chosen: Bool) -> Readings:
        return Readings(
            self.channel,
            self.start[chosen],
            self.duration_s[chosen],
            self.value[chosen],
            self.exponent,
            self.is_estimated[chosen],
        )


def read(session: Session, meter_id: UUID, span: TimeRange) -> list[Readings]:
    """Return each channel's readings that start in the range; channels without any are left out."""
    first = span.start - timedelta(seconds=CLOCK_OFF_S)
    found = interval_days_reading.read_channels(session, meter_id, first, span.end)
    inside = (_inside(_readings(each), span) for each in found if each.readings.num_rows)
    return [one for one in inside if len(one.start)]


def starts(readings: Readings) -> Int:
    """Return where each reading belongs; see :func:`placed`."""
    return placed(readings.start, readings.duration_s)


def placed(start: Int, duration_s: Int) -> Int:
    """Return where readings belong: where they start, whole days to the day they are nearly."""
    is_day = duration_s >= _SHORTEST_DAY_S
    return np.asarray(start + np.where(is_day, CLOCK_OFF_S, 0), np.int64)


def _inside(readings: Readings, span: TimeRange) -> Readings:
    at = starts(readings)
    return readings.where((at >= span.start.timestamp()) & (at < span.end.timestamp()))


def _readings(each: ChannelReadings) -> Readings:
    table, channel = each.readings, each.channel
    value, exponent = _shortened(
        table["value"].to_numpy(), interval_days_reading.exponent_of(table), channel.unit
    )
    quality = table["quality"].fill_null(NOT_STATED).to_numpy()
    return Readings(
        Channel(
            channel.id,
            channel.direction,
            _KILO.get(channel.unit, channel.unit),
            channel.commodity,
            channel.measure,
            channel.label,
        ),
        table["start"].to_numpy().astype("datetime64[s]").astype(np.int64),
        table["duration_s"].to_numpy().astype(np.int64),
        value,
        exponent,
        np.isin(quality, sorted(ESTIMATED_QUALITIES)),
    )


def _shortened(value: Int, exponent: int, unit: str) -> tuple[Int, int]:
    """Return the values in the unit shown, without decimals that are zero in all of them."""
    exponent -= 3 if unit in _KILO else 0
    while exponent < 0 and value.any() and not (value % 10).any():
        value, exponent = value // 10, exponent + 1
    return value, exponent
