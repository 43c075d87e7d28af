"""Query parameters of the resource surface: which part of the data is asked for (reference 4.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dcarbon_sandbox.green_button.profiles import Switches

BAD_PARAMETER = "Request contains invalid query parameter values!"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_EARLIEST = datetime.fromtimestamp(0, UTC)
_LATEST = 32_503_680_000  # the year 3000, in epoch seconds


class BadParameter(ValueError):
    """A query parameter that means nothing; the answer is 400."""


@dataclass(frozen=True)
class Window:
    """What a request asks for; ``None`` where it does not say. All times are aware, UTC."""

    published_min: datetime | None
    published_max: datetime | None
    updated_min: datetime | None
    updated_max: datetime | None
    start_index: int
    max_results: int | None


def parse_window(args: Mapping[str, str], *, now: datetime, switches: Switches) -> Window:
    """Read the parameters of a request; raises :class:`BadParameter`."""
    window = Window(
        published_min=_instant(args.get("published-min")),
        published_max=_instant(args.get("published-max")),
        updated_min=_instant(args.get("updated-min")),
        updated_max=_instant(args.get("updated-max")),
        start_index=_count(args.get("start-index"), switches) or 1,
        max_results=_count(args.get("max-results"), switches),
    )
    latest = window.published_max
    if switches.future_published_max == "reject" and latest and latest > now:
        raise BadParameter(BAD_PARAMETER)
    return window


def _instant(text: str | None) -> datetime | None:
    """Read an RFC 3339 instant, or epoch seconds as PG&E's clients send."""
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and int(text) < _LATEST:
        return datetime.fromtimestamp(int(text), UTC)
    if not _RFC3339.fullmatch(text):
        raise BadParameter(BAD_PARAMETER)
    try:
        # Nobody's meter is older than the epoch; arithmetic with the year 1 overflows.
        return max(datetime.fromisoformat(text).astimezone(UTC), _EARLIEST)
    except (ValueError, OverflowError) as error:
        raise BadParameter(BAD_PARAMETER) from error


def _count(text: str | None, switches: Switches) -> int | None:
    if text is None or not switches.paging:
        return None
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 10**9:
        raise BadParameter(BAD_PARAMETER)
    return int(text)
