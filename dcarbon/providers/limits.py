"""How fast a provider may be asked: requests wait for their turn, in all threads and processes.

Where turns are kept is a :class:`Turns`: in the database for all processes of an installation, in
memory (:class:`LocalTurns`) for one process alone and for a clock that is stepped.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Protocol

from dcarbon.domain.errors import ProviderThrottled
from dcarbon.domain.turns import Window, next_turn

# A request sent exactly a second after the last one may arrive a few milliseconds sooner than that.
_JITTER_S = 0.05
_HOUR_S, _DAY_S = 3600.0, 86400.0
_NAP_S = (0.05, 0.25)
"""Added to a wait for the line to get shorter, so that processes do not look all at once."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Most requests in any window of that length; ``None``: no limit known."""

    per_second: int | None = None
    per_hour: int | None = None
    per_day: int | None = None

    def windows(self) -> tuple[Window, ...]:
        given = (
            (self.per_second, 1 + _JITTER_S),
            (self.per_hour, _HOUR_S),
            (self.per_day, _DAY_S),
        )
        return tuple(Window(count, seconds) for count, seconds in given if count)


class Urgency(Enum):
    """Who waits for the answer: how long a request waits for its turn before it is handed back to
    be tried later, and how far ahead it reserves one, in seconds.

    What works in the background leaves the line short, so that a person at a browser is not put
    behind a whole night's requests.
    """

    PERSON_WAITS = (60.0, 60.0)
    BACKGROUND = (300.0, 5.0)

    def __init__(self, patience: float, ahead: float) -> None:
        self.patience = patience
        self.ahead = ahead


class Turns(Protocol):
    """Gives out the turns of one provider; safe to use from all threads."""

    def take(self, windows: Sequence[Window], *, ahead: float) -> float:
        """Reserve the next turn unless it is more than ``ahead`` seconds off; return how far off
        it is.
        """
        ...


class LocalTurns:
    """Turns kept in memory. ``clock`` returns seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._starts: deque[float] = deque()

    def take(self, windows: Sequence[Window], *, ahead: float) -> float:
        with self._lock:
            now, given = self._clock(), len(self._starts)
            before = [
                (window, self._starts[-window.count] if window.count <= given else None)
                for window in windows
            ]
            starts = next_turn(now, before)
            if starts - now <= ahead:
                self._starts.append(starts)
                if given >= max(window.count for window in windows):
                    self._starts.popleft()
            return starts - now


class RateLimiter:
    """Makes requests wait for their turn; thread-safe. Without limits it costs nothing.

    ``clock`` returns seconds that only grow; it measures patience, and is the clock of the turns
    where none are given.
    """

    def __init__(
        self,
        limits: RateLimits,
        *,
        turns: Turns | None = None,
        urgency: Urgency = Urgency.PERSON_WAITS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._windows = limits.windows()
        self._turns = turns or LocalTurns(clock)
        self._urgency = urgency
        self._clock = clock
        self._sleep = sleep
        self._looking = threading.Lock()

    def acquire(self, *, patience: timedelta | None = None) -> None:
        """Wait until one more request is allowed; nothing is held meanwhile.

        Raises :class:`ProviderThrottled` with ``retry_after`` when that is farther off than
        ``patience`` (by default that of the urgency), as it is when the day's number is used up:
        then no turn was taken.
        """
        if not self._windows:
            return
        longest = self._urgency.patience if patience is None else patience.total_seconds()
        with self._in_line(self._clock() + longest) as deadline:
            wait = self._reserve(deadline)
        if wait > 0:
            self._sleep(wait)

    @contextmanager
    def _in_line(self, deadline: float) -> Iterator[float]:
        """One thread of a process looks at the line at a time: the others would only look too."""
        if self._urgency is Urgency.PERSON_WAITS:
            yield deadline
            return
        if not self._looking.acquire(timeout=max(0.0, deadline - self._clock())):
            raise _throttled(self._urgency.ahead)
        try:
            yield deadline
        finally:
            self._looking.release()

    def _reserve(self, deadline: float) -> float:
        """Take a turn, and return the seconds until it comes."""
        while True:
            left = deadline - self._clock()
            ahead = max(0.0, min(self._urgency.ahead, left))
            wait = self._turns.take(self._windows, ahead=ahead)
            if wait <= ahead:
                return wait
            if wait > left:
                raise _throttled(wait)
            self._sleep(wait - ahead + random.uniform(*_NAP_S))  # noqa: S311 — spreads load


def _throttled(wait: float) -> ProviderThrottled:
    return ProviderThrottled(
        "the provider's request limit is used up",
        retry_after=timedelta(seconds=wait),
        may_have_arrived=False,
    )
