"""Telling the third party that something is ready or has changed (green-button reference 4.5)."""

from __future__ import annotations

import logging
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from dcarbon_sandbox.green_button.dialects import Dialect
from dcarbon_sandbox.green_button.records_feed import batch_list
from dcarbon_sandbox.scheduler import Scheduler

_log = logging.getLogger(__name__)
_ATTEMPTS_AFTER_S = (2.0, 10.0, 60.0)
_KEPT = 200


@dataclass
class Delivery:
    """One notification and how it went, for the admin page."""

    to: str
    uris: Sequence[str]
    attempts: int = 0
    outcome: str = "waiting"
    is_over: bool = False
    """Whether it was accepted or given up: until then it may still come."""


class Notifier:
    """Posts BatchLists to the registered notification address, again after a failure."""

    def __init__(self, scheduler: Scheduler, *, tls: ssl.SSLContext | None = None) -> None:
        self._scheduler = scheduler
        self._tls = tls
        self._lock = threading.Lock()
        self._uris: dict[str, str] = {}
        self._deliveries: deque[Delivery] = deque(maxlen=_KEPT)

    def register(self, utility: str, uri: str) -> None:
        """Set where notifications of a utility go; ``*`` stands for every utility."""
        with self._lock:
            self._uris[utility] = uri

    def uri_of(self, utility: str) -> str | None:
        with self._lock:
            return self._uris.get(utility) or self._uris.get("*")

    def send(
        self, utility: str, dialect: Dialect, uris: Sequence[str], *, after_s: float = 0.0
    ) -> Delivery | None:
        """Queue a notification; ``None`` when the third party registered no address."""
        to = self.uri_of(utility)
        if to is None:
            return None
        delivery = Delivery(to, tuple(uris))
        with self._lock:
            self._deliveries.append(delivery)
        body = batch_list(dialect, uris).encode()
        self._scheduler.after(after_s, self._attempt(delivery, body))
        return delivery

    def send_now(self, utility: str, dialect: Dialect, uris: Sequence[str]) -> None:
        """Deliver before returning: for a notification that overtakes the answer it is about."""
        to = self.uri_of(utility)
        if to is None:
            return
        delivery = Delivery(to, tuple(uris))
        with self._lock:
            self._deliveries.append(delivery)
        self._attempt(delivery, batch_list(dialect, uris).encode())()

    def deliveries(self) -> list[dict[str, Any]]:
        """Return the latest notifications and their outcomes, newest first."""
        with self._lock:
            return [
                vars(delivery) | {"uris": list(delivery.uris)} for delivery in self._deliveries
            ][::-1]

    def _attempt(self, delivery: Delivery, body: bytes) -> Callable[[], None]:
        def attempt() -> None:
            delivery.attempts += 1
            try:
                delivery.outcome = self._post(delivery.to, body)
            except httpx2.HTTPError as error:
                delivery.outcome = f"failed: {type(error).__name__}"
            accepted = delivery.outcome.startswith("2")
            if accepted or delivery.attempts > len(_ATTEMPTS_AFTER_S):
                delivery.is_over = True
            if accepted:
                return
            _log.warning("notification not accepted: %s", delivery.outcome)
            if not delivery.is_over:
                self._scheduler.after(_ATTEMPTS_AFTER_S[delivery.attempts - 1], attempt)

        return attempt

    def _post(self, to: str, body: bytes) -> str:
        verify = self._tls if self._tls is not None else True
        with httpx2.Client(verify=verify, timeout=10, follow_redirects=False, trust_env=False) as c:
            response = c.post(to, content=body, headers={"Content-Type": "application/xml"})
        return str(response.status_code)
