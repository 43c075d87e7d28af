"""Local clock time of many instants at once, by the zone's own rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_DAY_S = 86400
_SECOND = timedelta(seconds=1)


def utc_offsets(zone: str, instants: Ints) -> Ints:
    """Return the UTC offset in seconds (east positive) at each epoch second, sorted ascending."""
    if len(instants) == 0:
        return instants.copy()
    first, last = _year(int(instants[0])), _year(int(instants[-1]))
    changes: list[int] = []
    offsets = [_offset(zone, _year_start(first))]
    for year in range(first, last + 1):
        for instant, offset in _transitions(zone, year):
            changes.append(instant)
            offsets.append(offset)
    if not changes:
        return np.full(len(instants), offsets[0], dtype=np.int64)
    where = np.searchsorted(np.array(changes, dtype=np.int64), instants, side="right")
    return np.array(offsets, dtype=np.int64)[where]


def local_day_starts(zone: str, first: int, last: int) -> Ints:
    """Return the local midnights from the one at or before ``first`` to the one after ``last``."""
    day = (first + _offset(zone, first)) // _DAY_S
    final = (last + _offset(zone, last)) // _DAY_S + 1
    midnights = np.arange(day, final + 1, dtype=np.int64) * _DAY_S
    guess = midnights - utc_offsets(zone, midnights)
    return midnights - utc_offsets(zone, guess)


def standard_offset(zone: str, year: int = 2025) -> int:
    """Return the zone's UTC offset in January, in seconds: standard time in the north."""
    return _offset(zone, _year_start(year))


def _offset(zone: str, instant: int) -> int:
    moment = datetime.fromtimestamp(instant, UTC).astimezone(ZoneInfo(zone))
    return (moment.utcoffset() or timedelta()) // _SECOND


def _year(instant: int) -> int:
    return datetime.fromtimestamp(instant, UTC).year


def _year_start(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


@lru_cache(maxsize=1024)
def _transitions(zone: str, year: int) -> tuple[tuple[int, int], ...]:
    """Find the offset changes within a UTC year by halving the days in which one lies."""
    found = []
    start, stop = _year_start(year), _year_start(year + 1)
    before = _offset(zone, start)
    for day in range(start, stop, _DAY_S):
        after = _offset(zone, day + _DAY_S)
        if after != before:
            low, high = day, day + _DAY_S
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(zone, middle) == before:
                    low = middle
                else:
                    high = middle
            found.append((high, after))
            before = after
    return tuple(found)
