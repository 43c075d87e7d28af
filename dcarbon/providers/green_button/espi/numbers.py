"""Integers and times as ESPI writes them: strict where a guess would be a wrong number."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")

MILLISECONDS_FROM = 10**11
"""Times and durations above this are milliseconds (green-button reference 4.7, 5.6)."""

LAST_USABLE_START = 4_102_444_800
"""2100-01-01: a start beyond it is not a time a meter can have measured."""


def integer(text: str | None) -> int | None:
    """Return the xs:integer in ``text``; ``None`` where it is absent, empty or anything else."""
    if text is None:
        return None
    stripped = text.strip(" \t\r\n")
    return int(stripped) if _INTEGER.fullmatch(stripped) else None


def seconds(value: int | None) -> int | None:
    """Return whole seconds of an epoch or duration that may be in milliseconds.

    ``None`` where a millisecond value does not fall on a second: nothing is rounded.
    """
    if value is None or abs(value) <= MILLISECONDS_FROM:
        return value
    whole, rest = divmod(value, 1000)
    return None if rest else whole


def rough_seconds(value: int | None) -> int | None:
    """As :func:`seconds`, for bookkeeping times where the fraction of a second says nothing."""
    if value is None or abs(value) <= MILLISECONDS_FROM:
        return value
    return value // 1000


def usable_start(start: int | None) -> bool:
    """Say whether an epoch in seconds is a time a meter can have measured."""
    return start is not None and 0 <= start < LAST_USABLE_START


def moment(value: int | None) -> datetime | None:
    """Return an epoch (seconds or milliseconds) as an aware UTC datetime, if it is one."""
    epoch = rough_seconds(value)
    try:
        return None if epoch is None else datetime.fromtimestamp(epoch, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def atom_moment(text: str | None) -> int:
    """Return an Atom timestamp as epoch seconds; 0 where it says nothing readable.

    Files write them with ``Z``, with an offset, without zone and as a bare date (reference 5.6);
    one without zone is taken as UTC, which is good enough to say which statement is later.
    """
    try:
        parsed = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return 0
    aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    try:
        return int(aware.timestamp())
    except (OverflowError, ValueError):
        return 0
