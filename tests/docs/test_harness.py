"""What tries the documents notices when one of them is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs import change, story
from tests.docs.blocks import Block
from tests.docs.story import StoryFailed


def told(folder: Path, *blocks: Block) -> dict[int, str]:
    environ = {"PATH": os.environ["PATH"], "PYTHON": sys.executable}
    return story.tell("a.md", blocks, folder=folder, environ=environ)


def shell(line: int, text: str, **options: str) -> Block:
    return Block(line, "sh", options, f"{text}\n")


def test_blocks_are_one_story_in_one_shell(tmp_path: Path) -> None:
    written = Block(2, "toml", {"file": "made/a.toml"}, "a = 1\n")

    said = told(tmp_path, shell(1, "NAME=Ann"), written, shell(3, 'echo "$NAME"; cat made/a.toml'))

    assert said[3].split() == ["Ann", "a", "=", "1"]


def test_a_command_that_fails_names_its_block(tmp_path: Path) -> None:
    with pytest.raises(StoryFailed, match=r"a\.md:2 ended with 3"):
        told(tmp_path, shell(1, "true"), shell(2, "echo found; sh -c 'exit 3'"), shell(3, "true"))


def test_a_failure_that_is_promised_has_to_come(tmp_path: Path) -> None:
    told(tmp_path, shell(1, "false", fails="1"), shell(2, "true"))

    with pytest.raises(StoryFailed, match="ended with 0, not 1"):
        told(tmp_path, shell(1, "true", fails="1"))


def test_python_that_fails_ends_the_story(tmp_path: Path) -> None:
    with pytest.raises(StoryFailed, match="ZeroDivisionError"):
        told(tmp_path, Block(1, "python", {}, "1 / 0\n"))


@pytest.mark.parametrize(
    ("expected", "printed", "first_missing"),
    [
        ("a\nc\n", "a\nb\nc\n", None),
        ("c\na\n", "a\nb\nc\n", "a"),
        ("id … of …\n", "id 7 of 9\n", None),
        ("…\nend\n", "anything\nend\n", None),
        ("a.c\n", "abc\n", "a.c"),
    ],
)
def test_output_is_compared_in_order(
    expected: str, printed: str, first_missing: str | None
) -> None:
    assert story.missing(expected, printed) == first_missing


@pytest.mark.parametrize(
    ("shown", "printed", "first_missing"),
    [
        ('{"a": 1, "b": [{"c": null}]}', '{"a": 2, "b": [{"c": "x", "d": 1}], "e": 0}', None),
        ('{"a": 1, "gone": 1}', '{"a": 2}', "gone"),
        ('{"b": [{"gone": 1}]}', '{"b": [{"c": 1}]}', "b.gone"),
        ('{"a": 1}', "no JSON at all", "a"),
    ],
)
def test_json_is_compared_by_its_members(
    shown: str, printed: str, first_missing: str | None
) -> None:
    assert story.missing_member(shown, printed) == first_missing


def test_a_change_has_to_fit_once() -> None:
    assert change.changed("a\nb\nc\n", "@@\n a\n+new\n b\n@@\n-c\n") == "a\nnew\nb\n"
    with pytest.raises(SystemExit, match="0 times"):
        change.changed("a\n", "@@\n-b\n")
