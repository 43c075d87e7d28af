"""Every block of a document says how to try it, and what is only shown is well formed."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest
import yaml

from tests.docs.blocks import MARKS, OPTIONS, Block, Document, documents
from tests.docs.not_run import NOT_RUN

WITH_BLOCKS = [one for one in documents() if one.blocks]


@pytest.fixture(params=WITH_BLOCKS, ids=lambda one: one.name)
def document(request: pytest.FixtureRequest) -> Document:
    found: Document = request.param
    return found


def test_every_block_says_how_to_try_it(document: Document) -> None:
    unmarked = [block.line for block in document.blocks if block.mark not in MARKS]
    strange = [
        (block.line, name)
        for block in document.blocks
        for name in set(block.options) - OPTIONS.get(block.mark, set())
    ]

    assert not unmarked
    assert not strange


def test_what_is_not_run_says_why(document: Document) -> None:
    keys = {block.options["not-run"] for block in document.blocks if "not-run" in block.options}

    assert keys <= set(NOT_RUN)


def test_every_reason_not_to_run_is_needed() -> None:
    used = {block.options.get("not-run") for document in documents() for block in document.blocks}

    assert set(NOT_RUN) <= used


def test_most_of_what_could_run_does() -> None:
    blocks = [b for document in documents() for b in document.blocks if b.mark == "sh"]
    left = [block for block in blocks if "not-run" in block.options]

    assert len(left) < len(blocks) / 3


def test_what_is_shown_is_well_formed(document: Document) -> None:
    wrong = [f"{block.line}: {said}" for block in document.blocks if (said := _problem(block))]

    assert not wrong


def _problem(block: Block) -> str:
    try:
        if block.mark == "toml":
            tomllib.loads(block.text)
        elif block.mark == "yaml":
            list(yaml.safe_load_all(block.text))
        elif block.mark == "json":
            json.loads(block.text)
        elif block.mark == "python":
            compile(block.text, "block", "exec")
    except (tomllib.TOMLDecodeError, yaml.YAMLError, json.JSONDecodeError, SyntaxError) as error:
        return str(error)
    if block.mark != "sh":
        return ""
    if "not-run" not in block.options and re.search(r"^[^#\n]*…", block.text, re.MULTILINE):
        return "… cannot be run"
    said = subprocess.run(
        ["/bin/sh", "-n"], input=block.text, text=True, capture_output=True, check=False
    )
    return said.stderr
