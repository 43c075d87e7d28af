"""What the targets of make run is never silent for long, and is not changed by being watched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"
AT_ONCE = "sys.exit(steadily.run('at work', sys.argv[1:], silent_at_most_s=0.1))"
RECORD = """
found = silences.record(sys.argv[1:], terminal=True)
print(f"status {found.status}")
"""


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code that knows the scripts, in a process of its own: they write to file descriptors."""
    lines = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import silences, steadily; {code}"
    return subprocess.run(
        [sys.executable, "-c", lines, *arguments], capture_output=True, text=True, check=False
    )


def steadily(shell: str) -> subprocess.CompletedProcess[str]:
    return python(AT_ONCE, "sh", "-c", shell)


def on_a_terminal(shell: str) -> str:
    watched = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import steadily; {AT_ONCE}"
    return python(RECORD, sys.executable, "-c", watched, "sh", "-c", shell).stdout


def test_output_and_errors_go_where_the_command_sends_them() -> None:
    result = steadily("echo out; echo err >&2")

    told = [line for line in result.stdout.splitlines() if "still" not in line]
    assert told == ["  at work ...", "out"]
    assert result.stderr == "err\n"
    assert result.returncode == 0


@pytest.mark.parametrize(("ending", "status"), [("exit 3", 3), ("kill -TERM $$", 143)])
def test_the_exit_status_is_the_command_s(ending: str, status: int) -> None:
    assert steadily(ending).returncode == status


def test_a_silent_command_is_said_to_be_at_work() -> None:
    result = steadily("printf dots; sleep 0.4; echo more")

    lines = result.stdout.splitlines()
    assert lines[lines.index("dots") + 1].startswith("  ... still at work, ")
    assert lines[-1] == "more"


def test_what_the_command_left_running_is_not_waited_for() -> None:
    result = python(AT_ONCE, "sh", "-c", "sleep 60 >/dev/null 2>&1 & echo done")

    assert result.stdout.endswith("done\n")


def test_on_a_terminal_the_command_has_one_and_our_line_goes_again() -> None:
    shown = on_a_terminal("test -t 1 && printf dots; sleep 0.4; echo more; exit 4")

    assert "dots\x1b7\x1b[?7l\x1b[K  ... still at work, " in shown
    assert " s\x1b[?7h\x1b8\x1b[Kmore" in shown
    assert "status 4" in shown


def test_a_recorded_silence_says_what_came_before_it() -> None:
    code = (
        "found = silences.record(sys.argv[1:], terminal=False);"
        "print(max(found.silences)[1], found.longest > 0.3)"
    )

    result = python(code, "sh", "-c", "echo before; sleep 0.4; echo after")

    assert result.stdout.endswith("before True\n")
