"""Deadlines are days from the month's last day, as the registry's texts count them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dcarbon.domain import registries, reporting_calendar

FEBRUARY = date(2028, 2, 1)
LARGE, SMALL = Decimal(500), Decimal(100)


def test_day_one_of_the_cycle_is_the_day_after_the_month() -> None:
    steps = reporting_calendar.of(registries.of("wregis"), FEBRUARY, nameplate_kw=LARGE)

    assert (steps[0].first, steps[0].last) == (date(2028, 3, 1), date(2028, 5, 14))
    assert [step.name for step in steps][3:] == ["Certificates are created", "Adjustments"]
    assert steps[-1].last == date(2030, 2, 28)
    assert steps[0].days_left(date(2028, 5, 15)) == -1


@pytest.mark.parametrize(
    ("today", "with_a_first", "without"),
    [
        (date(2028, 2, 29), False, True),
        (date(2028, 3, 1), True, True),
        (date(2028, 4, 1), True, True),
        (date(2028, 5, 14), True, True),
        (date(2028, 5, 15), False, False),
    ],
)
def test_a_step_is_now_from_its_first_to_its_last_day(
    today: date, *, with_a_first: bool, without: bool
) -> None:
    step = reporting_calendar.of(registries.of("wregis"), FEBRUARY, nameplate_kw=LARGE)[0]

    assert step.is_now(today) is with_a_first
    assert replace(step, first=None).is_now(today) is without


@pytest.mark.parametrize(("kw", "days"), [(LARGE, [62, 730, 62]), (SMALL, [365, 730, 365])])
def test_without_a_cycle_every_published_window_is_named(kw: Decimal, days: list[int]) -> None:
    found = reporting_calendar.of(registries.of("mrets"), FEBRUARY, nameplate_kw=kw)

    assert [(one.last - date(2028, 2, 29)).days for one in found] == days


def test_where_nothing_is_published_nothing_is_made_up() -> None:
    profile = registries.of("ncrets")

    assert reporting_calendar.of(profile, FEBRUARY, nameplate_kw=LARGE) == []
    assert reporting_calendar.report_by(profile, FEBRUARY, nameplate_kw=LARGE) is None


def test_a_month_is_to_be_reported_by_the_text_we_go_by() -> None:
    profile = registries.of("mrets")

    assert reporting_calendar.report_by(profile, FEBRUARY, nameplate_kw=LARGE) == date(2028, 5, 1)
    both = replace(
        profile, reporting=(*profile.reporting[:1], replace(profile.reporting[0], days=9))
    )
    assert reporting_calendar.report_by(both, FEBRUARY, nameplate_kw=LARGE) == date(2028, 5, 1)
