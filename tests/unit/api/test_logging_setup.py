"""Logs are one JSON object a line, foreign libraries' too."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import logging, structlog
from dcarbon_api import logging_setup
logging_setup.configure("INFO")
structlog.contextvars.bind_contextvars(request_id="r-1")
structlog.get_logger("ours").info("said", count=2)
logging.getLogger("foreign").warning("told %s", "so")
logging.getLogger("foreign").debug("too quiet")
"""


def test_every_line_is_an_object_with_time_level_and_request() -> None:
    """In a process of its own: setting up logging is for a whole process."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    ours, foreign = (json.loads(line) for line in done.stderr.splitlines())
    assert (ours["event"], ours["count"], ours["request_id"]) == ("said", 2, "r-1")
    assert (foreign["event"], foreign["level"]) == ("told so", "warning")
    assert {"timestamp", "level", "logger"} <= ours.keys() & foreign.keys()
