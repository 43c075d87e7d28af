"""Whoever types what a document says gets what it says."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs import demo, story
from tests.docs.blocks import PROJECT, Block, Document, documents
from tests.docs.demo import Demo

# One test process has the demo (see conftest); the others do not start another.
pytestmark = [pytest.mark.dagster, pytest.mark.database]

STORIES = [one for one in documents() if any(story.runnable(block) for block in one.blocks)]
TOOLS = ("curl", "make")
_COMPILED = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    """Look before the demo is started for nothing."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"documents cannot be tried without {', '.join(missing)}")
    if missing:
        pytest.skip(f"DOCUMENTS ARE NOT TRIED: {', '.join(missing)} not installed")


@pytest.mark.parametrize("document", STORIES, ids=lambda one: one.name)
def test_a_document_does_what_it_says(
    document: Document, shared_demo: Demo, tmp_path: Path
) -> None:
    demo.clone(tmp_path, commands=shared_demo.commands)
    (tmp_path / ".dcarbon").symlink_to(shared_demo.folder / ".dcarbon")
    shutil.copy(shared_demo.home / demo.DOWNLOAD, tmp_path)
    _own_what_is_changed(document, tmp_path)
    blocks = [dataclasses.replace(one, text=shared_demo.real(one.text)) for one in document.blocks]

    printed = story.tell(document.name, blocks, folder=tmp_path, environ=shared_demo.environ())

    wrong = [
        f"{document.name}:{block.line} {line!r}\n{before}"
        for block, before in _outputs(document, printed)
        if (line := _compare(block)(block.text, shared_demo.usual(before))) is not None
    ]
    assert not wrong, "\n".join(wrong)


def test_make_demo_prints_what_the_readme_shows(shared_demo: Demo) -> None:
    readme = Document("README.md")
    shown = next(block for block in readme.blocks if "demo" in block.options)

    assert "make demo" in readme.blocks[0].text
    assert story.missing(shown.text, shared_demo.usual(shared_demo.said)) is None


def _own_what_is_changed(document: Document, folder: Path) -> None:
    """Copy each room a block writes into: the others are the project's own, by links."""
    for room in {one.options["file"].split("/")[0] for one in document.blocks if one.writes}:
        if (folder / room).is_symlink():
            (folder / room).unlink()
            shutil.copytree(PROJECT / room, folder / room, ignore=_COMPILED)


def _compare(block: Block) -> Callable[[str, str], str | None]:
    return story.missing_member if block.mark == "json" else story.missing


def _outputs(document: Document, printed: dict[int, str]) -> list[tuple[Block, str]]:
    """Return each block that shows output, with what the last block before it printed."""
    found, last = [], 0
    for block in document.blocks:
        if story.runnable(block):
            last = block.line
        elif "output" in block.options:
            found.append((block, printed[last]))
    return found
