"""What the source of ``dcarbon.services`` says: who opens a transaction, and which audit events
may come of it. Read from the syntax, so that nothing has to be run for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import dcarbon.services

_ROOT = Path(dcarbon.services.__file__).parent
_PACKAGE = "dcarbon.services"
_INSISTS = frozenset({"insist"})

Definition = ast.FunctionDef | ast.ClassDef
Place = tuple[str, str]
"""A module's name and a top-level name in it."""


@dataclass
class Module:
    """One module: its functions and classes, and what the names it imports stand for."""

    name: str
    definitions: dict[str, Definition] = field(default_factory=dict)
    values: dict[str, ast.expr] = field(default_factory=dict)
    imported: dict[str, Place] = field(default_factory=dict)
    """``from dcarbon.services.x import f``: the place of ``f``; of a module the name is empty."""


@cache
def modules() -> Mapping[str, Module]:
    """Return every module of the services by its name below ``dcarbon.services``."""
    found = {}
    for path in sorted(_ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        found[name] = _module(name, ast.parse(path.read_text("utf-8")))
    return found


def openers() -> set[str]:
    """Return the public functions and methods that open a transaction to write, as
    ``module.function`` and ``module.Class.method``, with what they leave to private names.
    """
    found = set()
    for module in modules().values():
        for name, definition in module.definitions.items():
            if name.startswith("_"):
                continue
            for label, body in _public(name, definition):
                if _opens(module, body, set()):
                    found.add(f"{module.name}.{label}")
    return found


def events(opener: str) -> set[str]:
    """Return the names of the audit events that what ``opener`` calls speaks of."""
    name = next(one for one in sorted(modules(), key=len, reverse=True) if _is_in(opener, one))
    top = opener.removeprefix(f"{name}.").split(".")[0]
    found: set[str] = set()
    seen: set[Place] = set()
    waiting: list[Place] = [(name, top)]
    while waiting:
        place = waiting.pop()
        if place in seen or place[0] not in modules():
            continue
        seen.add(place)
        module = modules()[place[0]]
        body = module.definitions.get(place[1]) or module.values.get(place[1])
        if body is None:
            if place[1] in module.imported:
                waiting.append(module.imported[place[1]])
            continue
        for node in ast.walk(body):
            found |= _event(node)
            waiting += _spoken_of(module, node)
    return found


def detail_names() -> dict[str, set[str]]:
    """Return what is given to ``audit.record`` and ``audit.entry`` by name, and by whom."""
    found: dict[str, set[str]] = {}
    for module in modules().values():
        for definition in module.definitions.values():
            for node in ast.walk(definition):
                if isinstance(node, ast.Call) and _is_audit(node.func):
                    for keyword in node.keywords:
                        found.setdefault(keyword.arg or "**", set()).add(module.name)
    return found


def _module(name: str, tree: ast.Module) -> Module:
    module = Module(name)
    for node in tree.body:
        if isinstance(node, Definition):
            module.definitions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            module.values |= {t.id: node.value for t in targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_PACKAGE):
            below = (node.module or "").removeprefix(_PACKAGE).removeprefix(".")
            for alias in node.names:
                place = (below, alias.name) if below else (alias.name, "")
                module.imported[alias.asname or alias.name] = place
    return module


def _public(name: str, definition: Definition) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(definition, ast.FunctionDef):
        yield name, definition
        return
    for node in definition.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield f"{name}.{node.name}", node


def _opens(module: Module, body: ast.AST, seen: set[str]) -> bool:
    for node in ast.walk(body):
        if isinstance(node, ast.Call) and _is_opening(node.func):
            return True
        private = _private(node)
        if private and private not in seen:
            seen.add(private)
            if any(_opens(module, one, seen) for one in _named(module, private)):
                return True
    return False


def _is_opening(function: ast.expr) -> bool:
    if isinstance(function, ast.Attribute) and function.attr == "begin":
        owner = function.value
        name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
        return name == "sessions"
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in _INSISTS


def _private(node: ast.AST) -> str:
    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
    return name if name.startswith("_") else ""


def _named(module: Module, name: str) -> Iterator[ast.AST]:
    """Yield the module's function, class or methods of this name."""
    if name in module.definitions:
        yield module.definitions[name]
    for definition in module.definitions.values():
        if isinstance(definition, ast.ClassDef):
            for node in definition.body:
                if isinstance(node, ast.FunctionDef) and node.name == name:
                    yield node


def _event(node: ast.AST) -> set[str]:
    match node:
        case ast.Attribute(value=ast.Name(id="AuditEvent"), attr=event):
            return {event}
    return set()


def _spoken_of(module: Module, node: ast.AST) -> list[Place]:
    """Return the places a name or ``module.name`` stands for."""
    if isinstance(node, ast.Name):
        if node.id in module.definitions or node.id in module.values:
            return [(module.name, node.id)]
        place = module.imported.get(node.id)
        return [place] if place and place[1] else []
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        place = module.imported.get(node.value.id)
        return [(place[0], node.attr)] if place and not place[1] else []
    return []


def _is_in(opener: str, module: str) -> bool:
    return opener.startswith(f"{module}.")


def _is_audit(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in {"record", "entry"}
        and isinstance(function.value, ast.Name)
        and function.value.id == "audit"
    )
