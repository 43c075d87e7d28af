"""Logs are one JSON object a line in every process, foreign libraries' too, with the one id."""

from __future__ import annotations

import json
import subprocess
import sys

from dcarbon.domain import correlation

PROGRAM = """
import logging, structlog
from dcarbon import logs
from dcarbon.domain import correlation
from dcarbon.domain.errors import ProviderUnavailable
from dcarbon.providers import request_log
CONFIGURE
with correlation.following("click-1", order="o-1"):
    structlog.get_logger("dcarbon.ours").info("said", count=2)
    logging.getLogger("foreign").warning("told %s", "so")
    logging.getLogger("foreign").debug("too quiet")
    with request_log.line("GET", "utility.example") as told:
        told.status, told.size = 200, 12
    try:
        with request_log.line("POST", "utility.example"):
            raise ProviderUnavailable("down")
    except ProviderUnavailable:
        pass
structlog.get_logger("dcarbon.ours").info("afterwards")
"""


def said(configure: str) -> list[dict[str, object]]:
    """In a process of its own: setting up logging is for a whole process."""
    program = PROGRAM.replace("CONFIGURE", configure)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


def test_every_line_is_an_object_with_time_level_and_what_it_belongs_to() -> None:
    ours, foreign, answered, failed, after = said("logs.configure('INFO')")

    assert (ours["event"], ours["count"], ours["order"]) == ("said", 2, "o-1")
    assert (foreign["event"], foreign["level"]) == ("told so", "warning")
    lines = (ours, foreign, answered, failed)
    assert {line[correlation.ID] for line in lines} == {"click-1"}
    assert {"timestamp", "level", "logger"} <= set.intersection(*map(set, lines))
    assert correlation.ID not in after
    asked = {"event": "provider_request", "method": "GET", "host": "utility.example"}
    assert answered.items() >= (asked | {"status": 200, "bytes": 12, "code": None}).items()
    assert answered["duration_ms"] >= 0  # type: ignore[operator]
    assert (failed["status"], failed["code"]) == (None, "provider_unavailable")


def test_beside_another_programs_logs_only_ours_are_set_up() -> None:
    lines = said("logs.configure_ours('INFO')")

    assert [line["event"] for line in lines] == [
        *("said", "provider_request", "provider_request", "afterwards")
    ]
