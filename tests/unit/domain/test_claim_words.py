"""What a report claims is one sentence that names amount, registry, unit, month and rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from dcarbon.domain import claim_words
from tests.unit.domain.filing import CLAIM, filing

EXPORT = (
    "what its meters gave to the grid, in each hour beyond what they took from it, under the rule "
    "that without a production meter, only the hourly positive flow to the grid counts "
    "(M-RETS operating procedures, 4.3)."
)


@pytest.mark.parametrize(
    ("corrects_wh", "corrected"),
    [(None, ""), (0, ", the full corrected total,"), (1, ", the full corrected total,")],
)
def test_a_claim_is_one_sentence(corrects_wh: int | None, corrected: str) -> None:
    told = claim_words.sentence(filing(corrects_wh=corrects_wh))

    assert (
        told == f"12.400 MWh are claimed at M-RETS for Roof in January 2026{corrected} as {EXPORT}"
    )


def test_two_bases_are_told_in_a_fixed_order() -> None:
    both = filing(claims=(CLAIM, replace(CLAIM, basis="production")))

    assert claim_words.bases(both) == ["production", "hourly_export"]
    assert (
        "as all energy its production meters counted and what its meters gave to the grid, in each "
        "hour beyond what they took from it, under the rule that a meter at the AC output of the "
        "generator counts in full; without a production meter, only"
    ) in claim_words.sentence(both)


def test_without_a_meter_nothing_is_claimed() -> None:
    told = claim_words.sentence(filing(claims=()))

    assert told.endswith(" January 2026: no meter counts, so nothing can be claimed.")
    assert claim_words.month_name(date(2026, 12, 1)) == "December 2026"
