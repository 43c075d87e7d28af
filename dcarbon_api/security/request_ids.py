"""A number for each request, told to the asker and written in the log: support starts from it.

It is the id of everything that follows from the request (``domain.correlation``).
"""

from __future__ import annotations

from flask import Response, g, request

from dcarbon.db.base import new_id
from dcarbon.domain import correlation


def assign() -> None:
    """Take over the number a proxy in front gave, if it looks like one; else make one."""
    headers = request.headers
    given = correlation.given(
        headers.get(correlation.HEADER), headers.get(correlation.TRACE_HEADER)
    )
    g.request_id = given or str(new_id())
    correlation.begin(g.request_id)


def forget(_error: BaseException | None) -> None:
    """Let the thread go from this request to the next with nothing of it."""
    correlation.begin(None)


def current() -> str:
    """Return the number of this request."""
    return str(g.get("request_id", ""))


def add(response: Response) -> Response:
    response.headers[correlation.HEADER] = current()
    return response
