"""Typing a command, and reading what it refused."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from dcarbon.cli import dcarbon


def run(*arguments: str | Path, answer: str = "", **environ: str) -> Result:
    """Type ``dcarbon`` and the arguments; ``answer`` is typed when it asks. Never a traceback.

    Beside the errors, a slow machine is told that something is still under way: compare what is
    exact with ``stdout``.
    """
    typed = [str(argument) for argument in arguments]
    result = CliRunner().invoke(dcarbon, typed, input=answer, env=environ)
    assert "Traceback" not in result.output
    return result


def refusal(result: Result) -> str:
    """Return the refusal as one line. Raises unless it is one."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    told = [line for line in result.stderr.splitlines() if not line.startswith("  ... ")]
    words = " ".join(" ".join(told).split())
    assert words.startswith("Error: ")
    return words
