"""The list of changes that no test can notice speaks of lines and tests that are there."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
KNOWN: dict[str, Any] = tomllib.loads((ROOT / "tests/mutants.toml").read_text("utf-8"))


def lines(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    "entry", [*KNOWN["equivalent"], *KNOWN["chosen"]], ids=lambda entry: entry["module"]
)
def test_a_change_that_is_let_be_is_of_a_line_of_today(entry: dict[str, Any]) -> None:
    source = (ROOT / "dcarbon" / "domain" / f"{entry['module']}.py").read_text("utf-8")

    assert lines(entry["was"]) in lines(source)
    assert entry["becomes"]
    assert entry["was"] not in entry["becomes"]
    assert len(entry["reason"]) > 5


@pytest.mark.parametrize("module", KNOWN["tests"])
def test_a_module_is_tried_with_tests_that_are_there(module: str) -> None:
    assert (ROOT / "dcarbon" / "domain" / f"{module}.py").exists()
    for test in (*KNOWN["always"], *KNOWN["tests"][module]):
        assert (Path(__file__).parent / f"test_{test}.py").exists()
