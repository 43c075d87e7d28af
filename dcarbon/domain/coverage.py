"""What is known about one channel on one meter day, and why it is not complete (design 2)."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class CoverageState(StrEnum):
    NOT_DUE = "not_due"
    NOT_ASKED = "not_asked"
    ASKED_EMPTY = "asked_empty"
    PARTIAL = "partial"
    COMPLETE = "complete"
    ESTIMATED = "estimated"
    RESTATED = "restated"


REASONS: dict[CoverageState, str] = {
    CoverageState.NOT_DUE: "The utility has not had time to publish this day yet.",
    CoverageState.NOT_ASKED: "We have not asked the utility for this day.",
    CoverageState.ASKED_EMPTY: "We asked; the utility has no readings for this day.",
    CoverageState.PARTIAL: "The utility sent some of this day's readings, not all.",
    CoverageState.COMPLETE: "All readings of this day are here.",
    CoverageState.ESTIMATED: "All readings are here; some were estimated by the utility.",
    CoverageState.RESTATED: "All readings are here; the utility has changed some since.",
}
"""One sentence for people per state."""

COVERED = frozenset({CoverageState.COMPLETE, CoverageState.ESTIMATED, CoverageState.RESTATED})

_WORST_FIRST = (
    CoverageState.NOT_ASKED,
    CoverageState.ASKED_EMPTY,
    CoverageState.PARTIAL,
    CoverageState.NOT_DUE,
    CoverageState.ESTIMATED,
    CoverageState.RESTATED,
    CoverageState.COMPLETE,
)


def worst(states: Collection[str]) -> CoverageState:
    """Return the state that says most of what is missing; of nothing, that nobody asked."""
    return next((state for state in _WORST_FIRST if state in states), CoverageState.NOT_ASKED)


def state_of(
    *, expected: int, present: int, estimated: int, restated: int, asked: bool, due: bool
) -> CoverageState:
    """Return the state of a meter day from counts of interval slots.

    Readings that are here speak first; only an empty day asks whether we asked and whether the
    utility could have answered yet.
    """
    if present == 0:
        if not due:
            return CoverageState.NOT_DUE
        return CoverageState.ASKED_EMPTY if asked else CoverageState.NOT_ASKED
    if present < expected:
        return CoverageState.PARTIAL
    if estimated:
        return CoverageState.ESTIMATED
    return CoverageState.RESTATED if restated else CoverageState.COMPLETE
