"""Random histories, derived bit by bit as they come, equal a slow oracle: days, hours, months."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from dcarbon.db.interval_days_writing import SeriesReadings
from dcarbon.db.tables import DailyEnergy, HourlyExportDay
from dcarbon.domain.generation import MonthOfGeneration
from dcarbon.services import derived_energy, monthly_generation
from tests.integration.derived import oracle
from tests.integration.derived.conftest import Place, daily_of, exports_of, months_of
from tests.integration.derived.oracle import Channel, Reading

pytestmark = pytest.mark.database

DAYS = 4
CLOCK = datetime(2026, 12, 1, tzinfo=UTC)
STARTS = {
    "America/Los_Angeles": (date(2026, 3, 7), date(2026, 10, 31)),
    "America/Phoenix": (date(2026, 3, 30),),
    "Europe/London": (date(2026, 3, 28), date(2026, 10, 24)),
    "America/St_Johns": (date(2026, 3, 7), date(2026, 10, 31)),
}
"""Both changes of the clocks, the end of a month, and a zone half an hour off."""
LENGTHS = (900, 3600, 1800, 0)
"""0: periods from nine in the morning, local, as gas days and daily registers are."""
ROLES = ("received", "delivered", "production")


@dataclass(frozen=True)
class Statement:
    """Readings by slot since the first day: value, quality; of one channel at one length."""

    role: str
    interval_s: int
    exponent: int
    readings: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class History:
    zone: str
    first: date
    has_delivered: bool
    claimed: tuple[date, date]
    writes: tuple[tuple[Statement, ...], ...]


@st.composite
def statements(draw: st.DrawFn, roles: Sequence[str]) -> Statement:
    interval_s = draw(st.sampled_from((900, 900, 900, 3600, 3600, 1800, 0)))
    slots = DAYS * 86_400 // interval_s if interval_s else DAYS
    whole = st.just((0, slots, set[int]()))
    part = st.tuples(
        st.integers(0, slots - 1),
        st.integers(1, slots),
        st.sets(st.integers(0, slots - 1), max_size=6),
    )
    begin, length, gaps = draw(st.one_of(whole, part))
    chosen = list(range(begin, min(slots, begin + length)))
    # Lengths without a common factor with an hour: each hour has readings of its own.
    pattern = draw(st.lists(st.integers(-3, 2_000_000), min_size=1, max_size=7))
    mixed = st.lists(st.sampled_from([-1, 0, 8, 9, 17]), min_size=1, max_size=50)
    qualities = draw(st.one_of(st.just([17]), mixed))
    readings = tuple(
        (slot, pattern[n % len(pattern)], qualities[n % len(qualities)])
        for n, slot in enumerate(chosen)
        if slot not in gaps
    )
    return Statement(draw(st.sampled_from(roles)), interval_s, draw(st.integers(-3, 1)), readings)


@st.composite
def histories(draw: st.DrawFn) -> History:
    zone = draw(st.sampled_from(sorted(STARTS)))
    first = draw(st.sampled_from(STARTS[zone]))
    has_delivered = draw(st.booleans())
    roles = ROLES if has_delivered else ("received", "production")
    claimed = sorted(draw(st.tuples(*[st.integers(-1, DAYS + 1)] * 2)))
    writes = draw(
        st.lists(st.lists(statements(roles), min_size=1, max_size=3), min_size=1, max_size=4)
    )
    return History(
        zone,
        first,
        has_delivered,
        (first + timedelta(days=claimed[0]), first + timedelta(days=claimed[1])),
        tuple(tuple(one) for one in writes),
    )


class World:
    """The product and the oracle, told the same."""

    def __init__(self, place: Place, history: History) -> None:
        self.place, self.history = place, history
        self.zone = ZoneInfo(history.zone)
        self.first = datetime.combine(history.first, datetime.min.time(), UTC)
        self.grid, self.production = place.meter(history.zone), place.meter(history.zone)
        self.channels = {
            "received": place.channel(self.grid, "received"),
            "production": place.channel(self.production, "received"),
        }
        if history.has_delivered:
            self.channels["delivered"] = place.channel(self.grid, "delivered")
        self.series = {
            (role, length): place.series(channel_id, length)
            for role, channel_id in self.channels.items()
            for length in LENGTHS
        }
        self.payload = place.payload()
        self.unit = place.unit()
        place.choose(self.channels["received"], "hourly_export")
        place.choose(self.channels["production"], "production")
        place.claim(self.unit, self.grid, "hourly_export", *history.claimed)
        place.claim(self.unit, self.production, "production", *history.claimed)
        self.heard = {role: Channel() for role in self.channels}
        self.states: list[dict[str, Channel]] = []

    def start(self, interval_s: int, slot: int) -> datetime:
        if interval_s:
            return self.first + timedelta(seconds=slot * interval_s)
        day = self.history.first + timedelta(days=slot)
        return datetime(day.year, day.month, day.day, 9, tzinfo=self.zone).astimezone(UTC)

    def length(self, interval_s: int, slot: int) -> timedelta:
        if interval_s:
            return timedelta(seconds=interval_s)
        return self.start(0, slot + 1) - self.start(0, slot)

    def hear(self, stated: Sequence[Statement], at: datetime) -> None:
        batches = [self.batch(one) for one in stated if one.readings]
        self.place.write(*batches, at=at)
        for one in stated:
            said = [
                Reading(
                    self.start(one.interval_s, slot),
                    self.length(one.interval_s, slot),
                    Fraction(value) * Fraction(10) ** one.exponent,
                    quality in oracle.ESTIMATES,
                )
                for slot, value, quality in one.readings
            ]
            channel = self.heard[one.role]
            channel.hear(one.interval_s, self.with_old_quality(one, said))
        self.states.append({role: channel.copy() for role, channel in self.heard.items()})

    def with_old_quality(self, stated: Statement, said: Sequence[Reading]) -> list[Reading]:
        """The same quantity said again without a quality keeps the quality it had."""
        before = self.heard[stated.role].series.get(stated.interval_s, {})
        kept = []
        for reading, (_, _, quality) in zip(said, stated.readings, strict=True):
            old = before.get(reading.start)
            is_silent = quality == -1 and old is not None and old.wh == reading.wh
            kept.append(reading._replace(is_estimated=old.is_estimated) if is_silent and old
                        else reading)  # fmt: skip
        return kept

    def batch(self, one: Statement) -> SeriesReadings:
        starts = [int(self.start(one.interval_s, slot).timestamp()) for slot, _, _ in one.readings]
        lengths = [
            int(self.length(one.interval_s, slot).total_seconds()) for slot, _, _ in one.readings
        ]
        return SeriesReadings(
            self.series[one.role, one.interval_s],
            one.interval_s,
            np.array(starts, np.int64),
            np.array([value for _, value, _ in one.readings], np.int64),
            one.exponent,
            np.array([quality for _, _, quality in one.readings], np.int16),
            self.payload,
            np.array(lengths, np.int32),
        )


@settings(
    max_examples=35,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=histories())
def test_what_is_derived_is_what_the_readings_say(place: Place, history: History) -> None:
    _derive_and_compare(place, history)


@pytest.mark.parametrize("role", ["received", "production"])
def test_a_day_that_loses_its_only_readings_to_a_longer_one_is_gone(
    place: Place, role: str
) -> None:
    """Midnight's quarter-hours, then a day from nine to nine that tells of them, too."""
    quarters = Statement(role, 900, 0, tuple((slot, 5, 17) for slot in range(380, 384)))
    days = Statement(role, 0, 0, tuple((slot, 7, 17) for slot in range(DAYS)))
    first = date(2026, 3, 28)
    claimed = (first, first + timedelta(days=DAYS))

    _derive_and_compare(
        place, History("Europe/London", first, False, claimed, ((quarters,), (days,)))
    )


