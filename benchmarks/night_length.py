"""How long a night is under each provider's limits, and what becomes of one that is too short.

Run as ``python -m benchmarks.night_length``; ``SIZES=1000,10000`` chooses how many authorizations a
provider has. Requests per authorization are counted in a real sync against the sandbox; then the
product's own limiter is stepped through them by a clock that moves whenever somebody would sleep.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from rich.table import Table
from sqlalchemy import text

from benchmarks.harness import report, show
from benchmarks.sync_fixture import LAST_DAY, UTILITIES, furnish, place
from dcarbon.db.authorizations import SHARDS
from dcarbon.domain.errors import ProviderThrottled
from dcarbon.providers.limits import LocalTurns, RateLimiter, Urgency
from dcarbon.providers.profiles import PROFILES
from dcarbon.services import syncing

SIZES = "1000,10000,25000"
NIGHTS = 8
DAY_S, HOUR_S, ROUNDING_S = 86_400.0, 3_600.0, 1e-3
GOAL = (
    "no provider is asked more than it allows, and where a night is too short nobody waits longer"
    " than the number of nights everybody needs, rounded up, and one more"
)
_ASKED = """
select a.provider, avg(t.payloads)::float8
from sync_attempts t join authorizations a on a.id = t.authorization_id
where t.sync_key = :key group by 1
"""


@dataclass(slots=True)
class Clock:
    """Seconds since the first night began; sleeping moves it."""

    now: float = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True, slots=True)
class Nights:
    """What some nights in a row came to. ``first_s`` is how long the first took, or a day."""

    first_s: float
    first_synced: int
    longest_wait_nights: int
    most_in_a_day: int


def main() -> None:
    """Count requests, then step the nights of every provider and size."""
    asked = requests_each()
    table = Table("provider", "authorizations", "requests each", "first night", "synced in it")
    table.add_column("longest unsynced, nights")
    figures: dict[str, object] = {}
    holds = True
    for key in UTILITIES:
        for size in map(int, os.environ.get("SIZES", SIZES).split(",")):
            nights = simulated(key, size, asked[key])
            holds = holds and _is_fair(key, size, asked[key], nights)
            hours = nights.first_s / HOUR_S
            length = f"{hours:.1f} h" if nights.first_synced == size else "a day is too short"
            share = f"{nights.first_synced:,}"
            row = (f"{size:,}", f"{asked[key]:.1f}", length, share, f"{nights.longest_wait_nights}")
            table.add_row(PROFILES[key].known_as, *row)
            figures[f"{key} {size}"] = {
                "requests_each": asked[key],
                "first_night_h": round(hours, 2),
                "synced_in_first_night": nights.first_synced,
                "longest_unsynced_nights": nights.longest_wait_nights,
                "most_requests_in_a_day": nights.most_in_a_day,
            }
    show(table)
    report("night_length", figures, GOAL, holds)


def requests_each() -> Mapping[str, float]:
    """Return how many requests a night makes for one authorization of each provider."""
    with place() as where, where.runtime() as runtime:
        furnish(where, runtime, 4 * len(UTILITIES))
        for days in (1, 0):
            day = LAST_DAY - timedelta(days=days)
            for shard in range(SHARDS):
                syncing.sync_shard(runtime, day=day, shard=shard)
        with runtime.sessions() as session:
            rows = session.execute(text(_ASKED), {"key": f"{syncing.DAILY}:{LAST_DAY}"})
            return {row[0]: row[1] for row in rows}


def simulated(key: str, size: int, requests: float) -> Nights:
    """Step some nights: longest unsynced first, carried on until the next night begins."""
    clock, sent = Clock(), list[float]()
    limiter = RateLimiter(
        PROFILES[key].limits,
        turns=LocalTurns(lambda: clock.now),
        urgency=Urgency.BACKGROUND,
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )
    queue = deque((identity, 0) for identity in range(size))
    first: tuple[float, int] | None = None
    longest, owed = 0, 0.0
    for night in range(NIGHTS):
        clock.now = max(clock.now, night * DAY_S)
        synced = 0
        while synced < size and clock.now < (night + 1) * DAY_S:
            owed += requests
            while owed >= 1:
                _take(limiter, clock)
                sent.append(clock.now)
                owed -= 1
            identity, before = queue.popleft()
            longest = max(longest, night - before)
            queue.append((identity, night))
            synced += 1
        first = first or (clock.now, synced)
    assert first is not None
    return Nights(first[0], first[1], longest, _most_in_a_day(sent))


def _take(limiter: RateLimiter, clock: Clock) -> None:
    """Take a turn; when the provider takes no more, come back as the next run of the sync does."""
    while True:
        try:
            limiter.acquire()
        except ProviderThrottled as error:
            told = error.retry_after or syncing.SOONEST_AGAIN
            again = min(max(told, syncing.SOONEST_AGAIN), syncing.LATEST_AGAIN)
            clock.sleep(again.total_seconds())
        else:
            return


def _most_in_a_day(sent: list[float]) -> int:
    most, first = 0, 0
    for last, moment in enumerate(sent):
        while moment - sent[first] >= DAY_S - ROUNDING_S:
            first += 1
        most = max(most, last - first + 1)
    return most


def _is_fair(key: str, size: int, requests: float, nights: Nights) -> bool:
    per_day = PROFILES[key].limits.per_day
    if nights.first_synced < size:
        needed = -(-size // max(1, nights.first_synced))
        return nights.longest_wait_nights <= needed + 1 and nights.most_in_a_day <= (per_day or 0)
    within = per_day is None or nights.most_in_a_day <= per_day
    return within and nights.longest_wait_nights <= 1 and requests > 0


if __name__ == "__main__":
    main()
