"""A line in the log for each request to a provider: to whom, how long, what came of it.

Never the address: paths hold the ids of customers' authorizations, and queries may hold codes.
The standard library's logging, because a command that set nothing up then says nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dcarbon.domain.errors import DCarbonError

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Told:
    """What came of a request, filled in by whoever sends it."""

    status: int | None = None
    size: int | None = None


@contextmanager
def line(method: str, host: str) -> Iterator[Told]:
    """Log the request made inside, also when it fails."""
    told, began, code = Told(), time.perf_counter(), None
    try:
        yield told
    except DCarbonError as error:
        code = error.code
        raise
    finally:
        if log.isEnabledFor(logging.INFO):
            took = round((time.perf_counter() - began) * 1000, 2)
            sent = {"method": method, "host": host, "duration_ms": took}
            came = {"status": told.status, "bytes": told.size, "code": code}
            log.info("provider_request", extra={"named": {**sent, **came}})
