"""What these tests need of the machine: programs of the distribution, and a short path."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import configuration
from deploy.configuration import ProgramMissing
from deploy.engine import PROGRAMS


@pytest.fixture
def home() -> Iterator[Path]:
    """A place for an installation; skipped without broker and proxy, which continuous integration
    has to have.
    """
    try:
        for name in PROGRAMS.values():
            configuration.program(name)
    except ProgramMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"SEVERAL WORKERS ARE NOT TRIED: {error}")
    with tempfile.TemporaryDirectory(prefix="dcarbon-engine-") as place:
        yield Path(place) / "installation"
