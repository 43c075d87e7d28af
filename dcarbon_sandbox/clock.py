"""The sandbox's clock: real time unless somebody sets, freezes or moves it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """What time it is for every part of the sandbox; safe to use from several threads."""

    def __init__(self, at: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._frozen: datetime | None = None
        self._ahead = timedelta()
        self.set(at)

    def now(self) -> datetime:
        """Return the sandbox's time (aware, UTC)."""
        with self._lock:
            return self._frozen or datetime.now(UTC) + self._ahead

    def set(self, at: datetime | None) -> None:
        """Freeze the clock at ``at``, or return to real time with ``None``.

        Raises ``ValueError`` for a naive datetime.
        """
        if at is not None and at.tzinfo is None:
            raise ValueError("the sandbox clock needs an aware datetime")
        with self._lock:
            self._frozen = at.astimezone(UTC) if at else None
            self._ahead = timedelta()

    def advance(self, delta: timedelta) -> None:
        """Move the clock by ``delta``: a frozen clock stays frozen, a running one runs on."""
        with self._lock:
            if self._frozen is None:
                self._ahead += delta
            else:
                self._frozen += delta

    @property
    def is_frozen(self) -> bool:
        with self._lock:
            return self._frozen is not None
