"""Things to do a moment later, in real time: notifications, prepared answers."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_log = logging.getLogger(__name__)


class Scheduler:
    """Runs callables after a delay on a few worker threads; delays are real seconds."""

    def __init__(self, workers: int = 4) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._condition = threading.Condition()
        self._closing = False
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="later")
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run ``action`` after ``seconds``; an exception in it is logged and goes no further."""
        with self._condition:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), action))
            self._condition.notify()

    def close(self) -> None:
        """Forget what is still waiting and stop."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()
        self._workers.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while True:
            with self._condition:
                if self._closing:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._condition.wait(wait)
                    continue
                _when, _order, action = heapq.heappop(self._due)
            self._workers.submit(_guarded, action)


def _guarded(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:  # noqa: BLE001 — one failed action must not end the thread's others
        _log.exception("a delayed action failed")
