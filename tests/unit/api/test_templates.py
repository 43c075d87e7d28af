"""Pages keep to their content policy: nothing inline, nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dcarbon_api

ROOT = Path(dcarbon_api.__file__).parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
STYLES = sorted((ROOT / "static").rglob("*.css"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    "forbidden",
    [
        r"\sstyle\s*=",
        r"<style",
        r"<script(?![^>]*nonce)",
        r"\son[a-z]+\s*=",
        r"(src|href)=\"(https?:)?//",
    ],
    ids=["style_attribute", "style_element", "script_without_nonce", "handler", "other_host"],
)
def test_a_template_holds_nothing_its_policy_forbids(path: Path, forbidden: str) -> None:
    assert not re.search(forbidden, path.read_text(encoding="utf-8"), re.IGNORECASE)


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_a_style_sheet_fetches_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert "@import" not in text
    assert all(place.startswith("data:") for place in re.findall(r"url\([\"']?([^\"')]*)", text))
