"""Processes that outlive who started them are found again, and never mixed up with others."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.processes import NotStarted, Process, Processes, session_of

TALKS_AND_WAITS = "print('up', flush=True); import time; time.sleep(600)"
WILL_NOT_END = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {TALKS_AND_WAITS}"
HAS_A_CHILD = (
    "import subprocess, sys, time; "
    f"subprocess.Popen([sys.executable, '-c', {WILL_NOT_END!r}]); time.sleep(600)"
)
LIMIT_S = 60.0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path)
    yield made
    made.signal("one", signal.SIGKILL)
    made.bury("one", patience_s=LIMIT_S)


def started(processes: Processes, program: str) -> Process:
    command = [sys.executable, "-c", program]
    process = processes.start(
        "one", command, environment=dict(os.environ), directory=processes.home
    )
    processes.wait("one", lambda: processes.has_said("one", words="up"), limit_s=LIMIT_S)
    return process


def test_a_process_is_found_again_by_whoever_comes_later(processes: Processes) -> None:
    process = started(processes, TALKS_AND_WAITS)

    later = Processes(processes.home)

    assert later.find("one") == process
    assert later.is_alive("one")
    assert process.memory_bytes() > 0


def test_what_it_said_before_its_last_start_does_not_count(processes: Processes) -> None:
    started(processes, TALKS_AND_WAITS)
    processes.signal("one", signal.SIGTERM)
    assert processes.bury("one", patience_s=LIMIT_S)

    processes.start(
        "one",
        [sys.executable, "-c", "import time; time.sleep(600)"],
        environment=dict(os.environ),
        directory=processes.home,
    )

    assert not processes.has_said("one", words="up")
    assert processes.end_of_log("one") == "up"


def test_one_that_will_not_end_is_ended(processes: Processes) -> None:
    process = started(processes, WILL_NOT_END)
    processes.signal("one", signal.SIGTERM)

    by_itself = processes.bury("one", patience_s=0.2)

    assert not by_itself
    assert not process.is_alive
    assert processes.find("one") is None


def test_what_it_leaves_behind_is_ended_with_it(processes: Processes) -> None:
    process = started(processes, HAS_A_CHILD)
    processes.signal("one", signal.SIGTERM)

    processes.bury("one", patience_s=LIMIT_S)

    assert not session_of(process.pid)


def test_another_process_with_its_number_is_left_alone(processes: Processes) -> None:
    process = started(processes, TALKS_AND_WAITS)
    somebody_before = Process("one", process.pid, process.ticks - 1)

    somebody_before.signal(signal.SIGKILL)

    assert not somebody_before.is_alive
    assert process.is_alive


def test_one_that_ends_at_once_is_named_with_its_last_words(processes: Processes) -> None:
    with pytest.raises(NotStarted, match=r"one ended by itself\.\nno such thing"):
        started(processes, "raise SystemExit('no such thing')")
