"""The meters of one authorization with what is newest of each: readings and coverage, in short."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db.coverage_shares import CoverageShare
from dcarbon.db.meters import CoverageDay, MeterChannel
from dcarbon.domain.calendar import DAY
from dcarbon.domain.coverage import CoverageState
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import meter_coverage, meter_readings, meters, shown_readings
from dcarbon.services.actors import Actor
from dcarbon.services.meter_coverage import Days
from dcarbon.services.meters import ChannelView, MeterView
from dcarbon.services.shown_readings import Readings

_BILLS = timedelta(days=62)
"""Where the utility states billing periods only, the last one began within this time."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest readings of a channel: of the day (24 hours) that ends with the meter's last one.

    Quantities are exact and in ``unit`` (kWh where Wh is stored).
    """

    channel_id: UUID
    unit: str
    start: datetime
    duration_s: int
    quantity: Decimal
    readings: int
    total: Decimal


@dataclass(frozen=True, slots=True)
class StateDays:
    """How many local days of a meter's channels are in a state, as last counted."""

    state: CoverageState
    days: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class MeterSummary:
    """One meter. ``days`` are the last 30 local ones, none while nothing was counted."""

    meter: MeterView
    newest: tuple[Newest, ...]
    share: CoverageShare | None
    days: Days
    counted: tuple[StateDays, ...]

    def newest_of(self, channel: ChannelView) -> Newest | None:
        return next((one for one in self.newest if one.channel_id == channel.id), None)


def of(
    session: Session, authorization_id: UUID, *, actor: Actor, now: datetime
) -> tuple[MeterSummary, ...]:
    """Return each meter, in order of external ids. Raises :class:`NotFound`."""
    found = meters.listing(session, actor=actor, authorization_id=authorization_id)
    days = meter_coverage.last_days(session, found, now=now)
    shares = meter_coverage.shares(session, found, now=now)
    counted = _counted(session, [meter.id for meter in found])
    return tuple(
        MeterSummary(
            meter=meter,
            newest=_newest(session, meter),
            share=shares.get(meter.id),
            days=days.get(meter.id, ()),
            counted=tuple(counted[meter.id]),
        )
        for meter in found
    )


def _newest(session: Session, meter: MeterView) -> tuple[Newest, ...]:
    end = meter_readings.last_end(meter)
    if end is None:
        return ()
    found = shown_readings.read(session, meter.id, TimeRange(end - DAY, end))
    if not found:
        found = shown_readings.read(session, meter.id, TimeRange(end - _BILLS, end))
    return tuple(map(_in_short, found))


def _in_short(one: Readings) -> Newest:
    values = one.value.tolist()
    return Newest(
        channel_id=one.channel.id,
        unit=one.channel.unit,
        start=datetime.fromtimestamp(int(one.start[-1]), UTC),
        duration_s=int(one.duration_s[-1]),
        quantity=Decimal(values[-1]).scaleb(one.exponent),
        readings=len(values),
        total=Decimal(sum(values)).scaleb(one.exponent),
    )


def _counted(session: Session, meter_ids: Sequence[UUID]) -> dict[UUID, list[StateDays]]:
    row = CoverageDay
    rows = session.execute(
        select(
            MeterChannel.meter_id,
            row.state,
            func.count(row.meter_day.distinct()),
            func.min(row.meter_day),
            func.max(row.meter_day),
        )
        .join(MeterChannel, MeterChannel.id == row.channel_id)
        .where(MeterChannel.meter_id.in_(meter_ids))
        .group_by(MeterChannel.meter_id, row.state)
        .order_by(MeterChannel.meter_id, row.state)
    )
    found: dict[UUID, list[StateDays]] = defaultdict(list)
    for meter_id, state, days, first, last in rows:
        found[meter_id].append(StateDays(CoverageState(state), days, first, last))
    return found
