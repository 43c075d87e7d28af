"""Rows of a worksheet as XML (ECMA-376, part 1, 18.3.1): typed cells, texts where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from dcarbon.services import exports_bytes as text
from dcarbon.services.exports_blocks import Block
from dcarbon.services.exports_bytes import Bytes, Int

Styles = Mapping[str, str]
"""The style of a column's cells as an attribute, empty for none, by the column's letters."""
FIRST_ROW = 2
LARGEST_EXACT = 10**15 - 1
"""A cell's number holds 15 digits; a longer one is written as text."""
_EXCEL_1970 = 25_569
"""Days from Excel's day nought to 1970."""
_DAY_S, _DAY_PARTS = 86_400, 10**12
_NUMBER = ("<v>", "</v></c>")
_TEXT = (' t="inlineStr"><is><t>', "</t></is></c>")


def rows(block: Block, first_row: int, styles: Styles) -> bytes:
    """Return the readings as rows of a sheet, numbered from ``first_row``."""
    row = _Row(first_row, len(block), styles)
    row.same(block.meter.name)
    row.same(block.channel.name)
    row.date(block.local_s)
    row.word(block.offset_texts, block.offset)
    row.date(block.start_s)
    row.number(text.whole(block.duration_s))
    row.value(block.value, block.exponent)
    row.same(block.channel.unit)
    row.same(block.channel.direction)
    row.code(block.qualities, block.quality)
    row.word(block.quality_words, block.quality)
    row.flag(block.is_restated)
    row.word(block.payload_hashes, block.payload)
    row.same(str(block.meter.id))
    return row.finished()


class _Row:
    """The cells of many rows at once, put together column by column from the left."""

    def __init__(self, first_row: int, count: int, styles: Styles) -> None:
        self._count = count
        self._number = text.whole(np.arange(first_row, first_row + count))
        self._styles = iter(styles.items())
        self._columns: list[Bytes] = []
        self._pending = ""
        self._say('<row r="')
        self._put(self._number)
        self._say('">')

    def same(self, word: str) -> None:
        self._open(f"{_TEXT[0]}{_escaped(word)}{_TEXT[1]}")

    def word(self, words: Sequence[str], places: NDArray[np.integer]) -> None:
        self._open(_TEXT[0])
        self._put(text.picked([_escaped(word) for word in words], places))
        self._say(_TEXT[1])

    def number(self, digits: Bytes) -> None:
        self._open(f">{_NUMBER[0]}")
        self._put(digits)
        self._say(_NUMBER[1])

    def date(self, seconds: Int) -> None:
        day, rest = np.divmod(seconds, _DAY_S)
        parts = (rest * _DAY_PARTS + _DAY_S // 2) // _DAY_S
        self.number(text.decimals((day + _EXCEL_1970) * _DAY_PARTS + parts, -12))

    def flag(self, flags: NDArray[np.bool_]) -> None:
        self._open(f' t="b">{_NUMBER[0]}')
        self._put(text.whole(flags.astype(np.int64)))
        self._say(_NUMBER[1])

    def value(self, values: Int, exponent: int) -> None:
        digits = text.decimals(values, exponent)
        is_long = _significant(values) > LARGEST_EXACT
        if not is_long.any():
            self.number(digits)
            return
        places = is_long.astype(np.int8)
        self._open("")
        self._put(text.picked([f">{_NUMBER[0]}", _TEXT[0]], places))
        self._put(digits)
        self._put(text.picked([_NUMBER[1], _TEXT[1]], places))

    def code(self, codes: Sequence[int | None], places: NDArray[np.integer]) -> None:
        """Write a number, or an empty cell where there is none."""
        cells = ["/>" if one is None else f">{_NUMBER[0]}{one}{_NUMBER[1]}" for one in codes]
        self._open("")
        self._put(text.picked(cells, places))

    def finished(self) -> bytes:
        self._say("</row>")
        self._put(text.constant("", self._count))
        return text.joined(self._columns)

    def _open(self, following: str) -> None:
        """Begin the next cell; ``following`` is what comes after its place and style."""
        letters, style = next(self._styles)
        self._say(f'<c r="{letters}')
        self._put(self._number)
        self._say(f'"{style}{following}')

    def _say(self, same: str) -> None:
        self._pending += same

    def _put(self, column: Bytes) -> None:
        """Add a column, after what all rows say alike before it."""
        if self._pending:
            self._columns.append(text.constant(self._pending, self._count))
            self._pending = ""
        self._columns.append(column)


def _significant(values: Int) -> Int:
    """Return magnitudes without the zeros at their ends."""
    magnitude = np.abs(values)
    while (longer := (magnitude > LARGEST_EXACT) & (magnitude % 10 == 0)).any():
        magnitude = np.where(longer, magnitude // 10, magnitude)
    return magnitude


def _escaped(word: str) -> str:
    return escape(word, quote=False)
