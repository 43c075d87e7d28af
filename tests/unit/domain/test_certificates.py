"""Whole MWh become certificates, the rest is carried, and nothing is ever lost or made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.certificates import WH_PER_MWH, Issue, issue


@pytest.mark.parametrize(
    ("carried", "change", "expected"),
    [
        (0, 18_000_000, Issue(18, 0)),
        (0, 999_999, Issue(0, 999_999)),
        (999_999, 1, Issue(1, 0)),
        (0, 2_700_000, Issue(2, 700_000)),
        (700_000, -1_500_000, Issue(0, -800_000)),
        (-800_000, 1_900_000, Issue(1, 100_000)),
    ],
    ids=["whole", "less_than_one", "comes_together", "corrected_up", "taken_back", "filled_up"],
)
def test_the_examples_of_the_registry(carried: int, change: int, expected: Issue) -> None:
    assert issue(carried, change) == expected


@given(st.lists(st.integers(-(10**9), 10**9)))
def test_issued_and_carried_are_together_what_was_reported(changes: list[int]) -> None:
    carried, certificates = 0, 0
    for change in changes:
        step = issue(carried, change)
        certificates += step.certificates
        carried = step.remainder_wh
        assert step.certificates >= 0
        assert carried < WH_PER_MWH

    assert certificates * WH_PER_MWH + carried == sum(changes)
