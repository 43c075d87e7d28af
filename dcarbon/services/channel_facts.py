"""What is known of a meter's channels, as the rules of eligibility want it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from fractions import Fraction
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db.generating_units import ChannelEligibility
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.eligibility import LOOKED_AT_DAYS, Eligibility, Facts
from dcarbon.domain.flows import Commodity, Direction, Measure, Unit


def of_meters(session: Session, meter_ids: Collection[UUID], *, today: date) -> dict[UUID, Facts]:
    """Return the facts of every channel of these meters, by channel."""
    channels = session.scalars(
        select(MeterChannel).where(MeterChannel.meter_id.in_(meter_ids))
    ).all()
    by_meter: dict[UUID, list[MeterChannel]] = {}
    for channel in channels:
        by_meter.setdefault(channel.meter_id, []).append(channel)
    estimated = _estimated(session, [channel.id for channel in channels], today)
    production = _production_meters(session, meter_ids)
    return {
        channel.id: Facts(
            direction=Direction(channel.direction),
            unit=Unit(channel.unit),
            commodity=Commodity(channel.commodity),
            measure=Measure(channel.measure),
            siblings=_siblings(channel, by_meter[channel.meter_id]),
            is_part=_is_part(channel, by_meter[channel.meter_id]),
            has_production_meter=any(one != channel.meter_id for one in production),
            estimated=estimated.get(channel.id),
        )
        for channel in channels
    }


def _siblings(channel: MeterChannel, channels: Collection[MeterChannel]) -> frozenset[Direction]:
    return frozenset(
        Direction(other.direction)
        for other in channels
        if other.id != channel.id and other.unit == Unit.WH
    )


def _is_part(channel: MeterChannel, channels: Collection[MeterChannel]) -> bool:
    """Say whether the whole of what this channel has a part of is another channel."""
    wanted = (channel.direction, channel.unit, channel.measure, "")
    return channel.label != "" and any(
        (other.direction, other.unit, other.measure, other.label) == wanted for other in channels
    )


def _estimated(
    session: Session, channel_ids: Collection[UUID], today: date
) -> Mapping[UUID, Fraction]:
    """Return the share of estimates among the readings of the last days; silent channels lack."""
    day = CoverageDay
    present, estimated = func.sum(day.present), func.sum(day.estimated)
    found = session.execute(
        select(day.channel_id, present, estimated)
        .where(
            day.channel_id.in_(channel_ids),
            day.meter_day.between(today - timedelta(days=LOOKED_AT_DAYS), today),
        )
        .group_by(day.channel_id)
        .having(present > 0)
    )
    return {channel_id: Fraction(int(some), int(every)) for channel_id, every, some in found}


def _production_meters(session: Session, meter_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return the meters somebody stated to be production meters, at the facilities of these."""
    facilities = select(Meter.facility_id).where(Meter.id.in_(meter_ids))
    found = session.scalars(
        select(MeterChannel.meter_id)
        .join(ChannelEligibility, ChannelEligibility.channel_id == MeterChannel.id)
        .join(Meter, Meter.id == MeterChannel.meter_id)
        .where(
            Meter.facility_id.in_(facilities), ChannelEligibility.chosen == Eligibility.PRODUCTION
        )
    )
    return frozenset(found)
