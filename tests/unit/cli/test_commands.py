"""Every command explains itself, and what is typed wrong is said without a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from dcarbon.cli import dcarbon
from dcarbon.db.sealing import KeyRing
from tests.support.commands import run

CONTEXT = click.Context(dcarbon)
COMMANDS = [name for name in dcarbon.list_commands(CONTEXT) if name != "sandbox"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where no dcarbon.toml lies, without the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DCARBON_")]:
        monkeypatch.delenv(name)


def test_the_command_lists_every_command_with_a_line() -> None:
    result = run("--help")

    assert result.exit_code == 0
    assert all(f"\n  {name} " in result.stdout for name in dcarbon.list_commands(CONTEXT))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = run(name, "--help")

    assert result.exit_code == 0
    assert f"dcarbon {name}" in result.stdout
    assert len(result.stdout.splitlines()) > 4


@pytest.mark.parametrize(
    ("group", "name"), [("facility", "add"), ("facility", "list"), ("keys", "new")]
)
def test_every_command_of_a_group_has_help(group: str, name: str) -> None:
    result = run(group, name, "-h")

    assert result.exit_code == 0
    assert f"dcarbon {group} {name}" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["up", "--nonsense"],
        ["demo", "extra"],
        ["import"],
        ["import", "--facility", "x"],
        ["import", "--facility", "x", "not-there.xml"],
        ["import", "--facility", "x", "--clock", "sundial", "/etc/hostname"],
        ["token"],
        ["token", "a@example.test", "--scope", "everything"],
        ["facility", "add", "House"],
        ["facility", "add", "House", "--owner", "a@example.test", "--kind", "castle"],
        ["migrate", "now"],
        ["keys", "old"],
    ],
    ids=" ".join,
)
def test_what_is_typed_wrong_is_said_with_the_usage(arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Error: " in result.stderr or "Usage: " in result.stderr


def test_a_wrong_setting_is_said_and_nothing_starts(tmp_path: Path) -> None:
    result = run("facility", "list", DCARBON_NONSENSE="1")

    assert result.exit_code == 1
    assert "DCARBON_NONSENSE is not a setting" in result.stderr
    assert "(settings_invalid)" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "must be a postgresql:// URL"),
        ("", "must be a postgresql:// URL"),
        ("mysql://u:hidden@h/d", "must be a postgresql:// URL"),
        ("postgresql://u:hidden@h:port/d", "must be a postgresql:// URL"),
        ("postgresql://u:hidden@127.0.0.1:1/d", "does not answer"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_without_its_password(url: str, said: str) -> None:
    keys = KeyRing.generate().reveal()

    result = run("facility", "list", DCARBON_DATABASE_URL=url, DCARBON_SEAL_KEYS=keys)

    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())
    assert "hidden" not in result.output


def test_keys_of_ones_own_database_have_to_be_given() -> None:
    result = run("facility", "list", DCARBON_DATABASE_URL="postgresql://127.0.0.1:1/d")

    assert result.exit_code == 1
    assert "DCARBON_SEAL_KEYS is missing" in result.stderr


def test_a_new_key_opens_what_it_sealed() -> None:
    result = run("keys", "new")

    assert result.exit_code == 0
    assert KeyRing.parse(result.stdout).reveal() == result.stdout.strip()
    assert result.stdout != run("keys", "new").stdout
