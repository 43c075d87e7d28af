"""Text made of many numbers at once is the text each of them has alone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.services import exports_bytes as text

LARGEST = 2**63 - 1
VALUES = st.lists(st.integers(-LARGEST, LARGEST) | st.integers(-2000, 2000), min_size=1)


def lines(column: text.Bytes) -> list[str]:
    ends = text.constant("\n", len(column))
    return text.joined([column, ends]).decode().split("\n")[:-1]


@given(VALUES, st.integers(-20, 12))
def test_a_decimal_is_written_exactly_and_without_idle_zeros(
    values: list[int], exponent: int
) -> None:
    made = lines(text.decimals(np.array(values, np.int64), exponent))

    for value, shown in zip(values, made, strict=True):
        whole, _, fraction = shown.lstrip("-").partition(".")
        assert Decimal(shown) == Decimal(value).scaleb(exponent)
        assert whole == "0" or not whole.startswith("0")
        assert not fraction.endswith("0")
        assert "." not in shown or fraction
        assert shown != "-0"


@given(st.lists(st.integers(0, LARGEST), min_size=1))
def test_a_whole_number_has_no_leading_zeros(numbers: list[int]) -> None:
    assert lines(text.whole(np.array(numbers, np.int64))) == [str(one) for one in numbers]


@given(st.lists(st.integers(0, 7_258_118_399), min_size=1))
def test_a_time_is_written_as_iso_8601(seconds: list[int]) -> None:
    made = lines(text.clock(np.array(seconds, np.int64)))

    assert made == [datetime.fromtimestamp(one, UTC).isoformat()[:19] for one in seconds]


@given(
    st.lists(st.text(st.characters(exclude_characters="\x00\n", codec="utf-8")), min_size=1),
    st.data(),
)
def test_each_row_gets_the_text_of_its_place(words: list[str], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(words) - 1), min_size=1))

    assert lines(text.picked(words, np.array(places))) == [words[place] for place in places]
