"""No name that anybody typed is computed by a spreadsheet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.cell_text import FORMULA_MARKS, harmless

MARKS = st.sampled_from([*sorted(FORMULA_MARKS), "\t", "\r", "\n", " ", "\x00", "\u2028"])


@given(st.builds("{}{}".format, st.lists(MARKS, max_size=4).map("".join), st.text()))
def test_nothing_starts_a_formula_but_a_number(text: str) -> None:
    made = harmless(text)

    assert not made or made[0] not in FORMULA_MARKS or float(made) is not None
    assert made == made.strip()
    assert harmless(made) == made


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_an_ordinary_text_keeps_its_words(text: str) -> None:
    assert harmless(f"a {text}") == " ".join(f"a {text}".split())


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("=1+1", "'=1+1"),
        ("  @SUM(A1)", "'@SUM(A1)"),
        ("\t=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("+49 30 1234", "'+49 30 1234"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("-12.5", "-12.5"),
        ("+7", "+7"),
        ("00123", "00123"),
        ("North\r\nBarn", "North Barn"),
        ("a\x07b", "a b"),
        ("", ""),
    ],
)
def test_what_is_changed_and_what_is_not(text: str, made: str) -> None:
    assert harmless(text) == made
