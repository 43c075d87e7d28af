"""Days and amounts are said the way people write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dcarbon.domain import preflight_words as words
from tests.unit.domain.filing import UNIT, filing


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "Jan 1, 2026"),
        (3, "Jan 1, 2026, Jan 2, 2026, Jan 3, 2026"),
        (4, "Jan 1, 2026, Jan 2, 2026, Jan 3, 2026 and 1 more"),
        (31, "Jan 1, 2026, Jan 2, 2026, Jan 3, 2026 and 28 more"),
    ],
)
def test_three_days_are_named_and_the_rest_is_counted(count: int, said: str) -> None:
    assert words.days([date(2026, 1, n + 1) for n in range(count)]) == said


@pytest.mark.parametrize(("kw", "said"), [("500.000", "500"), ("49.50", "49.5"), ("1E+3", "1000")])
def test_a_nameplate_is_said_without_idle_zeros(kw: str, said: str) -> None:
    unit = replace(UNIT, nameplate_kw=Decimal(kw))

    assert words.kw(filing(unit=unit)) == said


def test_energy_is_said_in_mwh_and_a_reason_is_followed_by_a_blank() -> None:
    assert words.mwh(Decimal(1_234_567_890)) == "1,234.568"
    assert (words.sentence("Why."), words.sentence("")) == ("Why. ", "")
