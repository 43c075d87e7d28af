"""The pictures in ``docs/architecture.md`` say what the contracts and the imports say."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

import grimp

from tests.docs.blocks import PROJECT, Document

DOCUMENT = Document("docs/architecture.md")
_NODE = re.compile(r'(\w+)\["([\w.]+)<br>')
_ARROW = re.compile(r"^\s*(\w+)(?:\[[^\]]*\])? (-->|-\.->) (\w+)", re.MULTILINE)
_MODULE = re.compile(r"\b((?:dcarbon|services|providers|sensors|security|db|domain)/[\w/]+)")

Arrow = tuple[str, str]


def test_the_house_has_every_room_of_the_contract() -> None:
    rooms = {room for layer in _layers() for room in layer}

    assert set(_rooms().values()) == rooms | {"dcarbon_sandbox"}


def test_arrows_point_down() -> None:
    heights = {room: height for height, layer in enumerate(_layers()) for room in layer}
    drawn, dotted = _arrows()

    assert [(a, b) for a, b in drawn if heights[a] >= heights[b]] == []
    assert dotted == _excepted()


def test_every_arrow_is_an_import() -> None:
    drawn, dotted = _arrows()

    assert (drawn | dotted) - _imports() == set()


def test_every_import_goes_along_the_arrows() -> None:
    drawn, dotted = _arrows()
    ways = _reached(drawn) | dotted

    assert _imports() - ways == set()


def test_every_contract_is_explained() -> None:
    said = set(re.findall(r"^\| ([^|]+?) \| ", DOCUMENT.prose, re.MULTILINE))

    assert {contract["name"] for contract in _contracts()} <= said


def test_every_module_in_a_picture_exists() -> None:
    named = {
        module
        for block in DOCUMENT.blocks
        if block.mark == "mermaid"
        for module in _MODULE.findall(block.text)
    }

    missing = [
        module
        for module in named
        if not any(
            list(PROJECT.glob(f"{room}{module}{end}"))
            for room in ("", "dcarbon/", "dcarbon_api/")
            for end in ("", ".py")
        )
    ]

    assert named
    assert not missing


def _contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    found: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return found


def _layers() -> list[list[str]]:
    """Return the rooms of each layer, the highest first."""
    contract = next(one for one in _contracts() if one["type"] == "layers")
    return [layer.split(" | ") for layer in contract["layers"]]


def _excepted() -> set[Arrow]:
    """Return the imports against the direction that the contract allows, between rooms."""
    contract = next(one for one in _contracts() if one["type"] == "layers")
    return {
        (pair[0], pair[1])
        for line in contract["ignore_imports"]
        if (pair := line.replace(".*", "").split(" -> "))
    }


def _rooms() -> dict[str, str]:
    return dict(_NODE.findall(DOCUMENT.blocks[0].text))


def _arrows() -> tuple[set[Arrow], set[Arrow]]:
    """Return the arrows between rooms, whole and dotted."""
    rooms = _rooms()
    found: dict[str, set[Arrow]] = {"-->": set(), "-.->": set()}
    for start, kind, end in _ARROW.findall(DOCUMENT.blocks[0].text):
        if start in rooms and end in rooms:
            found[kind].add((rooms[start], rooms[end]))
    return found["-->"], found["-.->"]


@cache
def _imports() -> set[Arrow]:
    """Return which room imports which, from the sources."""
    rooms = sorted(_rooms().values(), key=len, reverse=True)
    graph = grimp.build_graph(
        "dcarbon", *{room for room in rooms if "." not in room}, cache_dir=None
    )

    def room_of(module: str) -> str:
        return next((one for one in rooms if f"{module}.".startswith(f"{one}.")), "")

    return {
        (room, other)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if (room := room_of(module)) and (other := room_of(imported)) and room != other
    }


def _reached(arrows: set[Arrow]) -> set[Arrow]:
    """Return every pair with a way along the arrows."""
    ways = set(arrows)
    while more := {(a, d) for a, b in ways for c, d in arrows if b == c} - ways:
        ways |= more
    return ways
