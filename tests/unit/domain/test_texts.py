"""Every stable code the product can raise has its words, and no words are left without a code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from dcarbon.domain import eligibility, texts
from dcarbon.domain.errors import ContractViolation, DCarbonError, InvalidInput
from dcarbon.domain.states import SyncHealth
from dcarbon.domain.text import Text
from dcarbon.domain.texts_administering import ADMINISTERING
from dcarbon.domain.texts_asking import ASKING
from dcarbon.domain.texts_authorizing import AUTHORIZING
from dcarbon.domain.texts_claiming import CLAIMING
from dcarbon.domain.texts_collecting import COLLECTING
from dcarbon.domain.texts_deleting import DELETING
from dcarbon.domain.texts_reporting import REPORTING
from dcarbon.providers.green_button import oauth_errors
from dcarbon.providers.utilityapi import returns
from dcarbon.services import invitation_links, sign_in, utilityapi_orders
from dcarbon_api import problems

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("dcarbon", "dcarbon_api", "dcarbon_pipelines", "assets", "schedules", "sensors")

MAKERS = {
    ("dcarbon/providers/green_button/espi", "refused"): (0, ""),
    ("dcarbon/providers/green_button/espi/parse.py", "_one"): (1, "not_one_"),
    ("dcarbon/services/authorization_sessions.py", "_refused"): (0, ""),
}
"""Functions that make errors: which argument is the code, and what goes before it."""

COMPUTED: dict[tuple[str, str], set[str]] = {
    ("dcarbon/domain/errors.py", "code"): set(),  # passed on
    ("dcarbon_api/inbound.py", "error.code"): set(),  # passed on
    ("dcarbon/providers/green_button/espi/safe_xml.py", "code"): set(),  # a maker
    ("dcarbon/providers/green_button/espi/parse.py", "f'not_one_{what}'"): set(),  # a maker
    ("dcarbon/services/authorization_sessions.py", "code"): set(),  # a maker
    ("dcarbon/providers/green_button/oauth_errors.py", "f'oauth_{known}'"): {
        f"oauth_{known}" for known in {*oauth_errors._WRONG_REQUEST, "unknown"}
    },
    ("dcarbon/providers/transport.py", "code"): {"unexpected_redirect", "request_refused"},
    ("dcarbon/providers/utilityapi/client.py", "known"): {
        "invalid_param",
        "required_param_missing",
        "request_refused",
    },
    ("dcarbon/providers/utilityapi/returns.py", "_DECLINED[error]"): set(
        returns._DECLINED.values()
    ),
    ("dcarbon/providers/utilityapi/returns.py", "f'form_{known}'"): {
        "form_invalid_request",
        "form_invalid_scope",
        "form_unknown",
    },
    ("dcarbon/services/fetching_utilityapi.py", "found[0]"): set(utilityapi_orders.CUSTOMER_MENDS),
    ("dcarbon/services/eligibility.py", "refusal.code"): set(eligibility.REFUSALS),
    # Stored ones are read back; this one is only ever stored.
    ("dcarbon/services/syncing.py", "row.error_code"): {"run_ended"},
    ("dcarbon/services/invitation_links.py", "f'invitation_{state}'"): {
        f"invitation_{state}" for state in set(get_args(invitation_links.State)) - {"good"}
    },
    ("dcarbon/services/sign_in.py", "f'link_{state}'"): {
        f"link_{state}" for state in get_args(get_type_hints(sign_in.LinkRefused.__init__)["state"])
    },
}
"""Codes that are put together where they are raised: in which file, by which expression."""


@dataclass(frozen=True)
class Place:
    file: str
    node: ast.AST

    def __str__(self) -> str:
        return f"{self.file}:{getattr(self.node, 'lineno', 0)}"


@cache
def sources() -> tuple[Place, ...]:
    """Return every class and every call."""
    return tuple(
        Place(str(path.relative_to(ROOT)), node)
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef | ast.Call)
    )


def written(node: ast.AST | None) -> set[str]:
    """Return the texts an expression can have, as far as they are written down."""
    if isinstance(node, ast.IfExp):
        return written(node.body) | written(node.orelse)
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


@cache
def error_names() -> set[str]:
    names = {"DCarbonError", "super().__init__"}
    size = 0
    while size != len(names):
        size = len(names)
        for place in sources():
            if isinstance(place.node, ast.ClassDef) and names & {
                ast.unparse(base).rpartition(".")[2] for base in place.node.bases
            }:
                names.add(place.node.name)
    return names


def class_codes() -> Iterator[tuple[str, Place]]:
    errors = error_names()
    for place in sources():
        if isinstance(place.node, ast.ClassDef) and place.node.name in errors:
            for statement in place.node.body:
                if isinstance(statement, ast.Assign) and "code" in map(
                    ast.unparse, statement.targets
                ):
                    yield from ((code, place) for code in written(statement.value))


def raised_codes() -> Iterator[tuple[str, Place]]:
    for place in sources():
        if not isinstance(place.node, ast.Call):
            continue
        for keyword in place.node.keywords:
            if keyword.arg == "code":
                yield from ((code, place) for code in written(keyword.value))
        name = ast.unparse(place.node.func).rpartition(".")[2]
        for (file, maker), (index, prefix) in MAKERS.items():
            if name == maker and place.file.startswith(file):
                yield from ((prefix + code, place) for code in written(place.node.args[index]))


def computed() -> Iterator[tuple[str, str, Place]]:
    errors = error_names()
    for place in sources():
        if not isinstance(place.node, ast.Call):
            continue
        name = ast.unparse(place.node.func)
        if name in errors or name.rpartition(".")[2] in errors or name in {"kind", "cls"}:
            for keyword in place.node.keywords:
                if keyword.arg == "code" and not written(keyword.value):
                    yield place.file, ast.unparse(keyword.value), place


@cache
def known_codes() -> dict[str, str]:
    codes = {code: str(place) for code, place in (*class_codes(), *raised_codes())}
    codes |= {code: file for (file, _), many in COMPUTED.items() for code in many}
    return codes | dict.fromkeys(problems._HTTP_CODES.values(), "dcarbon_api/problems.py")


def test_every_code_has_words() -> None:
    missing = {code: where for code, where in known_codes().items() if code not in texts.TEXTS}

    assert len(known_codes()) > 100
    assert missing == {}


def test_no_words_are_left_without_a_code() -> None:
    assert set(texts.TEXTS) - set(known_codes()) == set()


def test_every_code_that_is_put_together_is_accounted_for() -> None:
    found = {(file, expression) for file, expression, _ in computed()}

    assert found == set(COMPUTED)


@pytest.mark.parametrize(
    "part",
    [
        *("texts_authorizing", "texts_collecting", "texts_asking"),
        *("texts_claiming", "texts_reporting", "texts_deleting"),
        "texts_administering",
    ],
)
def test_no_code_stands_in_the_catalogue_twice(part: str) -> None:
    tree = ast.parse((ROOT / "dcarbon" / "domain" / f"{part}.py").read_text())
    (catalogue,) = (node for node in ast.walk(tree) if isinstance(node, ast.Dict))
    keys = [next(iter(written(key))) for key in catalogue.keys]
    parts = (AUTHORIZING, COLLECTING, ASKING, CLAIMING, REPORTING, DELETING, ADMINISTERING)
    sizes = sum(map(len, parts))

    assert len(keys) == len(set(keys)) > 0
    assert len(texts.TEXTS) == sizes


@pytest.mark.parametrize(("code", "text"), [*texts.TEXTS.items(), *texts.NOTICES.items()])
def test_words_are_whole_sentences_that_say_what_to_do(code: str, text: Text) -> None:
    assert not text.title.endswith((".", "!"))
    for sentence in (text.what_happened, text.what_to_do):
        assert re.fullmatch(r"[A-Z].*", sentence)
        assert sentence.endswith(".") or sentence.startswith("Run: ")
        assert "  " not in sentence
    assert code not in text.message
    assert len(text.title) <= 60


def test_an_error_takes_the_words_of_its_class() -> None:
    assert ContractViolation("x").display_message == texts.of("contract_violation").message
    assert ContractViolation.display_message == texts.of("contract_violation").message


def test_an_error_takes_the_words_of_its_own_code() -> None:
    error = ContractViolation("x", code="endless_pages")

    assert error.display_message == texts.of("endless_pages").message
    assert str(error) == "x"


def test_words_given_where_it_is_raised_go_first() -> None:
    error = InvalidInput("x", code="time_naive", display_message="start needs a UTC offset.")

    assert error.display_message == "start needs a UTC offset."


def test_a_class_without_words_of_its_own_code_has_those_of_its_parent() -> None:
    class Special(InvalidInput):
        """The same failure, told apart by programs only."""

    assert Special("x").display_message == InvalidInput.display_message


@pytest.mark.parametrize("code", [None, "", "never_heard_of"])
def test_an_unknown_code_gets_words_that_are_true_of_any(code: str | None) -> None:
    assert texts.of(code).what_to_do
    assert "never_heard_of" not in texts.of(code).message


def test_an_error_without_anything_says_something_to_people_and_logs() -> None:
    assert str(DCarbonError()) == DCarbonError.display_message != ""


@pytest.mark.parametrize("health", set(SyncHealth) - {SyncHealth.OK})
def test_every_sync_health_that_worries_has_a_notice(health: SyncHealth) -> None:
    assert texts.NOTICES[health].title


def test_downtime_is_said_in_the_agreed_words() -> None:
    assert texts.NOTICES["delayed"].title == "Temporarily unable to sync data"
