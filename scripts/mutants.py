"""Change the rules of dcarbon/domain one place at a time and see which changes no test notices.

    python scripts/mutants.py                      every module
    python scripts/mutants.py calendar coverage    two of them

Works on a copy, so that the tree is never seen changed. Cosmic Ray makes the changes; each is tried
in a process of its own by the tests of ``tests/unit/domain`` that ``tests/mutants.toml`` names for
the module, or by the file of its own name. Changes that cannot be noticed, and those of numbers
that were chosen, stand in that file with a reason. Ends with 1 when any other one survives.
"""

from __future__ import annotations

import ast
import gc
import importlib
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import tomllib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from hypothesis import Phase, settings

TREE = Path(__file__).resolve().parents[1]
DOMAIN, TESTS = Path("dcarbon/domain"), Path("tests/unit/domain")
SAID_EVERY_S = 2.0
_MOST_BYTES = 4 << 30
"""Of memory for a trial: a change may well ask for all there is."""
_IMPORTED_ONCE = (
    "alembic.context",
    "cryptography.x509",
    "flask",
    "httpx2",
    "lxml.etree",
    "msgspec",
)
_IMPORTED_ONCE += ("numpy", "psycopg", "pyarrow", "pydantic", "sqlalchemy.orm", "structlog")
"""What tests beyond the domain import, slow and never changed: each trial starts with it there."""

_NO_CHANGE = re.compile(r"ReplaceComparisonOperator_(.+_(Is|IsNot)|(Is|IsNot)_.+)")
"""``==`` for ``is`` and back: which of the two is right is a matter for the linter."""
_CHANGES = re.compile(r"ReplaceComparisonOperator_(Is_IsNot|IsNot_Is)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One module with one change: the lines it takes out and those it puts in, and the whole."""

    was: str
    becomes: str
    source: str


@dataclass(frozen=True, slots=True)
class Equal:
    """A change that no test can notice, or that would be as right."""

    was: str
    becomes: tuple[str, ...]

    def covers(self, mutant: Mutant) -> bool:
        return mutant.was == self.was and mutant.becomes in self.becomes


def main(names: list[str]) -> int:
    """Try the named modules, or all; return 1 when something survived that is not listed."""
    known: dict[str, Any] = tomllib.loads((TREE / "tests/mutants.toml").read_text(encoding="utf-8"))
    # That an example fails is enough: nobody reads the smallest one.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=phases
    )
    settings.load_profile("mutants")
    for name in _IMPORTED_ONCE:
        importlib.import_module(name)
    # What is there already is not looked through again by each trial: that halves its time.
    gc.freeze()
    with tempfile.TemporaryDirectory(prefix="dcarbon-mutants-") as scratch:
        _copy(Path(scratch))
        names = names or sorted(path.stem for path in DOMAIN.glob("[!_]*.py"))
        survivors = sum(_module(name, known) for name in names)
    _say("Every change is noticed." if not survivors else f"{survivors} changes go unnoticed.")
    return 1 if survivors else 0


def _copy(scratch: Path) -> None:
    """Copy the tree, go there, and import from there only."""
    left_out = shutil.ignore_patterns("__pycache__", "node_modules")
    for path in (*TREE.glob("*/__init__.py"), TREE / "pyproject.toml"):
        if path.parent == TREE:
            shutil.copyfile(path, scratch / path.name)
        else:
            shutil.copytree(path.parent, scratch / path.parent.name, ignore=left_out)
    os.chdir(scratch)
    sys.path.insert(0, str(scratch))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"


def _module(name: str, known: dict[str, Any]) -> int:
    """Try every change of one module; return how many survived and are not listed."""
    tests = [*known["tests"].get(name, [name]), *known["always"]]
    files = [str(TESTS / f"test_{test}.py") for test in tests]
    equals = [
        Equal(each["was"], tuple(each["becomes"]))
        for each in (*known["equivalent"], *known["chosen"])
        if each["module"] == name
    ]
    path, source = DOMAIN / f"{name}.py", (DOMAIN / f"{name}.py").read_text(encoding="utf-8")
    mutants = list(_mutants(source))
    if not mutants:
        return 0
    began = time.monotonic()
    sys.dont_write_bytecode = False
    if not _passes(files, 600):
        raise SystemExit(f"{name}: its tests fail without any change")
    limit = 5 + 5 * (time.monotonic() - began)
    # Two changes within a second would be taken for one, were the first of them kept compiled.
    sys.dont_write_bytecode = True
    survivors, said = [], time.monotonic()
    for number, mutant in enumerate(mutants):
        path.write_text(mutant.source, encoding="utf-8")
        if _passes(files, limit):
            survivors.append(mutant)
        if time.monotonic() - said > SAID_EVERY_S:
            said = time.monotonic()
            _say(f"{name}: {number + 1} of {len(mutants)}, {len(survivors)} survive")
    path.write_text(source, encoding="utf-8")
    return _report(name, mutants, survivors, equals, time.monotonic() - began)


def _report(
    name: str, mutants: list[Mutant], survivors: list[Mutant], equals: list[Equal], took: float
) -> int:
    left = [each for each in survivors if not any(equal.covers(each) for equal in equals)]
    _say(
        f"{name}: {len(mutants)} changes, {len(mutants) - len(survivors)} noticed, "
        f"{len(survivors) - len(left)} equal or chosen, {len(left)} unnoticed ({took:.0f} s)"
    )
    for each in left:
        _say(f"  was      {each.was}\n  becomes  {each.becomes}")
    return len(left)


def _mutants(source: str) -> Iterator[Mutant]:
    """Yield each different change of a module, those that count for nothing left out."""
    tree, seen = get_ast(source), {_what_counts(source)}
    for operator_name in plugins.operator_names():
        if _NO_CHANGE.search(operator_name) and not _CHANGES.search(operator_name):
            continue
        operator = plugins.get_operator(operator_name)
        if operator.arguments():
            continue
        places = sum(1 for node in ast_nodes(tree) for _ in operator().mutation_positions(node))
        for occurrence in range(places):
            changed = mutate_code(source, operator(), occurrence)
            shape = _what_counts(changed)
            if shape not in seen:
                seen.add(shape)
                yield Mutant(*_difference(source, changed), changed)


def _what_counts(source: str) -> str:
    """Return what counts of a module: neither annotations, for nothing evaluates them, nor which
    arguments go by name only, for that is the type checker's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            tree = ast.parse(source)
        except SyntaxError:
            return source
    for node in ast.walk(tree):
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                setattr(node, field, ast.Constant(0))
        if isinstance(node, ast.arguments):
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
    return ast.dump(tree)


def _difference(source: str, changed: str) -> tuple[str, str]:
    """Return the lines that differ before and after, what only went away with the line after it."""
    before, after = source.splitlines(), changed.splitlines()
    for lines in range(2):
        diff = list(unified_diff(before, after, n=lines, lineterm=""))[3:]
        was, becomes = (
            " ".join(line[1:].strip() for line in diff if line[0] in (mark, " ")) for mark in "-+"
        )
        if becomes:
            break
    return was.strip(), becomes.strip()


def _passes(files: list[str], limit_s: float) -> bool:
    """Run the tests in a process of their own; one that does not end has noticed the change."""
    process = multiprocessing.get_context("fork").Process(target=_tests, args=(files,))
    process.start()
    process.join(limit_s)
    if process.exitcode is None:
        process.kill()
        process.join()
    return process.exitcode == 0


def _tests(files: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    options = ["-x", "-q", "--noconftest", "--override-ini=addopts=", "-p", "no:cacheprovider"]
    os._exit(any(pytest.main([*options, file]) for file in files))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
