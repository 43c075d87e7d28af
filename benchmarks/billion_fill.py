"""A portfolio with years of quarter hours, as interval days straight into their table."""

from __future__ import annotations

import os
import time
from datetime import date, datetime, timedelta

import numpy as np
from sqlalchemy import text

from benchmarks import quarter_hours
from benchmarks.quarter_hours import EXPONENT, SLOTS, STEP_S, Portfolio
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.interval_rows import DayRows

READINGS = int(os.environ.get("READINGS", "1000000000"))
SERIES = int(os.environ.get("SERIES", "15000"))
DAYS = max(40, READINGS // (SERIES * SLOTS))
FIRST_DAY = date(2025, 12, 1) - timedelta(days=DAYS)
_DAYS_PER_COMMIT = 5


def furnish(sessions: Sessions) -> Portfolio:
    """Make everything but the readings."""
    return quarter_hours.furnish(sessions, SERIES, first=FIRST_DAY, days=DAYS)


def fill(sessions: Sessions, portfolio: Portfolio, days: int) -> int:
    """Write so many days of every series, saying how far it is; return how many readings.

    Triggers are off: what they check holds, and nothing is derived here.
    """
    written, began, said = 0, time.perf_counter(), 0.0
    for first in range(0, days, _DAYS_PER_COMMIT):
        with sessions.begin() as session:
            session.execute(text("set local session_replication_role = replica"))
            for day in range(first, min(first + _DAYS_PER_COMMIT, days)):
                rows = _day(portfolio, day)
                at = instant(day + 1)
                written += quarter_hours.write(session, portfolio.ids, rows, recorded_at=at)
        took = time.perf_counter() - began
        if took - said > 4 or first + _DAYS_PER_COMMIT >= days:
            said = took
            quarter_hours.say(written, began)
    return written


def night(portfolio: Portfolio, day: int) -> list[SeriesReadings]:
    """Return what a night brings: a day of every series, and the two before it as stored."""
    several = [_day(portfolio, one) for one in (day - 2, day - 1, day)]
    batches = []
    for place, series_id in enumerate(portfolio.series):
        kept = np.concatenate([rows.present[place] for rows in several])
        starts = several[0].day[place] * 86_400 + np.arange(kept.size, dtype=np.int64) * STEP_S
        batches.append(
            SeriesReadings(
                series_id=series_id,
                interval_s=STEP_S,
                start=starts[kept],
                value=np.concatenate([rows.values[place] for rows in several])[kept],
                exponent=EXPONENT,
                quality=np.concatenate([rows.quality[place] for rows in several])[kept],
                payload_id=portfolio.payload,
            )
        )
    return batches


def instant(day: int) -> datetime:
    """Return where a day begins, UTC."""
    return quarter_hours.midnight(FIRST_DAY, day)


def _day(portfolio: Portfolio, day: int) -> DayRows:
    return quarter_hours.day_of_all(len(portfolio.series), first=FIRST_DAY, day=day)
