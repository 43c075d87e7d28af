"""What people and nights ask of interval days, as functions of a database: for ``billion``.

Every question goes through the product's own code, from the query to the numbers or the bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks import billion_fill as filling
from benchmarks.billion_fill import FIRST_DAY
from benchmarks.quarter_hours import ZONE, Portfolio
from dcarbon.db import coverage_reading, interval_days_reading, interval_days_writing
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import (
    day_totals,
    exports_blocks,
    exports_csv,
    exports_plan,
    intervals,
    shown_readings,
)
from dcarbon.services.exports_plan import Wish
from dcarbon_api.intervals import layouts

_EXPORTED_METERS = 4
_COVERED_METERS, _COVERED_DAYS = 100, 30
_TOGETHER = 100
"""Series written in one transaction."""
_EVERYBODY = text("select sum(cardinality(readings)) from interval_days where utc_day = :day")
_VIEW = text("""
select sum(value) from intervals where meter_id = :meter and utc_day between :first and :last
""")
_PLANNED = {
    "a meter's month": """select * from interval_days where series_id = '{series}'
        and utc_day between '{first}' and '{last}'""",
    "a night's look": """
        select count(*) from unnest(array['{series}'::uuid], array['{first}'::date],
                                    array['{last}'::date]) as w(series_id, first_day, last_day)
        cross join lateral (
            select content_hash from interval_days
            where series_id = w.series_id and utc_day between w.first_day and w.last_day
              and utc_day between '{first}' and '{last}' offset 0
        ) d""",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom and when a question is about: the same for every rival of a round."""

    meter: UUID
    several: list[UUID]
    series: UUID
    first: date
    """The first of 366 days that are stored."""

    @property
    def last_month(self) -> date:
        return self.first + timedelta(days=30)


Question = Callable[[Sessions, Portfolio, Asked], object]


def asked(portfolio: Portfolio, days: int, *, seed: int) -> Asked:
    """Draw a meter and a time."""
    drawn = random.Random(seed)
    return Asked(
        drawn.choice(portfolio.meters),
        drawn.sample(portfolio.meters, min(_COVERED_METERS, len(portfolio.meters))),
        drawn.choice(portfolio.series),
        FIRST_DAY + timedelta(days=drawn.randrange(max(1, days - 366))),
    )


def questions(days: int) -> Mapping[str, Question]:
    """Return the questions by name; ``days`` are stored."""
    year = min(365, days - 2)
    return {
        "GET /intervals, a day": partial(_intervals, days=1),
        "GET /intervals, a month": partial(_intervals, days=31),
        "GET /intervals, a year": partial(_intervals, days=year),
        "chart of a year": partial(_chart, days=year),
        "day totals of a year": partial(_day_totals, days=year),
        f"coverage, {_COVERED_METERS} meters, {_COVERED_DAYS} days": _coverage,
        f"CSV, {_EXPORTED_METERS} meters, a year": partial(_export, days=year),
        "SQL view, a meter's month": _view,
        "SQL, everybody's day": _everybody,
    }


def night(sessions: Sessions, batches: Sequence[SeriesReadings], day: int) -> None:
    """Write what a night brought, some series in each transaction."""
    recorded_at = filling.instant(day + 1)
    for first in range(0, len(batches), _TOGETHER):
        with sessions.begin() as session:
            several = batches[first : first + _TOGETHER]
            interval_days_writing.write(session, several, recorded_at=recorded_at)


def planning_ms(session: Session, about: Asked, name: str) -> float:
    """Return how long PostgreSQL thinks about a query before it begins."""
    statement = _PLANNED[name].format(series=about.series, first=about.first, last=about.last_month)
    plan: Any = session.execute(text(f"explain (summary, format json) {statement}")).scalar_one()
    found = json.loads(plan) if isinstance(plan, str) else plan
    return float(found[0]["Planning Time"])


PLANNED = tuple(_PLANNED)


def _intervals(sessions: Sessions, portfolio: Portfolio, about: Asked, *, days: int) -> bytes:
    with sessions() as session:
        found = intervals.for_meter(
            session,
            about.meter,
            start_text=about.first.isoformat(),
            end_text=(about.first + timedelta(days=days)).isoformat(),
            actor=portfolio.actor,
            now=datetime.now(UTC),
        )
    return layouts.columns(found)


def _chart(sessions: Sessions, _portfolio: Portfolio, about: Asked, *, days: int) -> list[int]:
    with sessions() as session:
        found = shown_readings.read(session, about.meter, _span(about, days))
    return [len(one.start) for one in found]


def _day_totals(sessions: Sessions, _portfolio: Portfolio, about: Asked, *, days: int) -> object:
    span = _span(about, days)
    with sessions() as session:
        table = interval_days_reading.read_series(session, about.series, span.start, span.end)
    return day_totals.by_day(table, span, ZoneInfo(ZONE))


def _coverage(sessions: Sessions, _portfolio: Portfolio, about: Asked) -> int:
    span = _span(about, _COVERED_DAYS)
    with sessions() as session:
        found = coverage_reading.channels_of_meters(
            session, dict.fromkeys(about.several, (span.start, span.end))
        )
    every = (series for channels in found.values() for one in channels for series in one.series)
    return sum(len(one.readings.start) for one in every)


def _export(sessions: Sessions, portfolio: Portfolio, about: Asked, *, days: int) -> int:
    place = portfolio.meters.index(about.meter) // 20 * 20
    wish = Wish(
        start=about.first.isoformat(),
        end=(about.first + timedelta(days=days)).isoformat(),
        meter_ids=tuple(portfolio.meters[place : place + _EXPORTED_METERS]),
    )
    with sessions() as session:
        plan = exports_plan.of(session, wish, actor=portfolio.actor, now=datetime.now(UTC))
    return sum(len(piece) for piece in exports_csv.chunks(exports_blocks.blocks(sessions, plan)))


def _view(sessions: Sessions, _portfolio: Portfolio, about: Asked) -> object:
    asked_of = {"meter": about.meter, "first": about.first, "last": about.last_month}
    with sessions() as session:
        return session.scalar(_VIEW, asked_of)


def _everybody(sessions: Sessions, _portfolio: Portfolio, about: Asked) -> object:
    with sessions() as session:
        return session.scalar(_EVERYBODY, {"day": about.first})


def _span(about: Asked, days: int) -> TimeRange:
    start = datetime(about.first.year, about.first.month, about.first.day, tzinfo=UTC)
    return TimeRange(start, start + timedelta(days=days))
