"""When programs asked a utility: what a rate limit can be held against."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence

from flask import Flask, request

MOST = 200_000
"""Of each utility; the oldest are forgotten first."""


class Arrivals:
    """Seconds since 1970 of each request to a utility's API, in real time whatever the clock says.

    ``provider_of`` names the utility a path belongs to, ``None`` for pages and what is nobody's.
    """

    def __init__(self, provider_of: Callable[[str], str | None]) -> None:
        self._provider_of = provider_of
        self._lock = threading.Lock()
        self._at: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=MOST))

    def install(self, app: Flask) -> None:
        """Note every request of ``app``, before anything else is done with it."""
        app.before_request(self._note)

    def seen(self) -> Mapping[str, Sequence[float]]:
        """Return the times by utility, in the order in which requests were taken up."""
        with self._lock:
            return {provider: list(at) for provider, at in self._at.items()}

    def forget(self) -> None:
        with self._lock:
            self._at.clear()

    def _note(self) -> None:
        now = time.time()
        provider = self._provider_of(request.path)
        if provider is not None:
            with self._lock:
                self._at[provider].append(now)
