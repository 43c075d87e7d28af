"""Ranges of time people and programs ask for: aware, half-open, and within reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dcarbon.domain.errors import InvalidInput

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing measured by an interval meter is older."""
LATEST_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """``[start, end)`` in UTC."""

    start: datetime
    end: datetime


def parse_instant(text: str, *, zone: ZoneInfo, name: str) -> datetime:
    """Read an ISO 8601 instant with an offset, or a date (local midnight at the meter).

    Raises :class:`InvalidInput` naming the parameter: ``time_unreadable``, ``time_naive``,
    ``range_absurd`` for an instant no calendar holds in UTC.
    """
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        # In a query string a plus sign arrives as a space when it was not encoded.
        value = datetime.fromisoformat(text.replace(" ", "+"))
    except OverflowError as error:
        raise _absurd() from error
    except ValueError as error:
        raise InvalidInput(
            f"{name} is not a time",
            code="time_unreadable",
            display_message=f"{name} must be a date like 2026-01-31 or a time like "
            "2026-01-31T00:00:00Z.",
        ) from error
    if value.tzinfo is None:
        raise InvalidInput(
            f"{name} has no offset",
            code="time_naive",
            display_message=f"{name} needs a UTC offset, like 2026-01-31T00:00:00Z or -08:00.",
        )
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise _absurd() from error


def parse_day(text: str, *, name: str) -> date:
    """Read a calendar day. Raises :class:`InvalidInput` ``time_unreadable``."""
    try:
        return date.fromisoformat(text if len(text) == len("2026-01-31") else "")
    except ValueError as error:
        raise InvalidInput(
            f"{name} is not a day",
            code="time_unreadable",
            display_message=f"{name} must be a date like 2026-01-31.",
        ) from error


def require_range(
    start: datetime, end: datetime, *, now: datetime, longest: timedelta
) -> TimeRange:
    """Return the range if it makes sense.

    Raises :class:`InvalidInput`: ``range_reversed``, ``range_absurd``, ``range_too_long``.
    """
    if start >= end:
        raise InvalidInput(
            "start is not before end",
            code="range_reversed",
        )
    if start < EARLIEST or end > now + LATEST_AHEAD:
        raise _absurd()
    if end - start > longest:
        raise InvalidInput(
            "range too long",
            code="range_too_long",
            display_message=f"Please ask for at most {longest.days} days at a time.",
        )
    return TimeRange(start, end)


def _absurd() -> InvalidInput:
    return InvalidInput(
        "range outside reason",
        code="range_absurd",
    )
