"""Meter days that landed are questioned by Great Expectations, each problem named by its day."""

from __future__ import annotations

import os
from datetime import date

import pytest

from dcarbon.db.base import new_id
from dcarbon.services.landed import MeterDay
from dcarbon_pipelines import expectations


def day(number: int, **changes: object) -> MeterDay:
    values: dict[str, object] = {
        "authorization_id": new_id(),
        "meter_id": new_id(),
        "channel_id": new_id(),
        "direction": "delivered",
        "meter_day": date(2026, 3, number),
        "readings": 96,
        "expected": 96,
        "negative": 0,
        "overlapping": 0,
        "unknown_quality": 0,
        **changes,
    }
    return MeterDay(**values)  # type: ignore[arg-type]  # values by name


def test_sound_days_have_no_problem() -> None:
    assert expectations.problems([day(7), day(8, readings=92, expected=92)]) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"readings": 95}, "95 readings where the day has 96"),
        ({"readings": 0}, "0 readings where the day has 96"),
        ({"negative": 3}, "3 negative readings"),
        ({"overlapping": 1}, "1 readings that overlap"),
        ({"unknown_quality": 2}, "2 readings with a quality code"),
        ({"too_large": 5}, "5 readings of more energy than the system can make"),
    ],
)
def test_a_problem_names_the_day_and_what_is_wrong(changes: dict[str, int], words: str) -> None:
    days = [day(7), day(8, **changes), day(9)]

    found = expectations.problems(days)

    assert [(problem.place, problem.day) for problem in found] == [(1, days[1])]
    assert words in found[0].what


def test_one_day_can_have_several_problems() -> None:
    found = expectations.problems([day(7, readings=90, negative=1), day(8, overlapping=4)])

    assert sorted(problem.place for problem in found) == [0, 0, 1]


def test_nobody_is_told_that_we_check() -> None:
    expectations.problems([day(7)])

    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
