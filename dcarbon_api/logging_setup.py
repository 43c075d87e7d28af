"""Logs as one JSON object a line: what happened to which request, never what was in it."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

import orjson
import structlog
from flask import Response, g, request

from dcarbon_api.security import request_ids

log = structlog.get_logger(__name__)


def configure(level: str) -> None:
    """Set the process up to log to standard error, foreign libraries too. Called by the start."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_line),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)


def begin() -> None:
    """Note when a request began, and put its number on every line logged meanwhile."""
    g.began = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_ids.current())


def finish(response: Response) -> Response:
    """Log what became of a request: its route (never its address), status, code, duration."""
    rule = request.url_rule.rule if request.url_rule else None
    took = time.perf_counter() - g.began if "began" in g else 0.0
    log.info(
        "request",
        method=request.method,
        route=rule,
        status=response.status_code,
        code=g.get("problem_code"),
        duration_ms=round(took * 1000, 2),
    )
    return response


def _line(event: Any, default: Any = None, **named: Any) -> str:
    del named
    return orjson.dumps(event, default=default or str).decode()
