"""What goes wrong in a round, drawn from one seeded generator: faults, corrections, clock jumps."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

RESOURCES: Mapping[str, str] = {
    "pge": "/pge/GreenButtonConnect/espi",
    "sce": "/sce/DataCustodian/espi",
    "sdge": "/sdge/DataCustodian/espi",
    "utilityapi": "/api/v2",
}
"""Where data come from. A token answer that is lost on the way would end a grant whose refresh
token works once: that is the utility's doing, and nothing of ours could bring it back."""

DRAWN: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("throttled", {"retry_after": 1}),
    ("unavailable", {}),
    ("error", {}),
    ("unauthorized", {}),
    ("time_out", {"seconds": 2}),
    ("slow", {"seconds": 1}),
    ("cut", {}),
    ("malformed", {}),
    ("empty", {}),
)
_ONCE = frozenset({"unauthorized", "slow"})

DAYLIGHT_SAVING = (datetime(2026, 3, 8, 8, tzinfo=UTC), datetime(2026, 11, 1, 7, tzinfo=UTC))
"""Local midnight of the days of 23 and of 25 hours in California."""


def faults(rng: random.Random) -> list[dict[str, Any]]:
    """Return the rules of one round: three or four kinds, somewhere, a few times each."""
    drawn = []
    for kind, parameters in rng.sample(DRAWN, rng.choice((3, 4))):
        provider = rng.choice(sorted(RESOURCES))
        drawn.append(
            {
                "kind": kind,
                "provider": provider,
                "path_prefix": RESOURCES[provider],
                "times": 1 if kind in _ONCE else rng.randint(1, 3),
                "after": rng.randint(0, 2),
                "parameters": dict(parameters),
            }
        )
    return drawn


def correction(
    rng: random.Random, *, first: datetime, last: datetime
) -> tuple[datetime, datetime, float]:
    """Return a range of hours and a factor; every third range is about a time change."""
    around = [day for day in DAYLIGHT_SAVING if first <= day < last]
    if around and rng.random() < 1 / 3:
        start = rng.choice(around) + timedelta(hours=rng.randint(-3, 12))
    else:
        hours = int((last - first) / timedelta(hours=1))
        start = first + timedelta(hours=rng.randrange(max(1, hours)))
    return start, start + timedelta(hours=rng.randint(1, 40)), rng.choice((0.9, 1.1, 1.25))
