"""What a transport asks before a request and tells after it: is this provider to be left alone?"""

from __future__ import annotations

from typing import Protocol

from dcarbon.domain.errors import ProviderUnavailable


class Breaker(Protocol):
    """Guards one provider for all threads and processes; safe to use from all threads.

    The first two methods raise :class:`ProviderPaused` while the provider is left alone.
    """

    def require_open(self) -> None:
        """Refuse at once what would be refused later: called before waiting for a turn."""
        ...

    def enter(self) -> bool:
        """Let a request through; ``True`` when it is the one that finds out how the provider is."""
        ...

    def answered(self) -> None:
        """The provider answered, whatever it said."""
        ...

    def failed(self, error: ProviderUnavailable, *, is_probe: bool) -> None:
        """The provider did not answer, or said that it is down. ``is_probe`` is what ``enter``
        returned for this request.
        """
        ...
