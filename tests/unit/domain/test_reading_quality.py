"""Codes for the quality of a reading have the meaning of the schema, and words for people."""

from __future__ import annotations

import pytest

from dcarbon.domain import reading_quality
from dcarbon.domain.flows import ESTIMATED_QUALITIES


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (None, "not stated"),
        (0, "valid"),
        (7, "manually edited"),
        (8, "estimated from a reference day"),
        (9, "estimated by interpolation"),
        (10, "questionable"),
        (11, "derived"),
        (12, "projected"),
        (13, "mixed"),
        (14, "raw"),
        (15, "normalized for weather"),
        (16, "other"),
        (17, "validated"),
        (18, "verified"),
        (19, "revenue quality"),
        (20, "code 20"),
        (1, "code 1"),
    ],
)
def test_a_code_has_its_word(code: int | None, word: str) -> None:
    assert reading_quality.word(code) == word


def test_every_word_is_explained_and_estimates_are_said_to_be_unmeasured() -> None:
    explained = reading_quality.EXPLAINED

    assert set(explained) == set(reading_quality.WORDS)
    unmeasured = {code for code, text in explained.items() if text.startswith("Not measured")}
    assert unmeasured == ESTIMATED_QUALITIES
