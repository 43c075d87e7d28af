"""A number for each request, told to the asker and written in the log: support starts from it."""

from __future__ import annotations

import re

from flask import Response, g, request

from dcarbon.db.base import new_id

HEADER = "X-Request-Id"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def assign() -> None:
    """Take over the number a proxy in front gave, if it looks like one; else make one."""
    given = request.headers.get(HEADER, "")
    g.request_id = given if _ACCEPTABLE.fullmatch(given) else str(new_id())


def current() -> str:
    """Return the number of this request."""
    return str(g.get("request_id", ""))


def add(response: Response) -> Response:
    response.headers[HEADER] = current()
    return response