def _derive_and_compare(place: Place, history: History) -> None:
    world = World(place, history)
    for number, stated in enumerate(history.writes):
        at = CLOCK + timedelta(hours=number)
        world.hear(stated, at)
        derived_energy.derive_changed(place.sessions, now=at)
        monthly_generation.derive_changed(place.sessions, now=at)

        with place.sessions() as session:
            for role, channel_id in world.channels.items():
                assert _days(daily_of(session, channel_id)) == world.heard[role].days(world.zone)
            assert _exports(exports_of(session, world.grid)) == _expected_export(
                world, world.states[-1]
            )
            _check_months(session, world)


def _check_months(session: Session, world: World) -> None:
    """Months now and as known after each write; the stored ones are those of now."""
    stored = months_of(session, world.unit)
    first, last = world.history.claimed
    months = sorted({day.replace(day=1) for day in oracle.days_of(first, last)})
    assert sorted(stored) == months
    for month in months:
        now = monthly_generation.of(session, world.unit, month)
        row = stored[month]
        assert (row.value, row.exponent, row.basis) == (now.value, now.exponent, now.basis)
        assert (row.days_expected, row.days_complete) == (now.days_expected, now.days_complete)
        assert (row.estimated_days, row.is_complete) == (now.estimated_days, now.is_complete)
        for number, state in enumerate(world.states):
            at = CLOCK + timedelta(hours=number)
            known = monthly_generation.of(session, world.unit, month, as_known_at=at)
            assert _generation(known) == _expected_month(world, state, month)
        assert _generation(now) == _expected_month(world, world.states[-1], month)


