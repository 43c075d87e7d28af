"""Where the rules on meters and readings begin and end, and which days they name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dcarbon.domain import preflight_readings as rules
from dcarbon.domain.filings import Filing
from tests.unit.domain.filing import CLAIM, MONTH, UNIT, days, filing, row

END = date(2026, 1, 31)


def said(rule: Callable[[Filing], str | None], **changes: object) -> str:
    return rule(filing("mrets", **changes)) or ""


def test_a_meter_that_counts_on_one_day_is_no_missing_one() -> None:
    last_day_only = replace(CLAIM, first_day=END)
    over = replace(CLAIM, last_day=date(2025, 12, 31))

    assert said(rules.meter_missing, claims=(over,))
    assert not said(rules.days_without_meter, claims=(over,))  # said once, by the rule before
    assert not said(rules.meter_missing, claims=(over, last_day_only))
    assert "Jan 3, 2026 and 27 more" in said(rules.days_without_meter, claims=(over, last_day_only))
    assert not said(rules.days_without_meter, claims=(over, CLAIM))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"eligibility": None}, "nobody has decided what they are."),
        ({"eligibility": "net"}, "they are a net register"),
        ({"eligibility": "production"}, "they are production, which the claim does not say."),
        ({"eligibility": "of_tomorrow"}, "they are of_tomorrow."),
        ({"basis": "production"}, "they are hourly export, which the claim does not say."),
        ({"basis": "of_tomorrow"}, "they are hourly export, which the claim does not say."),
        (
            {"doubt": "It gives nothing."},
            "The readings of meter 1001 do not count as hourly export any more: It gives nothing.",
        ),
    ],
)
def test_a_channel_that_may_not_count_is_named_with_the_reason(
    change: dict[str, str], why: str
) -> None:
    assert why in said(rules.not_eligible, claims=(CLAIM, replace(CLAIM, **change)))  # type: ignore[arg-type]


def test_every_channel_that_may_not_count_is_named() -> None:
    claims = [replace(CLAIM, meter=name, eligibility="net") for name in ("1001", "1002")]

    told = said(rules.not_eligible, claims=tuple(claims))

    assert (told.count("meter 1001 are"), told.count("meter 1002 are")) == (1, 1)


def test_a_production_meter_counts_by_production() -> None:
    claim = replace(CLAIM, basis="production", eligibility="production")

    assert not said(rules.not_eligible, claims=(claim,))


@pytest.mark.parametrize(
    ("today", "is_over"), [(date(2026, 1, 1), False), (END, False), (date(2026, 2, 1), True)]
)
def test_a_month_is_over_on_the_day_after_its_last(today: date, *, is_over: bool) -> None:
    assert bool(said(rules.month_not_over, today=today)) is not is_over


def test_incomplete_and_unknown_days_are_named_once_with_the_first_reason() -> None:
    first, second, third, fourth = days()[:4]
    known = (
        replace(first, is_complete=False),
        replace(second, is_complete=False, reason="The utility sent some."),
        replace(second, meter_id="other", is_complete=False, reason="We asked."),
        replace(third, is_complete=False, is_estimated=True, reason="Estimated."),
        *days()[4:],
    )

    told = said(rules.days_incomplete, days=known)

    assert told.startswith(
        "Readings are missing on Jan 1, 2026, Jan 2, 2026, Jan 4, 2026. The utility sent some. Open"
    )
    assert fourth.day == date(2026, 1, 4)
    assert "Jan 3, 2026, and" in said(rules.estimates, days=known)
    assert not said(rules.estimates)


def test_a_day_is_asked_of_each_meter_that_counts_on_it_and_of_no_other() -> None:
    other = replace(CLAIM, meter_id="other", first_day=END)

    assert "Jan 31, 2026. Open" in said(rules.days_incomplete, claims=(CLAIM, other))
    partial = (*days()[:30], replace(days()[30], is_complete=False))
    assert "Jan 31, 2026. Open" in said(rules.days_incomplete, claims=(CLAIM, other), days=partial)
    assert not said(rules.days_incomplete, claims=(CLAIM, replace(other, first_day=date.max)))


@pytest.mark.parametrize(("wh", "is_beyond"), [(12_000_000, False), (12_000_001, True), (0, False)])
def test_what_the_nameplate_can_generate_at_every_hour_is_possible(
    wh: int, *, is_beyond: bool
) -> None:
    """500 kW in 24 hours are 12 MWh."""
    one_day = (*days(wh=wh, count=1), *days(wh=0)[1:])

    assert bool(said(rules.beyond_capacity, days=days(wh=wh))) is is_beyond
    assert bool(said(rules.day_beyond_capacity, days=one_day)) is is_beyond
    assert not said(rules.day_beyond_capacity, days=days(wh=wh))  # said once, of the month


def test_an_impossible_amount_is_told_beside_the_possible_one() -> None:
    told = said(rules.beyond_capacity, days=days(wh=20_000_000))

    assert "620.000 MWh is more than a unit of 500 kW can generate in 744 hours (372.000" in told


def test_a_day_is_as_long_as_it_is_and_all_its_meters_count() -> None:
    spring, other = replace(days()[0], hours=23), replace(days()[1], meter_id="other")
    long = (replace(spring, value=11_600_000), *days(wh=0)[1:])
    shared = (days()[0], replace(days()[1], value=7_000_000), replace(other, value=6_000_000))

    assert "On Jan 1, 2026 the" in said(rules.day_beyond_capacity, days=long)
    assert "On Jan 2, 2026 the" in said(rules.day_beyond_capacity, days=shared)
    half = replace(filing().profile, feasibility_factor=Decimal("0.5"))
    assert said(rules.beyond_capacity, profile=half, days=days(wh=6_000_001))
    assert not said(rules.beyond_capacity, profile=half, days=days(wh=6_000_000))
    one_day = (*days(wh=6_000_001, count=1), *days(wh=0)[1:])
    assert said(rules.day_beyond_capacity, profile=half, days=one_day)
    assert not said(rules.day_beyond_capacity, profile=half, days=days(wh=6_000_000))


@pytest.mark.parametrize(
    ("began", "is_before"), [(MONTH, False), (date(2026, 1, 2), True), (date(2024, 1, 1), False)]
)
def test_no_row_begins_before_the_unit_did(began: date, *, is_before: bool) -> None:
    unit = replace(UNIT, commercial_operation_date=began)

    assert bool(said(rules.before_operation, unit=unit, rows=(row(),))) is is_before


@pytest.mark.parametrize(("hours", "is_odd"), [(23, True), (24, False), (25, True)])
def test_a_day_of_other_than_24_hours_is_named(hours: int, *, is_odd: bool) -> None:
    changed = (*days()[:7], replace(days()[7], hours=hours), *days()[8:])

    assert ("on Jan 8, 2026. The" in said(rules.clocks_change, days=changed)) is is_odd
