"""Quantities stay exact while they are brought together, and have one way to be written."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.db.energy_quantities import canonical, scaled

INT8_MAX = 2**63 - 1


@given(
    st.lists(
        st.tuples(st.integers(-(10**15), 10**15), st.integers(-(10**12), 10**12),
                  st.integers(-6, 3)),
        min_size=1,
        max_size=8,
    )
)  # fmt: skip
def test_a_quantity_keeps_its_size_and_loses_its_zeros(rows: list[tuple[int, int, int]]) -> None:
    values = np.array([[row[0] for row in rows], [row[1] for row in rows]], np.int64)
    exponent = np.array([row[2] for row in rows], np.int64)

    written, at = canonical(values, exponent)

    for n, (first, second, power) in enumerate(rows):
        for before, after in ((first, written[0, n]), (second, written[1, n])):
            assert int(after) * Fraction(10) ** int(at[n]) == before * Fraction(10) ** power
        assert at[n] <= 0
        assert at[n] == 0 or written[0, n] % 10 or written[1, n] % 10


@pytest.mark.parametrize("power", [-3, 0, 2])
def test_the_same_quantity_is_written_the_same(power: int) -> None:
    values = np.array([[1_200 * 10 ** (2 - power)]], np.int64)

    written, at = canonical(values, np.array([power], np.int64))

    assert (written.tolist(), at.tolist()) == ([[120_000]], [0])


def test_what_is_too_large_for_whole_units_stays_as_it_is() -> None:
    values = np.array([[10**17]], np.int64)

    written, at = canonical(values, np.array([3], np.int64))

    assert (written.tolist(), at.tolist()) == ([[10**17]], [3])


@pytest.mark.parametrize(
    ("value", "by", "expected"),
    [(5, 3, 5_000), (-5, 0, -5), (0, 40, 0), (10**12, 4, None), (1, 40, None)],
)
def test_scaling_says_what_no_longer_fits(value: int, by: int, expected: int | None) -> None:
    found, overflow = scaled(np.array([value, 1], np.int64), np.array([by, 1], np.int64))

    assert overflow.tolist() == [expected is None, False]
    assert found.tolist() == [expected or 0, 10]
