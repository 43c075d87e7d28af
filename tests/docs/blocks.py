"""The documents of the project, and the fenced blocks in them with the marks that say how to try
them. What the marks mean stands in ``docs/guides/developing.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MARKS = frozenset({"sh", "text", "python", "sql", "toml", "yaml", "json", "diff", "mermaid"})
OPTIONS = {
    "sh": {"fails", "not-run"},
    "text": {"output", "demo"},
    "python": {"file", "not-run"},
    "diff": {"file"},
    "sql": {"not-run"},
    "toml": {"file"},
    "yaml": {"file", "job", "asset"},
    "json": {"file", "output"},
}
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`]*)$")


@dataclass(frozen=True)
class Block:
    """One fenced block: its first line's number, mark, options, and text without the indent."""

    line: int
    mark: str
    options: dict[str, str] = field(hash=False)
    text: str

    @property
    def writes(self) -> bool:
        return "file" in self.options


@dataclass(frozen=True)
class Document:
    """A Markdown file by its path from the project."""

    name: str

    @property
    def path(self) -> Path:
        return PROJECT / self.name

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        return tuple(_blocks(self.text))

    @cached_property
    def prose(self) -> str:
        """What stands outside the blocks, with as many lines as the document."""
        inside, kept = False, []
        for line in self.text.split("\n"):
            fence = bool(_FENCE.match(line))
            kept.append("" if inside or fence else line)
            inside ^= fence
        return "\n".join(kept)

    @property
    def spans(self) -> list[tuple[int, str]]:
        """Return what stands between backticks in the prose, with the number of its line."""
        return [
            (number, span)
            for number, line in enumerate(self.prose.split("\n"), 1)
            for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", line)
        ]


@cache
def documents() -> tuple[Document, ...]:
    """Return ``README.md`` and everything under ``docs/`` and ``deploy/``."""
    found = [PROJECT / "README.md"]
    for folder in ("docs", "deploy"):
        found += sorted((PROJECT / folder).rglob("*.md"))
    return tuple(Document(path.relative_to(PROJECT).as_posix()) for path in found)


def _blocks(text: str) -> Iterator[Block]:
    opened: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        fence = _FENCE.match(line)
        if opened is None and fence:
            opened, lines = (number, fence["info"].strip(), fence["indent"]), []
        elif opened is not None and fence and not fence["info"]:
            mark, options = _marked(opened[1])
            yield Block(opened[0], mark, options, "\n".join(lines) + "\n")
            opened = None
        elif opened is not None:
            lines.append(line.removeprefix(opened[2]))
    if opened is not None:
        raise AssertionError(f"the block of line {opened[0]} has no end")


def _marked(info: str) -> tuple[str, dict[str, str]]:
    mark, *words = info.split() or [""]
    return mark, {name: value for name, _, value in (word.partition("=") for word in words)}
