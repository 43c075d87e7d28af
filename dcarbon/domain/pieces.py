"""Cutting a long window into pieces that are asked for, stored and recorded one by one."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dcarbon.domain.calendar import day_bounds

Window = tuple[datetime, datetime]
"""``[start, end)``."""


def cut(
    start: datetime, end: datetime, *, longest: timedelta, zone: ZoneInfo
) -> tuple[Window, ...]:
    """Cut ``[start, end)`` into pieces of at most ``longest``, the newest first.

    Cuts fall on local midnights where they can: providers answer with whole days, and a day cut in
    two would be sent twice. An empty window has no pieces.
    """
    found: list[Window] = []
    while start < end:
        begin = max(start, end - longest)
        if begin > start:
            midnight = _midnight_from(begin, zone)
            begin = midnight if midnight < end else begin  # a day may be longer than a piece
        found.append((begin, end))
        end = begin
    return tuple(found)


def _midnight_from(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the first local midnight at ``moment`` or after it."""
    midnight, following = day_bounds(moment.astimezone(zone).date(), zone)
    return midnight if midnight == moment else following
