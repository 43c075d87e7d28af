"""Coverage as a strip of days: one cell a day, and the same in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from dcarbon.domain.coverage import COVERED, REASONS, CoverageState

SHORT: dict[CoverageState, str] = {
    CoverageState.NOT_DUE: "not due yet",
    CoverageState.NOT_ASKED: "not asked for yet",
    CoverageState.ASKED_EMPTY: "empty",
    CoverageState.PARTIAL: "with gaps",
    CoverageState.COMPLETE: "complete",
    CoverageState.ESTIMATED: "complete, partly estimated",
    CoverageState.RESTATED: "complete, corrected since",
}
"""Two or three words per state, for a legend."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One local day. ``kind`` names the look, ``words`` say the same."""

    day: date
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A run of days; ``summary`` is its text alternative."""

    cells: tuple[Cell, ...]
    summary: str
    covered: int
    due: int


def strip(days: Sequence[tuple[date, str | None]]) -> Strip:
    """Return the strip of days and their (worst) states, oldest first."""
    states = [
        (day, CoverageState(state) if state else CoverageState.NOT_ASKED) for day, state in days
    ]
    counts = Counter(state for _, state in states)
    covered = sum(counts[state] for state in COVERED)
    due = len(states) - counts[CoverageState.NOT_DUE]
    cells = tuple(
        Cell(day, state.value, f"{day.strftime('%b %-d')}: {REASONS[state]}")
        for day, state in states
    )
    return Strip(cells, _summary(counts, covered=covered, due=due), covered, due)


def _summary(counts: Counter[CoverageState], *, covered: int, due: int) -> str:
    if not due:
        return "No readings are due yet."
    missing = (CoverageState.PARTIAL, CoverageState.ASKED_EMPTY, CoverageState.NOT_ASKED)
    told = [f"{counts[state]} {SHORT[state]}" for state in missing if counts[state]]
    return ", ".join([f"{covered} of {due} days complete", *told]) + "."
