"""A line in the log for each request, what became of it, never what was in it; and its time for
the metrics.
"""

from __future__ import annotations

import time

import structlog
from flask import Response, g, request

from dcarbon_api.metrics import request_times

log = structlog.get_logger(__name__)


def begin() -> None:
    """Note when a request began."""
    g.began = time.perf_counter()


def finish(response: Response) -> Response:
    """Log what became of a request: its route (never its address), status, code, duration.

    What is sent while it is made is timed up to its first part.
    """
    rule = request.url_rule.rule if request.url_rule else None
    took = time.perf_counter() - g.began if "began" in g else 0.0
    code = g.get("problem_code")
    request_times.of_this_app().observe(rule, request.method, response.status_code, took, code)
    log.info(
        "request",
        method=request.method,
        route=rule,
        status=response.status_code,
        code=code,
        duration_ms=round(took * 1000, 2),
    )
    return response
