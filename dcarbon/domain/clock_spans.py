"""A zone's clock as spans of one offset each, so that whoever has the spans needs no zone data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_STEP = timedelta(hours=12)
"""No zone changes its clock and back within half a day."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ClockSpan:
    """From ``start`` (UTC) on, local time is UTC + ``offset``; ``name`` is what it is called."""

    start: datetime
    offset: timedelta
    name: str


def clock_spans(start: datetime, end: datetime, zone: ZoneInfo) -> list[ClockSpan]:
    """Return the spans of ``[start, end)``, oldest first; the first one begins at ``start``."""
    spans = [_span(start, zone)]
    at = start.astimezone(UTC)
    while at < end:
        following = min(at + _STEP, end)
        if not _is_same(_span(following, zone), spans[-1]):
            changed = _change(at, following, zone)
            if changed < end:
                spans.append(_span(changed, zone))
        at = following
    return spans


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second in ``(before, after]`` that has the clock of ``after``.

    Clocks change on whole seconds: only those are looked at, so that the halving ends.
    """
    old = _span(before, zone)
    before = before.replace(microsecond=0)
    after = after.replace(microsecond=0)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _is_same(_span(middle, zone), old):
            before = middle
        else:
            after = middle
    return after


def _span(instant: datetime, zone: ZoneInfo) -> ClockSpan:
    local = instant.astimezone(zone)
    offset = local.utcoffset()
    assert offset is not None
    return ClockSpan(instant.astimezone(UTC), offset, local.tzname() or "")


def _is_same(one: ClockSpan, other: ClockSpan) -> bool:
    return (one.offset, one.name) == (other.offset, other.name)
