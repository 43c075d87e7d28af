"""Exact integers with a power-of-ten exponent, many at once."""

from __future__ import annotations

import numpy as np

from dcarbon.db.interval_rows import INT8_MAX, Bool, Int

_POWERS = np.array([10**power for power in range(19)], np.int64)
_ROOM = INT8_MAX // 4_000
"""Of what is scaled, a day's worth can still be added up."""


def scaled(values: Int, by: Int) -> tuple[Int, Bool]:
    """Return ``values * 10 ** by`` (not negative), and which of them would be too large."""
    if not by.any():
        return values, np.zeros(len(values), np.bool_)
    factor = _POWERS[np.minimum(by, len(_POWERS) - 1)]
    magnitude = np.maximum(values, -values)
    overflow = (magnitude > _ROOM // factor) | ((by >= len(_POWERS)) & (magnitude > 0))
    return np.where(overflow, 0, values * np.where(overflow, 1, factor)), overflow


def canonical(values: Int, exponent: Int) -> tuple[Int, Int]:
    """Return columns of quantities, shape (k, n), each in the one way it is written.

    Whole numbers at exponent 0, others at the largest exponent that is exact for all k of a column;
    numbers too large for exponent 0 stay as they are. The same quantities give the same integers
    however a provider wrote its readings.
    """
    values, exponent = values.copy(), exponent.copy()
    exponent[~values.any(axis=0)] = 0
    up = np.flatnonzero(exponent > 0)
    if len(up):
        by = np.minimum(exponent[up], len(_POWERS) - 1)
        largest = np.maximum(values[:, up], -values[:, up]).max(axis=0)
        fits = (largest <= INT8_MAX // _POWERS[by]) & (exponent[up] == by)
        values[:, up[fits]] *= _POWERS[by[fits]]
        exponent[up[fits]] = 0
    down = np.flatnonzero(exponent < 0)
    while len(down := down[(values[:, down] % 10 == 0).all(axis=0) & (exponent[down] < 0)]):
        values[:, down] //= 10
        exponent[down] += 1
    return values, exponent
