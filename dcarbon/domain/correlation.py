"""The one id of everything that follows from one click or one run: web request, work order, run and
provider request carry it, in the log and towards the provider.

It names something and proves nothing: it is safe to show, and never decides what somebody may do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

HEADER = "X-Request-Id"
TRACE_HEADER = "traceparent"
ID = "correlation_id"

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_named: ContextVar[Mapping[str, str] | None] = ContextVar("dcarbon_correlation", default=None)


def current() -> str | None:
    """Return the id of what is being done here, ``None`` where nothing has one."""
    return named().get(ID)


def named() -> Mapping[str, str]:
    """Return the id and what else is known of what is being done here, for the log."""
    return _named.get() or {}


def begin(correlation_id: str | None) -> None:
    """Set the id for what this thread does from now on, as at the start of a request; ``None``
    forgets it.
    """
    _named.set({ID: correlation_id} if correlation_id else None)


@contextmanager
def following(correlation_id: str | None, **about: object) -> Iterator[None]:
    """Have everything inside carry this id and what it is ``about``.

    ``None`` leaves the id there is. A thread of a pool knows nothing of it unless it is given a
    copy of the context.
    """
    before = _named.get()
    inside = {**(before or {}), **{name: str(what) for name, what in about.items() if what}}
    _named.set(inside | {ID: correlation_id} if correlation_id else inside)
    try:
        yield
    finally:
        # Not by a token: Dagster may end a generator in another context than it began in.
        _named.set(before)


def given(header: str | None, trace: str | None) -> str | None:
    """Return the id a proxy in front gave, ``None`` when neither looks like one.

    ``header`` is the value of :data:`HEADER` and goes first; ``trace`` is a W3C ``traceparent``,
    of which the trace id is taken.
    """
    if header and _ACCEPTABLE.fullmatch(header):
        return header
    found = _TRACEPARENT.fullmatch(trace or "")
    if found is None or found[1] == _NO_TRACE or found[2] == _NO_SPAN:
        return None
    # Version 00 has nothing behind its flags.
    return None if found[0].startswith("00") and found[3] else found[1]
