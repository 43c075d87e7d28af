"""The help of every command is for somebody who sees it for the first time."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from dcarbon.cli import dcarbon, examples

_EXAMPLE = re.compile(r"Examples?:((?:\s+.*)+)")


def leaves(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from leaves(found, (*path, name))
        elif name != "sandbox":  # a program of its own
            yield (*path, name)


LEAVES = [" ".join(path) for path in leaves(dcarbon, ())]


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that the words begin with, and the words after its name."""
    found: click.Command = dcarbon
    while isinstance(found, click.Group):
        inner = found.get_command(click.Context(found), words[0])
        assert inner is not None, words
        found, words = inner, words[1:]
    return found, words


def help_of(path: str) -> str:
    result = CliRunner().invoke(dcarbon, [*path.split(), "--help"], terminal_width=120)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_examples_that_can_be_typed(path: str) -> None:
    found = _EXAMPLE.search(help_of(path))
    assert found is not None, f"{path} has no example"
    lines = [line.strip() for line in found[1].splitlines() if "dcarbon " in line]
    assert lines

    for line in lines:
        words = shlex.split(line.partition("dcarbon ")[2].partition(" < ")[0].partition(" > ")[0])
        command, arguments = command_of(words)
        # A command keeps the help option that it makes first: it has to be made as elsewhere.
        context = click.Context(command, info_name=command.name, **dcarbon.context_settings)
        _, left, _ = command.make_parser(context).parse_args(list(arguments))
        assert left == [], line


@pytest.mark.parametrize("path", LEAVES)
def test_every_option_says_what_it_is(path: str) -> None:
    command, _ = command_of(path.split())

    for option in command.params:
        if isinstance(option, click.Option):
            said = (option.help or "").partition("  [default")[0]
            assert said.endswith("."), f"{path} {option.name}"


@pytest.mark.parametrize("path", LEAVES)
def test_help_is_laid_out_as_it_was_written(path: str) -> None:
    shown = help_of(path)

    assert "\\b" not in shown
    assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("path", sorted({path.rpartition(" ")[0] for path in LEAVES}))
def test_what_a_list_says_of_a_command_is_not_cut_off(path: str) -> None:
    result = CliRunner().invoke(dcarbon, [*path.split(), "--help"], terminal_width=78)

    assert "..." not in result.stdout.partition("Commands:")[2]


def test_a_name_that_is_nearly_right_is_guessed() -> None:
    near = CliRunner().invoke(dcarbon, ["improt"])
    far = CliRunner().invoke(dcarbon, ["xyzzy"])

    assert (near.exit_code, far.exit_code) == (2, 2)
    assert "No such command 'improt'. Did you mean 'import'?" in near.stderr
    assert "No such command 'xyzzy'.\n" in far.stderr


def test_examples_keep_their_lines() -> None:
    assert examples.of("one") == "\b\nExample:\n  one"
    assert examples.of("one", "two") == "\b\nExamples:\n  one\n  two"
