"""A small installation of real processes beside the sandbox, on a database server of its own."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.chaos import rounds
from benchmarks.chaos.rounds import Chaos

BEGIN = datetime(2026, 11, 1, 0, tzinfo=UTC)
"""An afternoon in California, hours before the day of 25 hours begins."""

Install = Callable[[], AbstractContextManager[Chaos]]


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path outside pytest's own folder, which closes to the server's system user."""
    with tempfile.TemporaryDirectory(prefix="dcarbon-chaos-") as directory:
        yield Path(directory)


@pytest.fixture
def install(place: Path) -> Install:
    @contextmanager
    def installed() -> Iterator[Chaos]:
        home = place / "installation"
        with rounds.chaos(
            home, seed=20261101, at=BEGIN, with_dagster=False, history_days=20
        ) as chaos:
            yield chaos

    return installed


def kill_server(place: Path) -> None:
    """Kill the embedded server's first process; the others end when they notice."""
    os.kill(postmaster(place), signal.SIGKILL)


def postmaster(place: Path) -> int:
    return int((place / "postgresql" / "postmaster.pid").read_text().partition("\n")[0])
