"""Local days as integers: days since 1970 by the meter's calendar, and when they begin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

import numpy as np

from dcarbon.db.interval_rows import Int
from dcarbon.domain.calendar import day_bounds

HOUR_S = 3_600
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class LocalDays:
    """The local days of a zone from ``first`` on, and the UTC seconds at which each begins."""

    first: int
    edges: Int
    """One more than there are days."""

    @classmethod
    def around(cls, zone: str, first: int, last: int) -> Self:
        """Return the local days of whole years that hold ``first`` to ``last``, and one around."""
        years = range(to_date(first - 1).year, to_date(last + 1).year + 1)
        edges = np.concatenate([_midnights(zone, year) for year in years])
        begin = date(years[0], 1, 1).toordinal() - _EPOCH_ORDINAL
        end, _ = day_bounds(date(years[-1] + 1, 1, 1), ZoneInfo(zone))
        return cls(begin, np.append(edges, int(end.timestamp())))

    def of(self, seconds: Int) -> Int:
        """Return the local day of each instant."""
        found: Int = np.searchsorted(self.edges, seconds, side="right") - 1 + self.first
        return found

    def begin(self, days: Int) -> Int:
        """Return when each local day begins, in UTC seconds since 1970."""
        begins: Int = self.edges[days - self.first]
        return begins

    def end(self, days: Int) -> Int:
        return self.begin(days + 1)

    @property
    def on_the_hour(self) -> bool:
        """Does every day begin on a full hour UTC?"""
        return bool((self.edges % HOUR_S == 0).all())


def to_date(day: int) -> date:
    """Return a day since 1970 as a date."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


def to_number(day: date) -> int:
    """Return a date as days since 1970."""
    return day.toordinal() - _EPOCH_ORDINAL


@lru_cache(maxsize=512)
def _midnights(zone: str, year: int) -> Int:
    here = ZoneInfo(zone)
    days = range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())
    begins = [int(day_bounds(date.fromordinal(day), here)[0].timestamp()) for day in days]
    midnights = np.array(begins, np.int64)
    midnights.flags.writeable = False
    return midnights
