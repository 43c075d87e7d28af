"""Every decision is complete, and the index knows it."""

from __future__ import annotations

import re

import pytest

from tests.docs.blocks import Document, documents

DECISIONS = [one for one in documents() if re.match(r"docs/decisions/\d{4}-", one.name)]
INDEX = Document("docs/decisions/README.md")
PARTS = ("Context", "Decision", "Consequences")


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda one: one.name[15:19])
def test_a_decision_has_every_part_in_order(decision: Document) -> None:
    said = re.findall(r"^(?:## |\*\*)([A-Z][\w' ]+?)(?:\.\*\*|$)", decision.prose, re.MULTILINE)

    assert [part for part in said if part in PARTS] == list(PARTS)
    assert "hat would change our mind" in decision.prose


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda one: one.name[15:19])
def test_the_index_knows_a_decision_and_what_was_measured(decision: Document) -> None:
    file = decision.name.removeprefix("docs/decisions/")
    rows = re.findall(rf"^\| \[(\d+)\]\({file}\) \| (.+) \| (.+) \|$", INDEX.prose, re.MULTILINE)

    assert len(rows) == 1
    assert int(rows[0][0]) == int(file[:4])


def test_numbers_are_given_once_and_without_gaps() -> None:
    numbers = [int(one.name[15:19]) for one in DECISIONS]

    assert numbers == sorted(set(numbers))
    assert numbers[0] == 1
