"""Words that guides quote from pages stand on pages."""

from __future__ import annotations

import html
import re
from functools import cache

import pytest

from tests.docs.blocks import PROJECT, Document

GUIDES = ("people", "admins", "generation-reports", "operating", "keys")
_ROOMS = ("dcarbon_api", "dcarbon", "dcarbon_pipelines", "sensors")
_ENDINGS = {".html", ".py", ".js", ".txt"}
_QUOTED = re.compile(r"(?<![*\w])\*([^*\n]+)\*(?![*\w])")


@pytest.mark.parametrize("guide", GUIDES)
def test_what_a_guide_quotes_is_said_by_the_product(guide: str) -> None:
    quoted = _QUOTED.findall(Document(f"docs/guides/{guide}.md").prose)

    missing = [
        words
        for words in quoted
        if not all(
            part.strip().lower() in _said() for part in re.split("…|→", words) if part.strip()
        )
    ]

    assert not missing


@cache
def _said() -> str:
    """Return everything our sources say, with texts that go over several lines joined."""
    sources = [
        path.read_text("utf-8")
        for room in _ROOMS
        for path in sorted((PROJECT / room).rglob("*"))
        if path.suffix in _ENDINGS and "vendor" not in path.parts
    ]
    joined = re.sub(r'"\s*\n\s*f?"', "", "\n".join(sources))
    return re.sub(r"\s+", " ", html.unescape(joined)).lower()
