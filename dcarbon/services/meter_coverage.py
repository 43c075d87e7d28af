"""Coverage of the last days meter by meter; the worst of a facility is in ``facility_cards``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dcarbon.db.coverage_days import DUE_AFTER, coverage_of
from dcarbon.domain.coverage import CoverageState, worst
from dcarbon.services.meters import MeterView

DAYS = 30

Days = tuple[tuple[date, CoverageState], ...]


def last_days(session: Session, meters: Sequence[MeterView], *, now: datetime) -> dict[UUID, Days]:
    """Return the last 30 whole local days of each meter, oldest first, worst channel of each day.

    A meter of which no day was ever counted is absent. The caller has checked who may see them.
    """
    last = now.date() + timedelta(days=1)
    known: dict[UUID, dict[date, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in coverage_of(
        session,
        first_day=last - timedelta(days=DAYS + 2),
        last_day=last,
        meter_ids=[meter.id for meter in meters],
    ):
        known[one.meter_id][one.meter_day].append(one.state)
    return {
        meter.id: _days(known[meter.id], meter.time_zone, now=now)
        for meter in meters
        if meter.id in known
    }


def _days(known: Mapping[date, Sequence[str]], zone: str, *, now: datetime) -> Days:
    today = now.astimezone(ZoneInfo(zone)).date()
    fresh = today - DUE_AFTER
    days = [today - timedelta(days=n) for n in range(DAYS, 0, -1)]
    return tuple((day, worst(known[day]) if day in known else _unknown(day, fresh)) for day in days)


def _unknown(day: date, fresh: date) -> CoverageState:
    return CoverageState.NOT_DUE if day >= fresh else CoverageState.NOT_ASKED
