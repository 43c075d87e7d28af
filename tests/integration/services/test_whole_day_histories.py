"""Readings of whole local days, as of gas: counted, summed and told as they were stated."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from dcarbon.db.base import new_id
from dcarbon.db.coverage_days import coverage_of
from dcarbon.domain.flows import Direction
from dcarbon.services import day_histories, meters, restatement_views
from dcarbon.services.day_histories import DayHistory
from dcarbon.services.restatement_views import Changes
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Resident, Settle
from tests.integration.services.histories import Payload, Said, land, midnight, steady

pytestmark = pytest.mark.database

ZONE = ZoneInfo("America/Los_Angeles")
WEEKS = (date(2026, 3, 6), date(2025, 10, 30))
"""Clocks change on the third and on the fourth day."""
DAYS = 5
DAY = timedelta(days=1)
Week = dict[int, int]
"""What one payload says: therms by number of the day."""


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


def payload(first: date, week: Week, at: datetime) -> Payload:
    readings = []
    for number, value in sorted(week.items()):
        start, end = (midnight(first + DAY * n, ZONE) for n in (number, number + 1))
        length = int((end - start).total_seconds())
        readings.append(Said(Direction.DELIVERED, start, length, value, None))
    return Payload(at, 0, tuple(readings), None)


class Told:
    """What should be known after some payloads, day by day."""

    def __init__(self, first: date) -> None:
        self.first = first
        self.known: dict[date, Decimal] = {}
        self.changes: list[tuple[date, Decimal, Decimal]] = []
        self.steps: dict[date, list[tuple[datetime, str]]] = {}
        self.states: dict[date, str] = {}

    def hear(self, week: Week, at: datetime) -> None:
        for place, value in sorted(week.items()):
            day, quantity = self.first + DAY * place, Decimal(value)
            if day not in self.known:
                self.steps.setdefault(day, []).append((at, "filled"))
            elif self.known[day] != quantity:
                self.steps[day].append((at, "changed"))
                self.changes.append((day, self.known[day], quantity))
            self.known[day] = quantity
        changed = {day for day, _, _ in self.changes}
        for place in range(min(week), max(week) + 1):
            day = self.first + DAY * place
            here = "restated" if day in changed else "complete"
            self.states[day] = here if day in self.known else "not_asked"


@steady
@given(
    first=st.sampled_from(WEEKS),
    weeks=st.lists(
        st.dictionaries(st.integers(0, DAYS - 1), st.integers(0, 2), min_size=1),
        min_size=1,
        max_size=5,
    ),
)
def test_whole_days_are_counted_summed_and_told_as_stated(
    *, runtime: Runtime, ann: Resident, first: date, weeks: list[Week]
) -> None:
    name, told = new_id().hex, Told(first)
    after = midnight(first + DAY * (DAYS + 4), ZONE)
    for number, week in enumerate(weeks):
        at = after + timedelta(hours=number)
        land(runtime, ann.facility.id, name, ZONE, payload(first, week, at))
        told.hear(week, at)

    with runtime.sessions() as session:
        listed = meters.listing(session, actor=ann.actor, facility_id=ann.facility.id)
        (meter,) = (one for one in listed if one.external_id == name)
        last = first + DAY * (DAYS - 1)
        rows = coverage_of(session, meter_ids=[meter.id], first_day=first, last_day=last)
        days = days_of(runtime, session, ann, meter.id, first, now=at)
        found = restatement_views.of_range(
            session,
            ann.facility.id,
            meter_id=meter.id,
            start=first.isoformat(),
            end=(last + DAY).isoformat(),
            reported_on=(after - timedelta(hours=1)).isoformat(),
            actor=ann.actor,
            now=at,
        )

    assert {row.meter_day: row.state.value for row in rows} == told.states
    assert {row.expected for row in rows} == {1}
    assert sorted(as_changes(found)) == sorted(told.changes)
    (totals,) = found.totals
    assert {one.first: one.today for one in totals.days} == told.known
    assert all(one.reported is None for one in totals.days)
    for day, history in days.items():
        assert as_steps(history) == told.steps.get(day, [])
        assert [one.total for one in history.channels] == [told.known.get(day)]


def days_of(
    runtime: Runtime,
    session: Session,
    ann: Resident,
    meter_id: UUID,
    first: date,
    *,
    now: datetime,
) -> dict[date, DayHistory]:
    return {
        day: day_histories.of_day(
            session,
            ann.facility.id,
            meter_id,
            day,
            actor=ann.actor,
            settings=runtime.settings,
            now=now,
        )
        for day in (first + DAY * n for n in range(DAYS))
    }


def as_changes(found: Changes) -> list[tuple[date, Decimal, Decimal]]:
    return [(one.start.astimezone(ZONE).date(), one.old, one.new) for one in found.differences]


def as_steps(history: DayHistory) -> list[tuple[datetime, str]]:
    return [(one.recorded_at, "changed" if one.changes else "filled") for one in history.statements]
