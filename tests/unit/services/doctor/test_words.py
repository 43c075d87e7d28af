"""Everything the doctor can say has words, everything that has words can be said."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from dcarbon.domain.doctor_words import DOCTOR, DOCTOR_PARTS, DOCTOR_STATES
from dcarbon.domain.system_words import PARTS, SYSTEM, State
from dcarbon.services import doctor

SAYING = {"good": State.GOOD, "watch": State.WATCH, "wrong": State.WRONG}
CODES = Path(doctor.__file__).parent.glob("*.py")


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in CODES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and len(node.args) == 2:
                name = ast.unparse(node.func)
                if name in SAYING or name in {"make", "(wrong if is_certain else watch)"}:
                    yield name, node


SAID = list(calls())
TEXT = "\n".join(path.read_text() for path in Path(doctor.__file__).parent.glob("*.py"))


def test_every_finding_is_about_a_part_with_a_name() -> None:
    parts = {node.args[0].value for _, node in SAID if isinstance(node.args[0], ast.Constant)}

    assert parts <= set(DOCTOR_PARTS)
    assert set(PARTS) <= set(DOCTOR_PARTS)
    assert set(DOCTOR_STATES) == set(State)


def test_every_code_has_words() -> None:
    codes = {node.args[1].value for _, node in SAID if isinstance(node.args[1], ast.Constant)}

    assert len(codes) > 40
    assert codes <= set(DOCTOR) | set(SYSTEM)


@pytest.mark.parametrize("code", sorted(DOCTOR))
def test_all_words_can_be_said(code: str) -> None:
    assert f'"{code}"' in TEXT


@pytest.mark.parametrize("code", sorted(DOCTOR))
def test_words_are_sentences_that_say_what_to_do(code: str) -> None:
    text = DOCTOR[code]
    fields = {name for _, name, _, _ in string.Formatter().parse(text.message) if name}

    assert not text.title.endswith(".")
    assert text.what_happened.rstrip('"')[-1] in ".}" or text.what_happened.endswith(")")
    assert all(name.isidentifier() for name in fields)
    assert code not in SYSTEM


def test_what_is_bad_says_what_to_do() -> None:
    bad = {
        node.args[1].value
        for name, node in SAID
        if SAYING.get(name) is not State.GOOD and isinstance(node.args[1], ast.Constant)
    }

    assert all((SYSTEM.get(str(code)) or DOCTOR[str(code)]).what_to_do for code in bad)
