"""One demo for all documents of a test process."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.docs import demo
from tests.docs.demo import Demo

STORIES = "tests/docs/test_stories.py"


class OneDemo(LoadScopeScheduling):
    """Gives all stories to one test process, and any other test to whichever is free.

    ``--dist loadgroup`` would be for that; its groups get lost with pytest 9.2 and xdist 3.8, where
    a test's id is no longer the text that xdist adds the group to.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file == STORIES else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneDemo | None:
    return OneDemo(config, log) if config.getvalue("dist") == "load" else None


@pytest.fixture(scope="module")
def shared_demo() -> Iterator[Demo]:
    """``make demo``, up until the last document is told.

    Not under pytest's folder: its socket's address has to be short, and the embedded server may
    run as another user.
    """
    with tempfile.TemporaryDirectory(prefix="dcarbon-docs-") as place:
        Path(place).chmod(0o755)
        with demo.running(Path(place)) as running:
            yield running
