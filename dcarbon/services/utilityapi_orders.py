"""What is ordered at UtilityAPI for a customer's meters: their history, and ongoing monitoring.

Both cost money. Each is ordered only where the meter's own state says that it is missing, at most
once in a look, and never for a meter the provider is still working on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from math import ceil

from dcarbon.domain.errors import OutcomeUnknown
from dcarbon.providers.utilityapi.client import (
    MAX_COLLECTION_MONTHS,
    CollectionOrder,
    Frequency,
    UtilityApiClient,
)
from dcarbon.providers.utilityapi.parse import MeterState

CUSTOMER_MENDS = frozenset({"access_invalid", "access_locked"})
"""Notes that say that only the customer can restore access (utilityapi reference 9, 10)."""

_LATE = timedelta(days=2)
"""Readings this old are a gap: utilities have them within one or two days (reference 21)."""
_HISTORY, _MONITORING = "history", "monitoring"

_Send = Callable[[list[str]], CollectionOrder]


@dataclass(slots=True)
class Orders:
    """The orders of one look at a customer's meters, which may look several times.

    ``since`` is how far back a first collection reaches, ``is_in_force`` whether the consent still
    is: nothing lasting is ordered without.
    """

    client: UtilityApiClient
    since: datetime
    now: datetime
    frequency: Frequency
    is_in_force: Callable[[], bool]
    dropped: set[str] = field(default_factory=set)
    """Meters the provider left out of an answer without a word: revoked or expired there."""
    _accepted: set[tuple[str, str]] = field(default_factory=set)
    _placed: set[tuple[str, str]] = field(default_factory=set)
    _doubts: dict[tuple[str, str], OutcomeUnknown] = field(default_factory=dict)

    def place(self, states: Sequence[MeterState]) -> bool:
        """Order what is missing. True when the meters have to be looked at before going on.

        Raises what the client raises; :class:`OutcomeUnknown` only when an order may have been
        carried out and the meters, looked at again, do not show it.
        """
        settled = [state for state in states if state.status != "pending"]
        never = [state.uid for state in settled if not state.is_activated]
        if self._order(_HISTORY, never, self._history(self.since)):
            return True
        unwatched = [state for state in settled if _wants_watching(state)]
        if not unwatched or not self.is_in_force():
            return False
        # Monitoring brings what comes from its beginning on: what came before is ordered first.
        behind = {state.uid: end for state in unwatched if (end := self._gap_since(state))}
        if behind and self._order(_HISTORY, list(behind), self._history(min(behind.values()))):
            return True
        caught_up = [state.uid for state in unwatched if state.uid not in behind]
        watch = partial(self.client.ongoing_monitoring, frequency=self.frequency)
        return self._order(_MONITORING, caught_up, watch) and bool(self._doubts)

    def _history(self, since: datetime) -> _Send:
        months = min(MAX_COLLECTION_MONTHS, max(1, ceil((self.now - since).days / 30)))
        return partial(self.client.historical_collection, months=months)

    def _gap_since(self, state: MeterState) -> datetime | None:
        """Return the end of a meter's readings when it lies too far back to be left at that.

        What the provider collected lately is as new as the utility has it; ordering more of it
        would only cost.
        """
        newest = max((end for _, end in state.interval_coverage), default=None)
        if newest is None or state.status_at is None or (_HISTORY, state.uid) in self._accepted:
            return None
        return newest if max(newest, state.status_at) < self.now - _LATE else None

    def _order(self, kind: str, uids: Sequence[str], send: _Send) -> bool:
        """Order what was not ordered yet. True when something was, or may have been."""
        for uid in uids:
            if doubt := self._doubts.get((kind, uid)):
                raise doubt
        fresh = [uid for uid in uids if (kind, uid) not in self._placed]
        if not fresh:
            return False
        self._placed.update((kind, uid) for uid in fresh)
        try:
            order = send(fresh)
        except OutcomeUnknown as error:
            # It may stand, and ordering again may cost twice: the meters themselves will say.
            self._doubts.update(((kind, uid), error) for uid in fresh)
            return True
        self._accepted.update((kind, uid) for uid in order.accepted)
        self.dropped.update(order.dropped)
        return True


def _wants_watching(state: MeterState) -> bool:
    """Say whether a meter brings readings and nothing sees to it that more of them come.

    Monitoring also ends by itself, after six months without a refresh (utilityapi reference 12).
    """
    if not state.is_activated or state.monitoring not in {None, "off"}:
        return False
    if state.status != "errored":
        return True
    # Billed all the same: only where there were readings, and the customer need not act first.
    is_mendable = not any(note.type in CUSTOMER_MENDS for note in state.notes)
    return is_mendable and bool(state.interval_coverage)
