"""Readings in steps: exact, on local hours and days, with what is missing said and never filled."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.errors import ContractViolation
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Step
from dcarbon.services import reading_steps
from dcarbon.services.reading_steps import Panel, lengths_of
from dcarbon.services.shown_readings import Readings
from tests.unit.domain.test_calendar import DAYS, ZONES
from tests.unit.services.readings_of_tests import AUTUMN, PACIFIC, SPRING, channel, days, readings


def _panel(found: list[Panel]) -> Panel:
    (panel,) = found
    return panel


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (date(2026, 3, 9), 24), (AUTUMN, 25)])
def test_a_day_has_as_many_local_hours_as_its_clock(day: date, hours: int) -> None:
    span = days(day)

    panel = _panel(reading_steps.panels([readings(span)], span, step=Step.HOUR, zone=PACIFIC))

    assert len(panel.start) == hours
    assert (lengths_of(panel) == 3600).all()
    assert panel.lines[0].value.sum() == sum(range(1, hours * 4 + 1))
    assert not panel.lines[0].is_partial.any()


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_a_day_of_time_change_is_one_step_that_is_complete(day: date, hours: int) -> None:
    span = days(day - timedelta(1), 3)

    panel = _panel(reading_steps.panels([readings(span)], span, step=Step.DAY, zone=PACIFIC))

    assert lengths_of(panel).tolist() == [86_400, hours * 3600, 86_400]
    assert not panel.lines[0].is_partial.any()


def test_each_reading_is_a_step_and_a_gap_is_one_however_long() -> None:
    span = days(SPRING)
    given = readings(span, [5, 0, None, None, 7])

    panel = _panel(reading_steps.panels([given], span, step=Step.READINGS, zone=PACIFIC))

    line = panel.lines[0]
    assert line.is_present.tolist() == [True, True, False, True, False]
    assert line.value[line.is_present].tolist() == [5, 0, 7]
    assert lengths_of(panel).tolist() == [900, 900, 1800, 900, 23 * 3600 - 5 * 900]


def test_a_step_of_which_readings_are_missing_is_partial_and_one_without_any_a_gap() -> None:
    span = days(SPRING)
    given = readings(span, [1, 2, None, 4, *[None] * 4, 1, 1, 1, 1])

    line = _panel(reading_steps.panels([given], span, step=Step.HOUR, zone=PACIFIC)).lines[0]

    assert line.value[line.is_present].tolist() == [7, 4]
    assert line.is_present.tolist() == [True, False, True, False]
    assert line.is_partial.tolist() == [True, False, False, False]


def test_zero_is_a_value_and_not_a_gap() -> None:
    span = days(SPRING)
    given = readings(span, [0] * 92)

    for step in Step:
        panel = _panel(reading_steps.panels([given], span, step=step, zone=PACIFIC))
        assert panel.lines[0].is_present.all()
        assert not panel.lines[0].value.any()


def test_an_estimated_reading_marks_its_step() -> None:
    span = days(SPRING)

    panel = _panel(
        reading_steps.panels([readings(span, estimated=[5])], span, step=Step.HOUR, zone=PACIFIC)
    )

    assert np.flatnonzero(panel.lines[0].is_estimated).tolist() == [1]


def test_a_range_that_cuts_hours_and_days_cuts_their_steps() -> None:
    whole = days(SPRING)
    span = TimeRange(whole.start + timedelta(minutes=15), whole.end - timedelta(minutes=30))
    given = readings(span)

    hours = _panel(reading_steps.panels([given], span, step=Step.HOUR, zone=PACIFIC))
    day = _panel(reading_steps.panels([given], span, step=Step.DAY, zone=PACIFIC))

    assert lengths_of(hours)[[0, -1]].tolist() == [2700, 1800]
    assert lengths_of(day).tolist() == [23 * 3600 - 2700]
    assert hours.lines[0].value.sum() == day.lines[0].value.sum() == given.value.sum()
    assert not day.lines[0].is_partial.any()


def test_units_are_panels_and_directions_are_lines() -> None:
    span = days(SPRING)
    given = [
        readings(span),
        readings(span, of=channel("received")),
        readings(span, of=channel(unit="therm"), step_s=23 * 3600),
    ]

    panels = reading_steps.panels(given, span, step=Step.READINGS, zone=PACIFIC)

    shown = [
        ([line.channel.direction for line in panel.lines], panel.first.unit) for panel in panels
    ]
    assert shown == [(["delivered", "received"], "kWh"), (["delivered"], "therm")]


def test_longer_readings_take_the_panel_to_the_step_that_holds_them() -> None:
    span = days(date(2026, 3, 1), 4)
    early = TimeRange(span.start, span.start + timedelta(1))
    hourly = readings(early, [4] * 24, step_s=3600)
    later = readings(TimeRange(early.end, span.end), of=channel("received"))
    gas_days = readings(span, [1, 2, 3, 4], step_s=86_400, of=channel(unit="therm"))

    mixed = _panel(reading_steps.panels([hourly, later], span, step=Step.READINGS, zone=PACIFIC))
    gas = _panel(reading_steps.panels([gas_days], span, step=Step.HOUR, zone=PACIFIC))

    assert (mixed.step, gas.step) == (Step.HOUR, Step.DAY)
    assert gas.lines[0].value.tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_day_that_begins_beside_midnight_is_that_day(seconds: int) -> None:
    """PG&E's gas days begin one second after it."""
    span = days(SPRING - timedelta(1), 3)
    days_of_gas = readings(span, [1, 2, 3], step_s=86_400, of=channel(unit="therm"))
    starts = [int(days(SPRING + timedelta(n)).start.timestamp()) + seconds for n in (-1, 0, 1)]
    beside = dataclasses.replace(
        days_of_gas,
        start=np.array(starts),
        duration_s=np.array([86_400, 23 * 3600, 86_400]),
    )

    panel = _panel(reading_steps.panels([beside], span, step=Step.DAY, zone=PACIFIC))

    assert panel.lines[0].value.tolist() == [1, 2, 3]
    assert not panel.lines[0].is_partial.any()


