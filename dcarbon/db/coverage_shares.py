"""How much of each meter's days is complete, over all the days ever counted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db.meters import CoverageDay, MeterChannel
from dcarbon.domain.coverage import COVERED, CoverageState


@dataclass(frozen=True, slots=True)
class CoverageShare:
    """Local days of a meter that are due, and how many of them every channel has complete."""

    complete: int
    due: int


def shares_of(session: Session, meter_ids: Collection[UUID]) -> dict[UUID, CoverageShare]:
    """Return the share of each meter; one of which no day is due yet is absent."""
    days = (
        select(
            MeterChannel.meter_id,
            CoverageDay.meter_day,
            func.bool_and(CoverageDay.state.in_(COVERED)).label("is_complete"),
        )
        .join(MeterChannel, MeterChannel.id == CoverageDay.channel_id)
        .where(MeterChannel.meter_id.in_(meter_ids), CoverageDay.state != CoverageState.NOT_DUE)
        .group_by(MeterChannel.meter_id, CoverageDay.meter_day)
        .subquery()
    )
    rows = session.execute(
        select(days.c.meter_id, func.count().filter(days.c.is_complete), func.count()).group_by(
            days.c.meter_id
        )
    )
    return {meter_id: CoverageShare(complete, due) for meter_id, complete, due in rows}
