"""Time ranges as providers want them: half-open, UTC, whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime

from dcarbon.domain.errors import InvalidInput

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


def checked(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Return the range in UTC.

    Raises :class:`InvalidInput` for times without zone, a range that is empty or reversed, and
    times before 1970 or beyond what can be said in UTC.
    """
    if start.utcoffset() is None or end.utcoffset() is None:
        raise InvalidInput("the times of a range need a zone")
    try:
        first, last = start.astimezone(UTC), end.astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput("a time is out of range") from error
    if not _EARLIEST <= first < last:
        raise InvalidInput("a range has a start, from 1970 on, before its end")
    return first, last


def zulu(moment: datetime) -> str:
    """Format an instant for a query. Some custodians refuse more than second precision."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
