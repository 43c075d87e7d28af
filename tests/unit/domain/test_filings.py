"""What is about to be reported adds up exactly, over the days that can be claimed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.unit.domain.filing import CLAIM, MONTH, UNIT, days, filing, row

END = date(2026, 1, 31)


@pytest.mark.parametrize(
    ("began", "first"),
    [
        (date(2024, 5, 1), MONTH),
        (MONTH, MONTH),
        (date(2026, 1, 2), date(2026, 1, 2)),
        (END, END),
        (date(2026, 2, 1), MONTH),  # a mistake the checks name: no day can be claimed
    ],
)
def test_the_first_day_is_the_months_or_that_of_operation(began: date, first: date) -> None:
    month = filing(unit=replace(UNIT, commercial_operation_date=began))

    assert (month.first_day, month.last_day) == (first, END)
    assert next(month.each_day()) == first
    assert len(list(month.each_day())) == (END - first).days + 1


@pytest.mark.parametrize(
    ("day", "last", "holds"),
    [
        (date(2025, 1, 1), None, True),
        (date(2024, 12, 31), None, False),
        (date(2025, 6, 30), date(2026, 6, 30), True),
        (date(2026, 6, 30), date(2026, 6, 30), True),
        (date(2026, 7, 1), date(2026, 6, 30), False),
    ],
)
def test_a_claim_holds_from_its_first_to_its_last_day(
    day: date, last: date | None, *, holds: bool
) -> None:
    assert replace(CLAIM, last_day=last).holds_on(day) is holds


def test_days_and_rows_add_up_exactly() -> None:
    fine = replace(days()[0], value=5, exponent=-1)
    month = filing(days=(fine, *days()[1:]), rows=(row(), row(wh=1)))

    assert month.wh == Decimal("12000000.5")
    assert month.reported_wh == 12_400_001
    assert month.register_wh is None


def test_the_register_beside_it_is_the_sum_of_the_days_that_have_one() -> None:
    told = [replace(day, register_wh=Decimal(n)) for n, day in enumerate(days()[:3])]

    assert filing(days=(*told, *days()[3:])).register_wh == Decimal(3)
    assert filing(days=(replace(days()[0], register_wh=Decimal(0)),)).register_wh == Decimal(0)


def test_a_month_is_as_long_as_at_the_meter_with_the_longest_days() -> None:
    other = replace(days()[7], meter_id="other", hours=23)
    longer = replace(days()[8], meter_id="other", hours=25)

    assert filing().hours == 31 * 24
    assert filing(days=(other, *days(), longer)).hours == 31 * 24 + 1
    assert filing(days=(longer, *days())).hours == 31 * 24 + 1
    assert filing(days=()).hours == 31 * 24  # of days nobody knows of, 24 are taken