def test_a_bill_is_in_no_day_and_shown_by_itself() -> None:
    span = days(date(2026, 1, 1), 60)
    bill = readings(span, [300_000], step_s=30 * 86_400)
    quarter_hours = readings(
        TimeRange(span.start + timedelta(30), span.end), of=channel("received")
    )

    day, alone = reading_steps.panels([bill, quarter_hours], span, step=Step.DAY, zone=PACIFIC)

    assert [line.channel.direction for line in day.lines] == ["received"]
    assert alone.is_bills
    assert alone.lines[0].value.tolist()[0] == 300_000
    assert lengths_of(alone)[0] == 30 * 86_400


def test_demand_is_never_summed() -> None:
    span = days(SPRING)
    peak = readings(span, of=channel(unit="kW", measure="demand"))

    panel = _panel(reading_steps.panels([peak], span, step=Step.DAY, zone=PACIFIC))

    assert panel.step is Step.READINGS
    assert panel.lines[0].value.tolist() == peak.value.tolist()


def test_a_reading_of_an_instant_has_a_place() -> None:
    span = days(SPRING)
    register = readings(span, [100, 200], step_s=43_200, of=channel(measure="register"))
    instants = Readings(
        register.channel,
        register.start,
        np.zeros(2, np.int64),
        register.value,
        register.exponent,
        register.is_estimated,
    )

    panel = _panel(reading_steps.panels([instants], span, step=Step.DAY, zone=PACIFIC))

    assert panel.lines[0].value.tolist() == [100, 200]


def test_a_sum_that_does_not_fit_is_refused_rather_than_wrong() -> None:
    span = days(SPRING)
    given = readings(span, [2**62] * 4)

    with pytest.raises(ContractViolation):
        reading_steps.panels([given], span, step=Step.HOUR, zone=PACIFIC)


values = st.lists(st.none() | st.integers(-(10**14), 10**14), min_size=1, max_size=300)


@given(
    zone=ZONES,
    first=DAYS,
    given_values=values,
    step=st.sampled_from([Step.HOUR, Step.DAY]),
    cut=st.integers(0, 90_000),
)
def test_steps_are_the_sums_a_dictionary_makes_reading_by_reading(
    zone: ZoneInfo, first: date, given_values: list[int | None], step: Step, cut: int
) -> None:
    """The oracle asks the zone of every reading; the code only knows edges."""
    whole = days(first, 4, zone)
    span = TimeRange(whole.start + timedelta(seconds=cut // 900 * 900), whole.end)
    given = readings(span, given_values)
    oracle: dict[str, list[int]] = {}
    for start, value in zip(given.start.tolist(), given.value.tolist(), strict=True):
        local = datetime.fromtimestamp(start, zone)
        midnight = day_bounds(local.date(), zone)[0].timestamp()
        hour = int(start - midnight) // 3600 if step is Step.HOUR else 0
        oracle.setdefault(f"{local.date()} {hour}", []).append(value)

    edges = reading_steps.step_edges(span, step, zone)
    line = reading_steps.sums(given, edges)

    assert edges[0] == span.start.timestamp()
    assert edges[-1] == span.end.timestamp()
    assert line.value[line.is_present].tolist() == [sum(each) for each in oracle.values()]
