"""The channels and series of a payload's meters: looked up together, made where missing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db.meters import MeterChannel, Series
from dcarbon.providers.columns import ChannelFacts

_KNOWN = """
select c.meter_id, c.direction, c.unit, c.measure, c.label, c.id, s.interval_s, s.id
from meter_channels c left join series s on s.channel_id = c.id
where c.meter_id = any(%s)
"""
_Key = tuple[UUID, str, str, str]
"""Meter, direction, unit, measure."""


@dataclass(frozen=True, slots=True)
class Channels:
    """What is known of some meters. One payload's lookups are one statement: each costs a round
    trip, and a night has tens of thousands of payloads.
    """

    session: Session
    channels: dict[tuple[_Key, str], UUID]
    """Channel by key and label."""
    series: dict[tuple[UUID, int], UUID]
    """Series by channel and interval length in seconds."""

    @classmethod
    def of(cls, session: Session, meter_ids: Collection[UUID]) -> Self:
        """Read what is stored of these meters."""
        known = cls(session, {}, {})
        for row in bc.connection_of(session).execute(_KNOWN, [list(meter_ids)]):
            key, (label, channel_id, interval_s, series_id) = row[:4], row[4:]
            known.channels[key, label] = channel_id
            if series_id is not None:
                known.series[channel_id, interval_s] = series_id
        return known

    def has(self, meter_id: UUID, facts: ChannelFacts) -> bool:
        """Has the meter had such a channel before, under whatever label?"""
        key = _key(meter_id, facts)
        return any(known == key for known, _ in self.channels)

    def channel(self, meter_id: UUID, facts: ChannelFacts) -> UUID:
        """Return the channel these facts speak of, made at the first call."""
        key, label = _key(meter_id, facts), facts.variant or ""
        if (key, label) not in self.channels:
            _, direction, unit, measure = key
            made = MeterChannel(
                meter_id=meter_id,
                direction=direction,
                unit=unit,
                measure=measure,
                label=label,
                commodity=facts.commodity.value,
            )
            self.session.add(made)
            self.session.flush()
            self.channels[key, label] = made.id
        return self.channels[key, label]

    def series_of(self, channel_id: UUID, interval_s: int) -> UUID:
        """Return the series of a channel at one interval length, made at the first call."""
        if (channel_id, interval_s) not in self.series:
            made = Series(channel_id=channel_id, interval_s=interval_s)
            self.session.add(made)
            self.session.flush()
            self.series[channel_id, interval_s] = made.id
        return self.series[channel_id, interval_s]


def _key(meter_id: UUID, facts: ChannelFacts) -> _Key:
    return meter_id, facts.direction.value, facts.unit.value, facts.measure.value
