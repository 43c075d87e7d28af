"""How much of each meter's days is complete, over all the days ever counted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Date, cast, func, or_, select
from sqlalchemy.orm import Session

from dcarbon.db.coverage_days import DUE_AFTER
from dcarbon.db.meters import CoverageDay, Meter, MeterChannel
from dcarbon.domain.coverage import COVERED, CoverageState


@dataclass(frozen=True, slots=True)
class CoverageShare:
    """Local days of a meter that are due, and how many of them every channel has complete."""

    complete: int
    due: int


def shares_of(
    session: Session, meter_ids: Collection[UUID], *, now: datetime
) -> dict[UUID, CoverageShare]:
    """Return the share of each meter; one of which no day is due yet is absent.

    A day that was not due when it was counted is due once the utility has had its time.
    """
    due_before = cast(func.timezone(Meter.time_zone, now - DUE_AFTER), Date)
    days = (
        select(
            MeterChannel.meter_id,
            CoverageDay.meter_day,
            func.bool_and(CoverageDay.state.in_(COVERED)).label("is_complete"),
        )
        .join(MeterChannel, MeterChannel.id == CoverageDay.channel_id)
        .join(Meter, Meter.id == MeterChannel.meter_id)
        .where(
            Meter.id.in_(meter_ids),
            or_(CoverageDay.state != CoverageState.NOT_DUE, CoverageDay.meter_day < due_before),
        )
        .group_by(MeterChannel.meter_id, CoverageDay.meter_day)
        .subquery()
    )
    rows = session.execute(
        select(days.c.meter_id, func.count().filter(days.c.is_complete), func.count()).group_by(
            days.c.meter_id
        )
    )
    return {meter_id: CoverageShare(complete, due) for meter_id, complete, due in rows}
