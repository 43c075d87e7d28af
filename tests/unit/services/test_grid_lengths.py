"""Which readings lie on the day grid: those go to interval days, all others to period readings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.services.readings_storing import DAY_S, grid_lengths

MIDNIGHT = 1_767_225_600


@pytest.mark.parametrize(
    ("start", "duration", "declared", "length"),
    [
        (MIDNIGHT, 900, 900, 900),
        (MIDNIGHT + 900, 900, None, 900),
        (MIDNIGHT + 3600, 3600, None, 3600),
        (MIDNIGHT + 1800, 3600, None, 0),
        (MIDNIGHT, 899, 900, 900),
        (MIDNIGHT, 899, None, 0),
        (MIDNIGHT + 1, 900, 900, 900),
        (MIDNIGHT - 1, 900, 900, 900),
        (MIDNIGHT + 2, 900, 900, 0),
        (MIDNIGHT, 1000, None, 0),
        (MIDNIGHT, DAY_S, DAY_S, 0),
        (MIDNIGHT + 8 * 3600, DAY_S, None, 0),
        (MIDNIGHT, 30 * DAY_S, None, 0),
        (MIDNIGHT, 0, None, 0),
        (MIDNIGHT, 0, 900, 0),
        (MIDNIGHT, -900, 900, 0),
    ],
)
def test_a_reading_lies_on_a_grid_or_on_none(
    start: int, duration: int, declared: int | None, length: int
) -> None:
    found = grid_lengths(np.array([start]), np.array([duration], np.int32), declared)

    assert found.tolist() == [length]


@given(
    st.lists(
        st.tuples(st.integers(0, 2**32), st.integers(-(2**31), 2**31 - 1)), min_size=1, max_size=50
    ),
    st.one_of(st.none(), st.integers(1, 2 * DAY_S)),
)
def test_a_grid_always_divides_the_day_and_the_reading_is_on_it(
    readings: list[tuple[int, int]], declared: int | None
) -> None:
    start, duration = (np.array(each, np.int64) for each in zip(*readings, strict=True))

    lengths = grid_lengths(start, duration, declared)

    for at, lasted, length in zip(start, duration, lengths, strict=True):
        if length:
            assert 0 < length < DAY_S
            assert DAY_S % length == 0
            assert abs(int(lasted) - int(length)) <= 1
            assert min(at % length, -at % length) <= 1
