"""Daily energy and hourly export, kept equal to the readings: what changed is derived again.

Collection only marks what it wrote (migration 0005). A derivation takes marks away, reads the
interval days they mean, and stores what became of them, all in one transaction: stopped at any
point it leaves what it found, and it is safe to repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import derived_energy_marks as marks
from dcarbon.db import derived_energy_removing, derived_energy_writing, energy_days
from dcarbon.db.derived_energy_marks import Waiting
from dcarbon.db.energy_days import DailyRows
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_rows import Int
from dcarbon.db.local_days import to_date, to_number
from dcarbon.db.meters import Meter

MARKS = 2_000
"""In one transaction: seconds of work, and no more is lost when it is stopped."""
_METERS = 500
_PORTION = 5_000
"""Meter days read at once: a million readings or so, bounds memory at a hundred megabytes."""


@dataclass(slots=True)
class DayCount:
    """What became of one local day, over all channels and meters."""

    derived: int = 0
    """Channel days added up."""
    written: int = 0
    """Channel days stored: new, or not what was stored before."""
    exports_written: int = 0
    """Meter days of hourly export stored."""


@dataclass(slots=True)
class DerivedDays:
    """What a derivation read and wrote. Days read are UTC days of a series."""

    marks: int = 0
    days_read: int = 0
    readings_read: int = 0
    too_large: int = 0
    """Channel days left out because a value in them is larger than energy can be."""
    by_day: dict[date, DayCount] = field(default_factory=dict)
    left: bool = False
    """Marks were left because the time was up."""

    @property
    def written(self) -> int:
        return sum(day.written for day in self.by_day.values())

    @property
    def exports_written(self) -> int:
        return sum(day.exports_written for day in self.by_day.values())

    @property
    def derived(self) -> int:
        return sum(day.derived for day in self.by_day.values())


def waiting(session: Session) -> Waiting:
    """Return what waits to be derived: marks, for how long, first and last UTC day."""
    return marks.waiting_days(bc.connection_of(session))


def derive_changed(
    sessions: Sessions,
    *,
    now: datetime,
    is_time_up: Callable[[], bool] = lambda: False,
    at_once: int = MARKS,
) -> DerivedDays:
    """Derive every local day whose readings changed since it was last derived.

    ``at_once`` marks are worked off in one transaction. ``is_time_up`` is asked after each; what is
    left then stays marked.
    """
    done = DerivedDays()
    while True:
        with sessions.begin() as session:
            connection = bc.connection_of(session)
            marks.lock(connection)
            taken = marks.take_days(connection, limit=at_once)
            _derive(connection, taken.days, done, now=now)
        done.marks += taken.marks
        if taken.marks < at_once:
            return done
        if is_time_up():
            done.left = True
            return done


def derive_days(sessions: Sessions, days: Sequence[date], *, now: datetime) -> DerivedDays:
    """Derive local days of every meter, changed or not. Marks stay: they cost a look later."""
    done = DerivedDays()
    wanted = np.unique(np.array([to_number(day) for day in days], np.int64))
    for meter_ids in _all_meters(sessions):
        with sessions.begin() as session:
            connection = bc.connection_of(session)
            marks.lock(connection)
            _derive(connection, dict.fromkeys(meter_ids, wanted), done, now=now)
    return done


def _derive(
    connection: bc.Connection, days: Mapping[UUID, Int], done: DerivedDays, *, now: datetime
) -> None:
    for portion in _portions(days):
        derived = energy_days.derive(connection, portion)
        written = derived_energy_writing.write(
            connection, derived.daily, derived.exports, computed_at=now
        )
        removed = derived_energy_removing.remove(
            connection, portion, derived.daily, derived.exports
        )
        done.days_read += derived.days_read
        done.readings_read += derived.readings_read
        done.too_large += derived.too_large
        _count(done.by_day, derived.daily)
        for changed in (written, removed):
            for day, number in changed.daily.items():
                done.by_day.setdefault(day, DayCount()).written += number
            for day, number in changed.exports.items():
                done.by_day.setdefault(day, DayCount()).exports_written += number


def _count(by_day: dict[date, DayCount], daily: DailyRows) -> None:
    for day, number in zip(*np.unique(daily.day, return_counts=True), strict=True):
        by_day.setdefault(to_date(int(day)), DayCount()).derived += int(number)


def _portions(days: Mapping[UUID, Int]) -> Iterator[dict[UUID, Int]]:
    """Yield meters with their days, whole meters at a time, of bounded size together."""
    portion: dict[UUID, Int] = {}
    size = 0
    for meter_id, of_meter in days.items():
        portion[meter_id] = of_meter
        size += len(of_meter)
        if size >= _PORTION:
            yield portion
            portion, size = {}, 0
    if portion:
        yield portion


def _all_meters(sessions: Sessions) -> Iterator[list[UUID]]:
    after: UUID | None = None
    while True:
        chosen = select(Meter.id).order_by(Meter.id).limit(_METERS)
        if after is not None:
            chosen = chosen.where(Meter.id > after)
        with sessions() as session:
            found = list(session.scalars(chosen))
        if not found:
            return
        yield found
        after = found[-1]
