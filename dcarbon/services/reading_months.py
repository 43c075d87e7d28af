"""Keeping interval days by month: months ahead are made, and what lies in none is sorted into them.

Few readings stay in one table, which is quickest for them. What readings say is the same before,
meanwhile and after, so the audit log has nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from sqlalchemy.orm import Session

from dcarbon.db import interval_months
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_months import RestInTheWay, TableInUse

MONTHS_AHEAD = 3
SORTED_FROM = 512 << 20
"""Bytes of unsorted interval days, with their index, from which on they are sorted: a million days,
a hundred million quarter hours."""
SMALL_REST = 16 << 20
"""Bytes from which on the rest is sorted once there are months, and up to which months are added:
each that is added has it read through under a lock, a moment for so little."""
MOST_AT_NIGHT = 8 << 30
"""Bytes that are sorted without being asked to: for a while they are on disk twice."""
_BLOCKS = 4_096
"""Copied in one transaction: 32 MB, less than a second."""
_TRIES, _PAUSE_S = 20, 3.0

_T = TypeVar("_T")
Progress = Callable[[int, int], None]
"""Told how many bytes of how many are copied."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done, and how interval days are kept now."""

    months: int
    added: int
    sorted: int
    """Months that were made of the rest."""
    rest_bytes: int
    gave_way: bool
    """True when others worked on the readings all the time: the next call goes on."""


def keep(
    sessions: Sessions,
    *,
    today: date,
    sort_from: int = SORTED_FROM,
    sort_to: int = MOST_AT_NIGHT,
    progress: Progress = lambda _done, _all: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Kept:
    """Sort the rest when it takes between ``sort_from`` and ``sort_to`` bytes; make months ahead.

    Nothing is made ahead before the first sort; after it, :data:`SMALL_REST` is enough to sort.
    Reads and writes go on; at the end of a sort they wait for a moment. Safe to repeat and to
    break off: a sort that has begun is taken up again, however large. Another rest of more than
    ``sort_to`` bytes stays as it is, and what is of no month goes there.
    """
    keeper = _Keeper(sessions, today, progress, sleep)
    before = keeper.standing()
    added = made = 0
    gave_way = False
    begins_at = min(sort_from, SMALL_REST) if before.months else sort_from
    may_sort = before.rest_bytes <= sort_to
    try:
        if before.is_sorting or (may_sort and before.rest_bytes >= begins_at):
            made = keeper.sort(before.rest_bytes)
        if made or before.months:
            months, added = keeper.add(sort_first=may_sort)
            made += months
    except TableInUse:
        gave_way = True
    after = keeper.standing()
    return Kept(after.months, added, made, after.rest_bytes, gave_way)


def make_ahead(sessions: Sessions, *, today: date) -> None:
    """Make months ahead where there are some, as far as nobody and nothing is in the way; sort
    nothing, nor go on with a sort. The next :func:`keep` does what was left.
    """
    keeper = _Keeper(sessions, today, lambda _done, _all: None, time.sleep)
    if keeper.standing().months:
        with suppress(TableInUse):
            keeper.add(sort_first=False)


@dataclass(frozen=True, slots=True)
class _Keeper:
    sessions: Sessions
    today: date
    progress: Progress
    sleep: Callable[[float], None]

    def standing(self) -> interval_months.Standing:
        with self.sessions() as session:
            return interval_months.standing(session)

    def add(self, *, sort_first: bool) -> tuple[int, int]:
        """Make the months from today's on, unless the rest is too large to be read for that;
        return how many were sorted first, and made.
        """
        if self.standing().rest_bytes > SMALL_REST:
            return 0, 0
        first = self.today.replace(day=1)
        last = _months_on(first, MONTHS_AHEAD)
        try:
            return 0, self._patiently(lambda session: interval_months.add(session, first, last))
        except RestInTheWay:
            if not sort_first:
                return 0, 0
            return self.sort(self.standing().rest_bytes), self.add(sort_first=False)[1]

    def sort(self, rest_bytes: int) -> int:
        """Copy the rest step by step, each its own transaction, and put the months in its place."""
        last = _months_on(self.today.replace(day=1), MONTHS_AHEAD)
        self._patiently(lambda session: interval_months.begin_sorting(session, last))
        left = self._step(0)
        whole = left or 1
        while left:
            self.progress(rest_bytes * (whole - left) // whole, rest_bytes)
            left = self._step(_BLOCKS)
        self.progress(rest_bytes, rest_bytes)
        return self._patiently(interval_months.finish_sorting)

    def _step(self, blocks: int) -> int:
        with self.sessions.begin() as session:
            return interval_months.sort(session, blocks)

    def _patiently(self, call: Callable[[Session], _T]) -> _T:
        for _ in range(_TRIES - 1):
            try:
                with self.sessions.begin() as session:
                    return call(session)
            except TableInUse:
                self.sleep(_PAUSE_S)
        with self.sessions.begin() as session:
            return call(session)


def _months_on(first: date, months: int) -> date:
    years, month = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month + 1, 1)
