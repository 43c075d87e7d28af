"""Secrets of ours that an administrator has set by command, as one process remembers them."""

from __future__ import annotations

import time
from collections.abc import Callable

from dcarbon.domain.secrets import Secret

ReadSecret = Callable[[str, str], Secret | None]
"""Finds the secret of a provider (its key) by name, as ``api_token``."""

GOOD_FOR_S = 30.0
"""How long a process may go on with what it read."""


class KeptSecrets:
    """What was read within the last moments; safe to use from all threads."""

    def __init__(
        self, read: ReadSecret, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._kept: dict[tuple[str, str], tuple[float, Secret | None]] = {}

    def get(self, provider: str, name: str) -> Secret | None:
        """Return a secret as it was at most half a minute ago."""
        now = self._monotonic()
        kept = self._kept.get((provider, name))
        if kept is None or now - kept[0] > GOOD_FOR_S:
            kept = (now, self._read(provider, name))
            self._kept[provider, name] = kept
        return kept[1]

    def forget(self, provider: str) -> None:
        """Read a provider's secrets anew when they are asked for next."""
        for each in [key for key in self._kept if key[0] == provider]:
            self._kept.pop(each, None)
