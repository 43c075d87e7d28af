"""What should be known after each payload: slow, obvious, and nothing of the product's in it.

Readings are a dictionary from where they start to what was said; every question is answered by
walking quarter hours and local days one by one.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.integration.services.histories import (
    DIRECTIONS,
    HOUR_S,
    QUARTER_S,
    History,
    Payload,
    midnight,
)

QUARTER = timedelta(minutes=15)
ESTIMATED = {8, 9, 12}
FILLED, CHANGED, REQUALIFIED = range(3)
WORST_FIRST = (
    "not_asked",
    "asked_empty",
    "partial",
    "not_due",
    "estimated",
    "restated",
    "complete",
)

Reading = tuple[Decimal, int | None]
Known = dict[str, dict[int, dict[datetime, Reading]]]
"""By direction, length in seconds and start."""
Line = dict[datetime, tuple[int, Decimal, int | None]]
"""By start: duration, quantity and quality, each time told once."""
Effect = dict[str, tuple[int, int, int]]
"""By direction: readings filled, changed and only requalified."""


@dataclass(frozen=True)
class Row:
    state: str
    expected: int
    counts: tuple[int, ...]
    """Present, estimated, restated."""
    asked_at: datetime | None


@dataclass(frozen=True)
class Change:
    direction: str
    length_s: int
    start: datetime
    old: Decimal
    new: Decimal
    at: datetime


class Oracle:
    """Everything that was ever said of one meter."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.known: Known = {one.value: {} for one in DIRECTIONS}
        self.snapshots: list[tuple[datetime, Known]] = []
        self.changes: list[Change] = []
        self.coverage: dict[tuple[str, date], Row] = {}
        self.effects: list[tuple[datetime, dict[date, Effect]]] = []

    def hear(self, payload: Payload) -> None:
        """Take over what a payload says; of two readings of the same time the later one counts."""
        incoming: dict[tuple[str, int, datetime], Reading] = {}
        for said in payload.readings:
            quantity = Decimal(said.value) * Decimal(10) ** payload.exponent
            incoming[said.direction.value, said.duration_s, said.start] = quantity, said.quality
        effects: dict[date, Effect] = {}
        for (direction, length, start), reading in incoming.items():
            kind = self._take(direction, length, start, reading, payload.at)
            if kind is not None:
                effect = effects.setdefault(self._day(start), {})
                counts = list(effect.get(direction, (0, 0, 0)))
                counts[kind] += 1
                effect[direction] = (counts[0], counts[1], counts[2])
        self.effects.append((payload.at, effects))
        self.snapshots.append((payload.at, copy.deepcopy(self.known)))
        self._count(payload)

    def _take(
        self, direction: str, length: int, start: datetime, said: Reading, at: datetime
    ) -> int | None:
        """Return the place in an :data:`Effect` that counts it; ``None`` when nothing is new."""
        series = self.known[direction].setdefault(length, {})
        before = series.get(start)
        series[start] = said
        if before is None:
            return FILLED
        if before[0] != said[0]:
            self.changes.append(Change(direction, length, start, before[0], said[0], at))
            return CHANGED
        if said[1] is None:
            series[start] = before
        return REQUALIFIED if series[start][1] != before[1] else None

    def at(self, moment: datetime) -> Known:
        """Return what was known at a moment."""
        told = [known for at, known in self.snapshots if at <= moment]
        return told[-1] if told else {one.value: {} for one in DIRECTIONS}

    def line(self, known: Known, direction: str) -> Line:
        """Four quarters stand for their hour; fewer give way to it."""
        hours = known[direction].get(HOUR_S, {})
        quarters = known[direction].get(QUARTER_S, {})
        found: Line = {}
        for start, (quantity, quality) in hours.items():
            if not all(start + n * QUARTER in quarters for n in range(4)):
                found[start] = HOUR_S, quantity, quality
        for start, (quantity, quality) in quarters.items():
            hour = start.replace(minute=0)
            if hour not in found or found[hour][0] != HOUR_S:
                found[start] = QUARTER_S, quantity, quality
        return dict(sorted(found.items()))

    def totals(self, known: Known, direction: str) -> dict[date, Decimal]:
        """Sum each local day."""
        found: dict[date, Decimal] = {}
        for start, (_, quantity, _) in self.line(known, direction).items():
            day = self._day(start)
            found[day] = found.get(day, Decimal(0)) + quantity
        return found

    def worst_on(self, day: date, *, now: datetime) -> str:
        """Return the state of the channel of which least is known, at a later time."""
        end = midnight(day + timedelta(days=1), self.history.zone)
        is_due = end + timedelta(days=3) <= now
        rows = [row for (_, counted), row in self.coverage.items() if counted == day]
        states = [
            row.state
            if row.state != "not_due" or not is_due
            else ("asked_empty" if row.asked_at else "not_asked")
            for row in rows
        ] or ["not_asked" if is_due else "not_due"]
        return min(states, key=WORST_FIRST.index)

    def _day(self, start: datetime) -> date:
        return start.astimezone(self.history.zone).date()

    def _count(self, payload: Payload) -> None:
        days = [self._day(said.start) for said in payload.readings]
        days += payload.asked or ()
        if not days:
            return
        for day in self.history.days:
            if min(days) <= day <= max(days):
                for direction, lengths in self.known.items():
                    if lengths:
                        self._count_day(direction, day, payload)

    def _count_day(self, direction: str, day: date, payload: Payload) -> None:
        start = midnight(day, self.history.zone)
        end = midnight(day + timedelta(days=1), self.history.zone)
        lengths = self.known[direction]
        heard = [n for n in lengths if any(start <= at < end for at in lengths[n])]
        finest = min(heard) if heard else self._usual(direction)
        told = [self._finest_at(direction, slot) for slot in _quarters(start, end)]
        changed = {(one.length_s, one.start) for one in self.changes if one.direction == direction}
        here = [each for each in told if each is not None]
        estimated = [each for each in here if lengths[each[0]][each[1]][1] in ESTIMATED]
        restated = [each for each in here if each in changed]
        counts = [len(each) * QUARTER_S // finest for each in (here, estimated, restated)]
        before = self.coverage.get((direction, day))
        asked_before = before.asked_at if before else None
        asked_at = payload.at if payload.asked else asked_before
        is_due = end + timedelta(days=3) <= payload.at
        expected = int((end - start).total_seconds()) // finest
        state = _state(expected, *counts, asked=asked_at is not None, due=is_due)
        if state in {"complete", "estimated", "restated"} and asked_before is not None:
            asked_at = asked_before
        self.coverage[direction, day] = Row(state, expected, tuple(counts), asked_at)

    def _finest_at(self, direction: str, slot: datetime) -> tuple[int, datetime] | None:
        """Return length and start of the shortest reading that tells of a quarter hour."""
        lengths = self.known[direction]
        if slot in lengths.get(QUARTER_S, {}):
            return QUARTER_S, slot
        hour = slot.replace(minute=0)
        return (HOUR_S, hour) if hour in lengths.get(HOUR_S, {}) else None

    def _usual(self, direction: str) -> int:
        """Return the length of the readings that reach furthest; of two, the shorter."""
        ends = {
            length: max(start + timedelta(seconds=length) for start in readings)
            for length, readings in self.known[direction].items()
        }
        return min(length for length, end in ends.items() if end == max(ends.values()))


def _quarters(start: datetime, end: datetime) -> list[datetime]:
    return [start + n * QUARTER for n in range((end - start) // QUARTER)]


def _state(
    expected: int, present: int, estimated: int, restated: int, *, asked: bool, due: bool
) -> str:
    if present == 0 and not due:
        return "not_due"
    if present == 0:
        return "asked_empty" if asked else "not_asked"
    if present < expected:
        return "partial"
    if estimated > 0:
        return "estimated"
    return "restated" if restated > 0 else "complete"
