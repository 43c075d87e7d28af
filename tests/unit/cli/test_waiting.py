"""Whoever waits sees that something is under way, on a terminal and in a log."""

from __future__ import annotations

import io
import threading
import time

import pytest
from rich.console import Console
from rich.progress import TextColumn

from dcarbon.cli import waiting

OFTEN_S = 0.01
PATIENCE_S = 20.0


@pytest.fixture
def log() -> Console:
    return Console(file=io.StringIO(), width=80)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def wait_for(console: Console, words: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while words not in written(console):
        assert time.monotonic() < deadline, written(console)
        time.sleep(OFTEN_S)


def test_in_a_log_a_line_says_what_is_still_under_way(log: Console) -> None:
    with waiting.under_way(log, "opening [the] database", every_s=OFTEN_S):
        wait_for(log, "... still opening [the] database, ")

    ended = written(log)
    time.sleep(5 * OFTEN_S)
    assert written(log) == ended


def test_what_takes_no_time_leaves_no_trace(log: Console) -> None:
    with waiting.under_way(log, "looking", every_s=PATIENCE_S):
        pass

    assert written(log) == ""


def test_steps_are_named_once_each_and_the_last_goes_on(log: Console) -> None:
    steps = waiting.Steps(log, every_s=OFTEN_S)

    steps.now("starting web")
    wait_for(log, "still starting web")
    steps.now("starting Dagster")
    wait_for(log, "still starting Dagster")
    steps.done()

    assert written(log).count("  starting web ...\n") == 1
    assert written(log).count("  starting Dagster ...\n") == 1
    assert written(log).rindex("starting web") < written(log).index("starting Dagster")


def test_steps_end_with_their_block_even_when_it_fails(log: Console) -> None:
    def fail() -> None:
        with waiting.steps(log) as steps:
            steps.now("dividing")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert written(log) == "  dividing ...\n"
    assert "waiting" not in {thread.name for thread in threading.enumerate()}


def test_bars_say_in_a_log_how_far_they_are(log: Console) -> None:
    with waiting.bars(log, TextColumn("{task.description}"), every_s=OFTEN_S) as progress:
        task = progress.add_task("Importing", total=2_000)
        wait_for(log, "... Importing, 0 of 2,000, ")
        progress.update(task, completed=1_500)
        wait_for(log, "... Importing, 1,500 of 2,000, ")
        progress.update(task, completed=2_000, description="Waiting for others")
        wait_for(log, "... Waiting for others, 2,000 of 2,000, ")


def test_on_a_terminal_something_moves_and_goes_again() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, _environ={"TERM": "xterm"})

    with waiting.under_way(console, "opening the database", every_s=OFTEN_S):
        wait_for(console, "opening the database")

    assert "still" not in written(console)
    assert written(console).endswith("\x1b[2K")


def test_short_waits_one_after_the_other_are_one_silence(log: Console) -> None:
    """Each of them alone would end before anything is said."""
    deadline = time.monotonic() + PATIENCE_S
    while "still waiting" not in written(log):
        assert time.monotonic() < deadline
        with waiting.under_way(log, "waiting", every_s=0.1):
            time.sleep(0.08)
