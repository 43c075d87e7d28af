"""Random histories through the normal way of storing: coverage, totals, and what was known when.

Payloads have gaps, estimates and repeats, correct earlier ones, change from hours to quarter hours
and lie around both daylight-saving changes. All that is asked of the product is compared with a
slow oracle that knows nothing of how it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from sqlalchemy.orm import Session

from dcarbon.db.base import new_id
from dcarbon.db.coverage_days import coverage_of
from dcarbon.db.interval_days_reading import exponent_of, read_channels
from dcarbon.services import (
    coverage_calendar,
    day_histories,
    meters,
    restatement_views,
)
from dcarbon.services.day_histories import Statement
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Resident, Settle
from tests.integration.services.histories import DIRECTIONS, History, histories, land, steady
from tests.integration.services.oracle import Effect, Line, Oracle, Row

pytestmark = pytest.mark.database

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


class World:
    """The product and the oracle, told the same about a meter of its own."""

    def __init__(self, runtime: Runtime, ann: Resident, history: History) -> None:
        self.runtime, self.ann, self.history = runtime, ann, history
        self.oracle = Oracle(history)
        self.name = new_id().hex
        self.payloads: list[str] = []
        for payload in history.payloads:
            landed = land(runtime, ann.facility.id, self.name, history.zone, payload)
            self.payloads.append(landed.sha256.hex())
            self.oracle.hear(payload)
        self.now = history.payloads[-1].at

    def meter(self, session: Session) -> meters.MeterView:
        listed = meters.listing(session, actor=self.ann.actor, facility_id=self.ann.facility.id)
        (found,) = [one for one in listed if one.external_id == self.name]
        return found

    def lines(self, session: Session, at: datetime | None) -> dict[str, Line]:
        """Return what the product says was known, by direction, of channels that have readings."""
        found = {}
        span = self.history.start, self.history.end
        for each in read_channels(session, self.meter(session).id, *span, as_known_at=at):
            rows = each.readings.to_pylist()
            exponent = exponent_of(each.readings)
            found[each.channel.direction] = {
                row["start"]: (
                    row["duration_s"],
                    Decimal(row["value"]).scaleb(exponent),
                    row["quality"],
                )
                for row in rows
            }
            assert len(found[each.channel.direction]) == len(rows)
        return {direction: line for direction, line in found.items() if line}

    def expected_lines(self, at: datetime) -> dict[str, Line]:
        known = self.oracle.at(at)
        lines = {one.value: self.oracle.line(known, one.value) for one in DIRECTIONS}
        return {direction: line for direction, line in lines.items() if line}


@steady
@given(history=histories())
def test_readings_are_known_as_they_were_at_any_time(
    runtime: Runtime, ann: Resident, history: History
) -> None:
    world = World(runtime, ann, history)

    with runtime.sessions() as session:
        for payload in history.payloads:
            for at in (payload.at - MICROSECOND, payload.at):
                assert world.lines(session, at) == world.expected_lines(at)
        assert world.lines(session, None) == world.expected_lines(world.now)


@steady
@given(history=histories())
def test_each_local_day_is_counted_as_by_hand(
    runtime: Runtime, ann: Resident, history: History
) -> None:
    world = World(runtime, ann, history)
    first, last = history.days[0] - timedelta(days=1), history.days[-1] + timedelta(days=1)

    with runtime.sessions() as session:
        meter = world.meter(session)
        stored = coverage_of(session, meter_ids=[meter.id], first_day=first, last_day=last)
        days = coverage_calendar.of_year(
            session,
            ann.facility.id,
            meter_id=meter.id,
            year=last.year,
            channel_id=None,
            actor=ann.actor,
            settings=runtime.settings,
            now=world.now,
        ).days

    found = {
        (one.direction, one.meter_day): Row(
            one.state, one.expected, (one.present, one.estimated, one.restated), one.asked_at
        )
        for one in stored
    }
    assert found == world.oracle.coverage
    shown = {day.day: day.state for day in days}
    for day in history.days:
        if day in shown:
            assert shown[day] == world.oracle.worst_on(day, now=world.now)


@steady
@given(history=histories())
def test_totals_of_days_and_months_are_exact_as_reported_and_as_known_today(
    runtime: Runtime, ann: Resident, history: History
) -> None:
    world = World(runtime, ann, history)
    reported_at = history.payloads[len(history.payloads) // 2].at

    with runtime.sessions() as session:
        found = restatement_views.of_range(
            session,
            ann.facility.id,
            meter_id=world.meter(session).id,
            start=history.start.isoformat(),
            end=history.end.isoformat(),
            reported_on=reported_at.isoformat(),
            actor=ann.actor,
            now=world.now,
        )

    listed = [(one.channel.direction, one.start, one.old, one.new) for one in found.differences]
    changes = [(one.direction, one.start, one.old, one.new) for one in world.oracle.changes]
    assert sorted(listed) == sorted(changes)
    recorded = [one.recorded_at for one in found.differences]
    assert recorded == sorted((one.at for one in world.oracle.changes), reverse=True)
    for totals in found.totals:
        direction = totals.channel.direction
        reported = world.oracle.totals(world.oracle.at(reported_at), direction)
        today = world.oracle.totals(world.oracle.at(world.now), direction)
        assert {one.first: one.reported for one in totals.days if one.reported is not None} == (
            reported
        )
        assert {one.first: one.today for one in totals.days if one.today is not None} == today
        months = {one.first: one.difference for one in totals.months}
        assert months == by_hand(today, reported)


def by_hand(today: Mapping[date, Decimal], reported: Mapping[date, Decimal]) -> dict[date, Decimal]:
    months: dict[date, Decimal] = {}
    for sign, days in ((1, today), (-1, reported)):
        for day, total in days.items():
            month = day.replace(day=1)
            months[month] = months.get(month, Decimal(0)) + sign * total
    return months


@steady
@given(history=histories())
def test_the_history_of_a_day_tells_each_statement_once(
    runtime: Runtime, ann: Resident, history: History
) -> None:
    world = World(runtime, ann, history)

    with runtime.sessions() as session:
        meter = world.meter(session)
        directions = {channel.id: channel.direction for channel in meter.channels}
        for day in history.days:
            if day > world.now.astimezone(history.zone).date():
                continue
            shown = day_histories.of_day(
                session,
                ann.facility.id,
                meter.id,
                day,
                actor=ann.actor,
                settings=runtime.settings,
                now=world.now,
            )
            told = [
                (one.recorded_at, effect_of(one, directions), one.payload_ids)
                for one in shown.statements
            ]
            expected = [
                (at, effects[day]) for at, effects in world.oracle.effects if day in effects
            ]
            assert [one[:2] for one in told] == expected
            hashes = [shown.payloads[payloads[0]].sha256 for _, _, payloads in told]
            times = [payload.at for payload in history.payloads]
            assert hashes == [world.payloads[times.index(at)] for at, _ in expected]
            for channel in shown.channels:
                total = world.oracle.totals(world.oracle.at(world.now), channel.channel.direction)
                assert channel.total == total.get(day)


def effect_of(one: Statement, directions: Mapping[UUID, str]) -> Effect:
    effect: Effect = {}
    for channel_id, direction in directions.items():
        counts = (
            one.filled.get(channel_id, 0),
            sum(change.channel_id == channel_id for change in one.changes),
            one.requalified.get(channel_id, 0),
        )
        if any(counts):
            effect[direction] = counts
    return effect
