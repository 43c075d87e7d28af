"""Coverage of the last days meter by meter; the worst of a facility is in ``facility_cards``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dcarbon.db import coverage_shares
from dcarbon.db.coverage_days import DUE_AFTER, coverage_of
from dcarbon.db.coverage_shares import CoverageShare
from dcarbon.domain.coverage import CoverageState, standing, worst
from dcarbon.services.meters import MeterView

DAYS = 30

Days = tuple[tuple[date, CoverageState], ...]


def last_days(session: Session, meters: Sequence[MeterView], *, now: datetime) -> dict[UUID, Days]:
    """Return the last 30 whole local days of each meter, oldest first, worst channel of each day.

    A meter of which no day was ever counted is absent. The caller has checked who may see them.
    """
    last = now.date() + timedelta(days=1)
    due_before = {
        meter.id: (now - DUE_AFTER).astimezone(ZoneInfo(meter.time_zone)).date() for meter in meters
    }
    known: dict[UUID, dict[date, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in coverage_of(
        session,
        first_day=last - timedelta(days=DAYS + 2),
        last_day=last,
        meter_ids=[meter.id for meter in meters],
    ):
        is_due = one.meter_day < due_before[one.meter_id]
        state = standing(one.state, asked=one.asked_at is not None, due=is_due)
        known[one.meter_id][one.meter_day].append(state)
    return {
        meter.id: _days(known[meter.id], meter.time_zone, now=now)
        for meter in meters
        if meter.id in known
    }


def shares(
    session: Session, meters: Sequence[MeterView], *, now: datetime
) -> dict[UUID, CoverageShare]:
    """Return how many of each meter's due days are complete, over all days ever counted.

    A meter of which no day is due yet is absent. The caller has checked who may see them.
    """
    return coverage_shares.shares_of(session, [meter.id for meter in meters], now=now)


def _days(known: Mapping[date, Sequence[str]], zone: str, *, now: datetime) -> Days:
    today = now.astimezone(ZoneInfo(zone)).date()
    fresh = today - DUE_AFTER
    days = [today - timedelta(days=n) for n in range(DAYS, 0, -1)]
    return tuple((day, worst(known[day]) if day in known else _unknown(day, fresh)) for day in days)


def _unknown(day: date, fresh: date) -> CoverageState:
    return CoverageState.NOT_DUE if day >= fresh else CoverageState.NOT_ASKED
