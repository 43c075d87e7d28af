"""Columns as matrices of bytes: text of many rows at once, without a Python object for each.

A column is a uint8 matrix with a row for each reading; what a row does not fill is NUL, and
:func:`joined` leaves NULs out. A row of CSV or of a worksheet costs half a microsecond this way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Int = NDArray[np.int64]

_ZERO, _MINUS, _POINT, _COLON, _T = (ord(one) for one in "0-.:T")
_DAY_S = 86_400


def constant(text: str, rows: int) -> Bytes:
    """Return the same text in each row."""
    return np.broadcast_to(np.frombuffer(text.encode(), np.uint8), (rows, len(text.encode())))


def picked(texts: Sequence[str], places: NDArray[np.integer]) -> Bytes:
    """Return for each row one of a few texts, by its place among them."""
    encoded = np.array([text.encode() for text in texts] or [b""], np.bytes_)
    width = max(1, encoded.dtype.itemsize)
    letters: Bytes = encoded.astype(f"S{width}").view(np.uint8).reshape(-1, width)
    chosen: Bytes = letters[places]
    return chosen


def clock(seconds: Int) -> Bytes:
    """Return seconds since 1970 as ``2026-01-31T09:15:00``."""
    day, rest = np.divmod(seconds, _DAY_S)
    first = int(day.min())
    days = np.datetime_as_string(np.arange(first, int(day.max()) + 1).astype("M8[D]"))
    told = np.empty((len(seconds), 19), np.uint8)
    told[:, :10] = days.astype("S10").view(np.uint8).reshape(-1, 10)[day - first]
    told[:, 10], told[:, 13], told[:, 16] = _T, _COLON, _COLON
    for at, part in ((11, rest // 3600), (14, rest // 60 % 60), (17, rest % 60)):
        told[:, at], told[:, at + 1] = _ZERO + part // 10, _ZERO + part % 10
    return told


def whole(numbers: NDArray[np.signedinteger], width: int = 0) -> Bytes:
    """Return whole numbers, not negative; with ``width`` they have leading zeros to that width."""
    digits = _digits(numbers, width or len(str(int(numbers.max(initial=0)))))
    if not width:
        digits[:, :-1][np.logical_and.accumulate(digits[:, :-1] == _ZERO, axis=1)] = 0
    return digits


def decimals(values: Int, exponent: int) -> Bytes:
    """Return ``values * 10 ** exponent`` exactly, without an exponent or zeros that say nothing."""
    magnitude = np.abs(values)
    places = max(0, -exponent)
    digits = _digits(magnitude, max(len(str(int(magnitude.max(initial=0)))), places + 1))
    before, after = digits[:, : digits.shape[1] - places], digits[:, digits.shape[1] - places :]
    sign = np.where(values < 0, _MINUS, 0).astype(np.uint8)[:, None]
    before[:, :-1][np.logical_and.accumulate(before[:, :-1] == _ZERO, axis=1)] = 0
    trailing = np.logical_and.accumulate(after[:, ::-1] == _ZERO, axis=1)[:, ::-1]
    after[trailing] = 0
    columns = [sign, before]
    if places:
        columns += [np.where(after[:, :1] != 0, _POINT, 0).astype(np.uint8), after]
    if exponent > 0:
        zeros = np.where(values[:, None] != 0, _ZERO, 0).astype(np.uint8)
        columns.append(np.broadcast_to(zeros, (len(values), exponent)))
    return np.hstack(columns)


def joined(columns: Sequence[Bytes]) -> bytes:
    """Return the rows as one run of bytes, each row's columns one after the other."""
    return np.hstack(columns).tobytes().translate(None, b"\0")


def _digits(numbers: Int, width: int) -> Bytes:
    digits = np.empty((len(numbers), width), np.uint8)
    left = numbers
    for place in range(width - 1, -1, -1):
        left, digit = np.divmod(left, 10)
        digits[:, place] = _ZERO + digit
    return digits
