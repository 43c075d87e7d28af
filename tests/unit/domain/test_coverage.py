"""What a meter day's counts say of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.coverage import (
    COVERED,
    REASONS,
    CoverageState,
    next_step,
    standing,
    state_of,
)


@pytest.mark.parametrize(
    ("present", "estimated", "restated", "asked", "due", "state"),
    [
        (0, 0, 0, False, False, "not_due"),
        (0, 0, 0, True, False, "not_due"),
        (0, 0, 0, False, True, "not_asked"),
        (0, 0, 0, True, True, "asked_empty"),
        (1, 0, 0, True, True, "partial"),
        (95, 95, 3, True, True, "partial"),
        (96, 0, 0, True, True, "complete"),
        (96, 0, 0, False, False, "complete"),
        (96, 1, 0, True, True, "estimated"),
        (96, 1, 1, True, True, "estimated"),
        (96, 0, 1, True, True, "restated"),
    ],
)
def test_a_day_of_96_is_called(
    *, present: int, estimated: int, restated: int, asked: bool, due: bool, state: str
) -> None:
    found = state_of(
        expected=96, present=present, estimated=estimated, restated=restated, asked=asked, due=due
    )

    assert found == state


@given(
    expected=st.integers(1, 100),
    present=st.integers(0, 100),
    estimated=st.integers(0, 100),
    restated=st.integers(0, 100),
    asked=st.booleans(),
    due=st.booleans(),
)
def test_a_day_is_covered_exactly_when_nothing_is_missing(
    *, expected: int, present: int, estimated: int, restated: int, asked: bool, due: bool
) -> None:
    state = state_of(
        expected=expected,
        present=present,
        estimated=estimated,
        restated=restated,
        asked=asked,
        due=due,
    )

    assert (state in COVERED) is (present >= expected)


def test_every_state_has_a_sentence_for_people() -> None:
    assert set(REASONS) == set(CoverageState)
    assert all(sentence.endswith(".") for sentence in REASONS.values())


@pytest.mark.parametrize(
    ("state", "asked", "due", "now"),
    [
        ("not_due", False, False, "not_due"),
        ("not_due", False, True, "not_asked"),
        ("not_due", True, True, "asked_empty"),
        ("partial", True, True, "partial"),
        ("complete", False, True, "complete"),
    ],
)
def test_a_day_does_not_stay_not_due_for_ever(
    *, state: str, asked: bool, due: bool, now: str
) -> None:
    assert standing(CoverageState(state), asked=asked, due=due) == now


@pytest.mark.parametrize(
    ("state", "connected", "again", "says"),
    [
        ("complete", True, True, "Nothing has to be done"),
        ("restated", False, False, "Nothing has to be done"),
        ("not_due", True, True, "up to three days"),
        ("not_due", False, True, "not connected"),
        ("partial", True, True, "We ask again"),
        ("asked_empty", True, False, "An administrator"),
        ("not_asked", False, False, "not connected"),
        ("estimated", True, True, "often replace"),
        ("estimated", True, False, "never count"),
        ("estimated", False, True, "never count"),
    ],
)
def test_each_day_says_what_happens_next(
    *, state: str, connected: bool, again: bool, says: str
) -> None:
    following = next_step(CoverageState(state), is_connected=connected, is_asked_again=again)

    assert says in following
    assert following.endswith(".")
