"""The scheduled sync of one shard: who is due, from when on, and what came of each.

A sync is known by its kind and day (``daily:2026-11-22``), kept with each attempt: a run that
carries it on repeats nothing that is settled. What fails, or waits for the utility, is handed to a
work order and tried again long before the next night. What there is no time for is *left*: another
run of the same sync takes it up, or the next sync, whose window begins at the last reading.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from dcarbon.db import shard_syncs
from dcarbon.db.shard_syncs import Due
from dcarbon.domain.calendar import DAY, day_bounds
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    DCarbonError,
    PaymentRequired,
    ProviderThrottled,
    ProviderUnavailable,
)
from dcarbon.providers.profile import UtilityProfile
from dcarbon.services import collection, landed, work
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime
from dcarbon.settings import Settings

DAILY, WEEKLY = "daily", "weekly"
"""The kinds with a schedule. Any other names what an administrator asked for: one day, complete,
whatever was collected before.
"""
SOONEST_AGAIN = timedelta(minutes=5)
LATEST_AGAIN = timedelta(hours=1)
"""How soon what is left is asked for again when its provider refused to be asked."""

_NOT_ITS_TURN = ("provider_throttled", "provider_paused")
"""Codes that say nothing about the authorization they were met with."""


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """What one run of a sync came to. ``collected`` are those it asked the utility for.

    ``left`` were not begun, or not answered because the provider takes no more now; they can be
    taken up at ``again_at``. ``settled_before`` were not repeated. ``still_failed`` failed in an
    earlier run of this sync and wait for their orders. ``broken`` is our side.
    """

    collected: Sequence[CollectionOutcome] = ()
    still_failed: Sequence[CollectionOutcome] = ()
    settled_before: int = 0
    left: int = 0
    again_at: datetime | None = None
    broken: Mapping[UUID, Exception] = field(default_factory=dict)


Progress = Callable[[int, int], None]
"""Called with how many are through, and of how many."""


def sync_shard(
    runtime: Runtime,
    *,
    day: date,
    shard: int,
    kind: str = DAILY,
    until: datetime | None = None,
    run_id: str | None = None,
    progress: Progress | None = None,
) -> SyncOutcome:
    """Bring every authorized authorization of a shard up to the end of a local day.

    Longest unsynced first, each provider in a pool of its own; none is begun after ``until``.
    """
    sync = _Sync(runtime, kind, day, until)
    rows = _open(sync, shard=shard, run_id=run_id)
    waiting = [row for row in rows if not row.is_settled]
    collected: list[CollectionOutcome] = []
    broken: dict[UUID, Exception] = {}
    lanes = [_Lane(sync, key, run_id) for key in sorted({row.provider for row in waiting})]
    with _started(lanes, waiting) as futures:
        for done, future in enumerate(as_completed(futures), 1):
            error = future.exception()
            if isinstance(error, Exception):
                broken[futures[future]] = error
            elif (outcome := future.result()) is not None:
                collected.append(outcome)
            if progress is not None:
                progress(done, len(waiting))
    return SyncOutcome(
        collected=collected,
        still_failed=_still_failed(sync, shard, collected),
        settled_before=len(rows) - len(waiting),
        left=len(waiting) - len(collected) - len(broken),
        again_at=min((lane.again_at for lane in lanes if lane.again_at), default=None),
        broken=broken,
    )


def window(
    profile: UtilityProfile,
    settings: Settings,
    *,
    kind: str,
    day: date,
    reached: datetime | None,
    now: datetime,
) -> tuple[datetime, datetime]:
    """Return what to ask for, ``[start, end)`` in UTC.

    From the last reading less the overlap, so that nights without a sync leave no hole; at the
    latest from the start of the local day, at the earliest from what the utility keeps.
    """
    day_start, day_end = day_bounds(day, ZoneInfo(profile.time_zone))
    end = max(day_start, min(day_end, now))
    limit = profile.history_limit_days
    if reached is None:
        days = min(settings.history_days, limit or settings.history_days)
        return end - timedelta(days=days), end
    start = min(day_start, reached - _overlap(settings, kind))
    return (max(start, end - timedelta(days=limit)) if limit else start), end


def _overlap(settings: Settings, kind: str) -> timedelta:
    days = {DAILY: settings.overlap_days, WEEKLY: settings.weekly_overlap_days}
    return timedelta(days=days.get(kind, 0))


@dataclass(frozen=True, slots=True)
class _Sync:
    runtime: Runtime
    kind: str
    day: date
    until: datetime | None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.day.isoformat()}"

    @property
    def keys(self) -> list[str]:
        """Those whose settled attempts count: a weekly sync asks for what a daily one does."""
        return [self.key, f"{WEEKLY}:{self.day.isoformat()}"] if self.kind == DAILY else [self.key]


@dataclass(slots=True)
class _Lane:
    """One provider's part of a sync. It ends for all when the provider takes no more requests."""

    sync: _Sync
    provider: str
    run_id: str | None
    again_at: datetime | None = None
    """Set when the lane has ended before its time."""

    def workers(self) -> int:
        """More than a few at a provider of one request a second would only wait for their turns."""
        runtime = self.sync.runtime
        per_second = runtime.providers.profile(self.provider).limits.per_second
        most = runtime.settings.provider_concurrency
        return min(most, 2 * per_second) if per_second else most

    def collect(self, due: Due) -> CollectionOutcome | None:
        """Collect one authorization; ``None`` when it is left to another run."""
        runtime, sync = self.sync.runtime, self.sync
        now = runtime.now()
        if self.again_at is None and sync.until is not None and now >= sync.until:
            self.again_at = now
        if self.again_at is not None:
            return None
        profile = runtime.providers.profile(self.provider)
        start, end = window(
            profile, runtime.settings, kind=sync.kind, day=sync.day, reached=due.reached, now=now
        )
        outcome = collection.collect(
            runtime,
            due.authorization_id,
            start=start,
            end=end,
            run_id=self.run_id,
            sync_key=sync.key,
        )
        if outcome.error is not None and _ends_the_lane(outcome.error):
            self.again_at = runtime.now() + _refused_for(outcome.error)
            if outcome.error.code in _NOT_ITS_TURN:
                return None
        self._hand_over(due, outcome)
        return outcome

    def _hand_over(self, due: Due, outcome: CollectionOutcome) -> None:
        """Have an order go on where this attempt did not finish; end one that it made needless."""
        sync, now = self.sync, self.sync.runtime.now()
        if outcome.error is None and not outcome.waiting:
            if due.has_retry:
                with sync.runtime.sessions.begin() as session:
                    # The sync of a day opens its orders within the day after it.
                    before = outcome.window[1] + DAY
                    work.close_retries(session, due.authorization_id, before=before, now=now)
            return
        own_window = (None, None) if sync.kind in (DAILY, WEEKLY) else outcome.window
        with sync.runtime.sessions.begin() as session:
            again_at = shard_syncs.next_try(session, due.authorization_id, key=sync.key)
            if again_at is not None:
                work.open_retry(
                    session,
                    due.authorization_id,
                    window=own_window,
                    error_code=outcome.error.code if outcome.error else None,
                    not_before=again_at,
                    now=now,
                )


