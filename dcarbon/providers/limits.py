"""How fast a provider may be asked: one limiter per provider, shared by all its threads.

Limits count within this process. Several processes for one provider need a pool of their own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from pyrate_limiter import Duration, InMemoryBucket, Rate, RateItem

from dcarbon.domain.errors import ProviderThrottled

PATIENCE = timedelta(seconds=60)
"""How long a request waits for its turn before it is handed back to be tried later."""

# A request sent exactly a second after the last one may arrive a few milliseconds sooner than that.
_JITTER_MS = 50


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Most requests in any window of that length; ``None``: no limit known."""

    per_second: int | None = None
    per_hour: int | None = None
    per_day: int | None = None


class RateLimiter:
    """Makes requests wait for their turn; thread-safe.

    ``clock`` returns monotonic seconds. Windows slide, which is never laxer than windows that
    start anew at a fixed hour, as PG&E's day does at 17:00 Pacific.
    """

    def __init__(
        self,
        limits: RateLimits,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        # The bucket alone, without the library's Limiter: that one sleeps by itself, which tests
        # cannot step through, and starts a thread that outlives its owner.
        rates = _rates(limits)
        self._bucket = InMemoryBucket(rates) if rates else None
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()

    def acquire(self, *, patience: timedelta = PATIENCE) -> None:
        """Wait until one more request is allowed.

        Raises :class:`ProviderThrottled` with ``retry_after`` when that is farther off than
        ``patience``, as it is when the day's number is used up.
        """
        deadline = self._clock() + patience.total_seconds()
        while wait := self._take():
            if self._clock() + wait > deadline:
                raise ProviderThrottled(
                    "the provider's request limit is used up",
                    retry_after=timedelta(seconds=wait),
                    may_have_arrived=False,
                )
            self._sleep(wait)

    def _take(self) -> float:
        """Take a turn and return 0, or the seconds until there may be one."""
        if self._bucket is None:
            return 0.0
        with self._lock:
            item = RateItem("request", int(self._clock() * 1000))
            self._bucket.leak(item.timestamp)
            if self._bucket.put(item):
                return 0.0
            wait = self._bucket.waiting(item)
            assert isinstance(wait, int)  # only the buckets of other servers answer later
            return max(1, wait) / 1000


def _rates(limits: RateLimits) -> list[Rate]:
    windows = (
        (limits.per_second, Duration.SECOND.value + _JITTER_MS),
        (limits.per_hour, Duration.HOUR.value),
        (limits.per_day, Duration.DAY.value),
    )
    return [Rate(limit, milliseconds) for limit, milliseconds in windows if limit]