def test_a_history_derived_again_from_the_start_writes_nothing(place: Place) -> None:
    readings = tuple((slot, 100 + slot, 17) for slot in range(200))
    writes = tuple((Statement(role, 900, -1, readings),) for role in ROLES)
    zone = "America/Los_Angeles"
    first = STARTS[zone][0]
    world = World(
        place, History(zone, first, has_delivered=True, claimed=(first, first), writes=writes)
    )
    for number, stated in enumerate(writes):
        world.hear(stated, CLOCK + timedelta(hours=number))
    derived_energy.derive_changed(place.sessions, now=CLOCK)

    days = [first + timedelta(days=n) for n in range(-2, DAYS + 2)]
    again = derived_energy.derive_days(place.sessions, days, now=CLOCK + timedelta(days=1))

    assert again.derived > 0
    assert (again.written, again.exports_written) == (0, 0)


def _days(rows: dict[date, DailyEnergy]) -> dict[date, oracle.Day]:
    return {
        day: oracle.Day(
            _wh(row.value, row.exponent),
            _wh(row.estimated_value, row.exponent),
            row.readings,
            row.expected,
            row.estimated,
        )
        for day, row in rows.items()
    }


def _exports(rows: dict[date, HourlyExportDay]) -> dict[date, oracle.Export]:
    found: dict[date, oracle.Export] = {}
    for day, row in rows.items():
        hours = [None if hour is None else _wh(hour, row.exponent) for hour in row.hours]
        assert sum(hour for hour in hours if hour is not None) == _wh(row.value, row.exponent)
        found[day] = oracle.Export(
            hours,
            _wh(row.register_value, row.exponent),
            row.missing_hours,
            row.estimated_hours,
        )
    return found


def _expected_export(world: World, state: dict[str, Channel]) -> dict[date, oracle.Export]:
    return oracle.export(state["received"], state.get("delivered"), world.zone)


def _generation(month: MonthOfGeneration) -> tuple[Fraction, set[tuple[UUID, date]]]:
    """What a month is in Wh, and which of its meter days are complete."""
    assert sum(line.value for line in month.lines) == month.value
    complete = {(line.meter_id, line.day) for line in month.lines if line.is_complete}
    assert all(line.reason for line in month.lines if not line.is_complete)
    return _wh(month.value, month.exponent), complete


def _expected_month(
    world: World, state: dict[str, Channel], month: date
) -> tuple[Fraction, set[tuple[UUID, date]]]:
    end = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    first, last = max(month, world.history.claimed[0]), min(end, world.history.claimed[1])
    exports = _expected_export(world, state)
    production = state["production"].days(world.zone)
    days = list(oracle.days_of(first, last))
    complete = {
        (world.grid, day)
        for day in days
        if day in exports and not exports[day].missing and not exports[day].estimated
    } | {
        (world.production, day)
        for day in days
        if day in production
        and production[day].readings == production[day].expected
        and not production[day].estimated
    }
    total = oracle.export_of(exports, first, last) + oracle.production_of(production, first, last)
    return total, complete


def _wh(value: int, exponent: int) -> Fraction:
    return Fraction(value) * Fraction(10) ** exponent
