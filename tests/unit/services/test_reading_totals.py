"""Totals of days, months and the range agree with the readings, and with each other, exactly."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.ranges import TimeRange
from dcarbon.services import reading_totals
from dcarbon.services.reading_totals import Totals, decimal
from tests.unit.services.readings_of_tests import PACIFIC, channel, days, readings


def _totals(found: list[Totals]) -> Totals:
    (totals,) = found
    return totals


def _local(instant: datetime) -> str:
    return instant.astimezone(PACIFIC).strftime("%Y-%m-%d %H:%M")


def test_a_year_over_both_time_changes_agrees_to_the_last_unit() -> None:
    span = days(date(2026, 1, 1), 365)
    delivered = readings(span, exponent=-3)
    received = readings(span, exponent=-5, of=channel("received"))

    totals = _totals(reading_totals.of([delivered, received], span, PACIFIC))

    assert (len(totals.days), len(totals.months)) == (365, 12)
    sums = [Decimal(int(each.value.sum())).scaleb(each.exponent) for each in (delivered, received)]
    for rows in (totals.days, totals.months, (totals.whole,)):
        columns = list(zip(*(row.amounts for row in rows), strict=True))
        assert [sum(one.value for one in column if one) for column in columns] == sums
        assert sum(row.net.value for row in rows if row.net) == sums[0] - sums[1]
        assert not any(one.is_partial for column in columns for one in column if one)


def test_months_begin_on_the_first_at_local_midnight() -> None:
    span = days(date(2026, 2, 20), 30)

    totals = _totals(reading_totals.of([readings(span)], span, PACIFIC))

    assert [(_local(row.start), _local(row.end)) for row in totals.months] == [
        ("2026-02-20 00:00", "2026-03-01 00:00"),
        ("2026-03-01 00:00", "2026-03-22 00:00"),
    ]


def test_what_is_missing_makes_its_day_month_and_range_partial() -> None:
    span = days(date(2026, 2, 27), 4)
    given_readings = readings(span, [1] * 100 + [None] + [1] * 91 + [None] * 96)

    totals = _totals(reading_totals.of([given_readings], span, PACIFIC))

    told = [
        None if row.amounts[0] is None else (row.amounts[0].value, row.amounts[0].is_partial)
        for row in totals.days
    ]
    assert told == [(Decimal("0.096"), False), (Decimal("0.095"), True), None, None]
    assert totals.whole.amounts[0] is not None
    assert totals.whole.amounts[0].is_partial
    assert totals.months[1].amounts == (None,)


def test_net_needs_both_directions_measured_and_no_net_of_the_utility() -> None:
    span = days(date(2026, 3, 1))
    both = [readings(span), readings(span, of=channel("received"))]

    with_net = _totals(reading_totals.of(both, span, PACIFIC))
    alone = _totals(reading_totals.of(both[:1], span, PACIFIC))
    told = _totals(reading_totals.of([*both, readings(span, of=channel("net"))], span, PACIFIC))

    assert with_net.has_net
    assert not alone.has_net
    assert not told.has_net
    assert alone.whole.net is None


def test_net_of_a_day_with_one_direction_only_is_not_told() -> None:
    span = days(date(2026, 3, 1))
    received = readings(span, [None] * 96, of=channel("received"))
    some = readings(span, [1], of=channel("received"))

    totals = _totals(reading_totals.of([readings(span), some], span, PACIFIC))

    assert not len(received.start)
    assert totals.whole.net is not None
    assert totals.whole.net.is_partial


def test_demand_and_bills_have_no_totals() -> None:
    span = days(date(2026, 1, 1), 60)
    demand = readings(span, of=channel(unit="kW", measure="demand"))
    bill = readings(span, [300_000], step_s=30 * 86_400)

    assert reading_totals.of([demand, bill], span, PACIFIC) == []


@given(
    st.lists(st.none() | st.integers(-(2**40), 2**40), min_size=1, max_size=200),
    st.integers(-9, 3),
)
def test_the_range_is_the_sum_of_its_readings(values: list[int | None], exponent: int) -> None:
    span = days(date(2026, 3, 7), 3)
    given_readings = readings(span, values, exponent=exponent)
    if not len(given_readings.start):
        assert reading_totals.of([given_readings], span, PACIFIC) == []
        return

    totals = _totals(reading_totals.of([given_readings], span, PACIFIC))

    exact = sum(value for value in values if value is not None)
    whole = totals.whole.amounts[0]
    assert whole is not None
    assert whole.value == Decimal(exact).scaleb(exponent)
    assert whole.is_partial is (len(given_readings.start) < 3 * 96 - 4)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-12, 6))
def test_a_decimal_has_every_digit(value: int, exponent: int) -> None:
    shown = decimal(value, exponent)

    assert shown.as_tuple().exponent == exponent
    assert int(shown.scaleb(-exponent)) == value


def test_an_empty_range_of_readings_has_no_totals() -> None:
    span = TimeRange(days(date(2026, 3, 1)).start, days(date(2026, 3, 1)).end)

    assert reading_totals.of([], span, PACIFIC) == []