def _open(sync: _Sync, *, shard: int, run_id: str | None) -> list[Due]:
    with sync.runtime.sessions.begin() as session:
        shard_syncs.close_abandoned(
            session, shard=shard, key=sync.key, run_id=run_id, now=sync.runtime.now()
        )
        return shard_syncs.due(
            session,
            shard=shard,
            keys=sync.keys,
            ended_after=landed.GIVEN_UP_AFTER,
            not_its_turn=_NOT_ITS_TURN,
            retry_reason=work.SYNC_RETRY,
        )


Futures = dict[Future[CollectionOutcome | None], UUID]


@contextmanager
def _started(lanes: Sequence[_Lane], waiting: Sequence[Due]) -> Iterator[Futures]:
    """Have all lanes work side by side; one that is stopped lets finish what is under way."""
    by_provider: defaultdict[str, list[Due]] = defaultdict(list)
    for due in waiting:
        by_provider[due.provider].append(due)
    pools = {lane.provider: ThreadPoolExecutor(lane.workers(), lane.provider) for lane in lanes}
    try:
        yield {
            # Each knows of which run it is: threads do not by themselves.
            pools[lane.provider].submit(copy_context().run, lane.collect, due): due.authorization_id
            for lane in lanes
            for due in by_provider[lane.provider]
        }
    finally:
        for pool in pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        for pool in pools.values():
            pool.shutdown()


def _ends_the_lane(error: DCarbonError) -> bool:
    """Return whether asking this provider for anybody else is pointless now."""
    refuses_us = isinstance(error, ClientCredentialsRejected) and not isinstance(
        error, PaymentRequired
    )
    return refuses_us or isinstance(error, ProviderThrottled) or error.code in _NOT_ITS_TURN


def _refused_for(error: DCarbonError) -> timedelta:
    told = error.retry_after if isinstance(error, ProviderUnavailable) else None
    return min(max(told or SOONEST_AGAIN, SOONEST_AGAIN), LATEST_AGAIN)


def _still_failed(
    sync: _Sync, shard: int, collected: Sequence[CollectionOutcome]
) -> list[CollectionOutcome]:
    with sync.runtime.sessions() as session:
        rows = shard_syncs.still_failed(
            session, shard=shard, keys=sync.keys, not_its_turn=_NOT_ITS_TURN
        )
    mine = {outcome.authorization_id for outcome in collected}
    bounds = day_bounds(sync.day, ZoneInfo("UTC"))
    return [
        CollectionOutcome(
            row.authorization_id,
            row.facility_id,
            row.provider,
            row.utility,
            bounds,
            error=DCarbonError(code=row.error_code),
        )
        for row in rows
        if row.authorization_id not in mine
    ]
