"""The breaker of one provider, shared by all processes through ``provider_states`` (story 6.2).

After :data:`FAILURES_TO_PAUSE` failures in a row a provider is left alone: what works in the
background is refused at once, and one request at a time finds out whether it is back. Any answer
ends that. While a provider answers this costs one small read a second and one write a minute for
each process.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from dcarbon.db import provider_outages
from dcarbon.db.engine import Sessions
from dcarbon.db.provider_states import ProviderState
from dcarbon.domain.errors import ProviderPaused, ProviderUnavailable
from dcarbon.providers.limits import Urgency

FAILURES_TO_PAUSE = 5
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
LONGEST_TOLD = timedelta(hours=6)
"""A provider that asks for more than this in ``Retry-After`` is looked at sooner all the same."""
PROBE_TIME = timedelta(minutes=2)
"""How long a probe has; where its process died, the next one goes then."""

TOGETHER = 50
"""Orders that come back at once when a provider does: what one run takes up."""
REQUESTS_EACH = 4
"""About what collecting one authorization takes; the shared limits hold whatever it really is."""
USUAL_PER_SECOND = 20
"""Requests assumed of a provider without a limit, for spreading only."""
LONGEST_SPREAD = timedelta(minutes=30)

_REMEMBERED_S = 1.0
_NOTED_S = 60.0
_WAITED_FOR_IT = (ProviderUnavailable.code, ProviderPaused.code)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The state as this process read it last."""

    is_failing: bool = False
    probe_at: datetime | None = None
    read_at: float = float("-inf")


@dataclass(slots=True)
class ProviderBreaker:
    """Implements ``providers.breaker.Breaker``. ``clock`` is the product's, for all stored times.

    What a person waits for is let through whatever the state: an authorization code is good for
    minutes only. Its outcome counts like any other.
    """

    sessions: Sessions
    provider: str
    clock: Callable[[], datetime]
    urgency: Urgency
    per_second: int | None = None
    """The provider's limit, for how fast waiting orders come back."""
    monotonic: Callable[[], float] = time.monotonic
    _seen: _Seen = field(default_factory=_Seen)
    _noted_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def require_open(self) -> None:
        """Raise :class:`ProviderPaused` while paused, unless somebody may try just now."""
        probe_at = self._state().probe_at
        if self._refuses and probe_at is not None and probe_at > self.clock():
            raise self._paused(probe_at)

    def enter(self) -> bool:
        """Let through while the provider answers; while it is paused, exactly one as its probe.

        Raises :class:`ProviderPaused` for all others.
        """
        probe_at = self._state().probe_at
        if not self._refuses or probe_at is None:
            return False
        now = self.clock()
        if probe_at <= now:
            with self.sessions.begin() as session:
                if provider_outages.claim_probe(
                    session, self.provider, now=now, until=now + PROBE_TIME
                ):
                    return True
            # Somebody else has the probe, or the provider is back already.
            probe_at = self._read().probe_at
            if probe_at is None:
                return False
        raise self._paused(probe_at)

    def answered(self) -> None:
        """Close the breaker, forget the failures, and bring waiting orders back bit by bit."""
        if self._state().is_failing:
            self._recover()
        elif self.monotonic() - self._noted_at >= _NOTED_S:
            with self.sessions.begin() as session:
                provider_outages.note_answer(session, self.provider, now=self.clock())
            self._noted_at = self.monotonic()

    def failed(self, error: ProviderUnavailable, *, is_probe: bool) -> None:
        """Count a failure, and leave the provider alone after enough of them.

        What was under way already when the pause began does not lengthen it.
        """
        now = self.clock()
        with self.sessions.begin() as session:
            state = provider_outages.locked(session, self.provider)
            if state.probe_at is None or is_probe:
                self._count(state, error, now=now)
            self._remember(state)

    def _count(self, state: ProviderState, error: ProviderUnavailable, *, now: datetime) -> None:
        state.failures += 1
        state.last_error_code = error.code
        state.back_since = None
        if state.down_since is None:
            state.down_since = now
        if state.failures < FAILURES_TO_PAUSE:
            return
        if state.probe_at is None:
            log.warning("provider_paused", provider=self.provider, failures=state.failures)
        state.probe_at = now + _pause(state.failures, error)

    def _recover(self) -> None:
        now = self.clock()
        with self.sessions.begin() as session:
            state = provider_outages.locked(session, self.provider)
            was_paused = state.probe_at is not None
            state.failures, state.probe_at, state.last_answer_at = 0, None, now
            if state.told_at is None:
                state.down_since = None
            elif state.back_since is None:
                state.back_since = now
            if was_paused:
                self._spread(session, now=now)
                log.info("provider_answers_again", provider=self.provider)
            self._remember(state)

    def _spread(self, session: Session, *, now: datetime) -> None:
        rate = self.per_second or USUAL_PER_SECOND
        provider_outages.spread_orders(
            session,
            self.provider,
            codes=_WAITED_FOR_IT,
            together=TOGETHER,
            apart=timedelta(seconds=TOGETHER * REQUESTS_EACH / rate),
            longest=LONGEST_SPREAD,
            now=now,
        )

    @property
    def _refuses(self) -> bool:
        return self.urgency is Urgency.BACKGROUND

    def _state(self) -> _Seen:
        seen = self._seen
        return seen if self.monotonic() - seen.read_at < _REMEMBERED_S else self._read()

    def _read(self) -> _Seen:
        with self._lock, self.sessions.begin() as session:
            return self._remember(session.get(ProviderState, self.provider))

    def _remember(self, state: ProviderState | None) -> _Seen:
        read_at = self.monotonic()
        seen = (
            _Seen(state.failures > 0, state.probe_at, read_at) if state else _Seen(read_at=read_at)
        )
        self._seen = seen
        return seen

    def _paused(self, probe_at: datetime) -> ProviderPaused:
        return ProviderPaused(
            f"{self.provider} is left alone after many failures",
            retry_after=max(probe_at - self.clock(), timedelta(seconds=1)),
            may_have_arrived=False,
        )


def _pause(failures: int, error: ProviderUnavailable) -> timedelta:
    """Return how long to leave a provider alone: doubling with jitter, never shorter than told."""
    doubled = min(FIRST_PAUSE * (1 << min(failures - FAILURES_TO_PAUSE, 10)), LONGEST_PAUSE)
    jittered: timedelta = doubled * random.uniform(0.75, 1.0)  # noqa: S311 — spreads load
    return max(jittered, min(error.retry_after or timedelta(), LONGEST_TOLD))
