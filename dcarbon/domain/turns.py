"""When the next of many requests may start, so that no window of time holds too many of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FARTHEST_S = 3600.0
"""No turn is ever given farther ahead than this. One that lies there was given before the clock
was set back, and counts for nothing."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most ``count`` requests within any ``seconds``."""

    count: int
    seconds: float


def next_turn(now: float, before: Iterable[tuple[Window, float | None]]) -> float:
    """Return when the next request may start, ``now`` at the soonest; all in seconds.

    Beside each window stands when the request ``count`` turns earlier starts, ``None`` where there
    were not so many. Windows slide: that is never laxer than windows that start anew at a fixed
    hour, as PG&E's day does at 17:00 Pacific.
    """
    known = [
        at + window.seconds for window, at in before if at is not None and at - now <= FARTHEST_S
    ]
    return max([now, *known])
