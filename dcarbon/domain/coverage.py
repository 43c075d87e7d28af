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

_SETTLED = (
    "Nothing has to be done. If the utility changes a reading, the earlier one is kept and the "
    "change is shown."
)
_PUBLISHED_LATE = (
    "Utilities publish a day up to three days after it ended. We ask for it by ourselves."
)
_ASKED_AGAIN = (
    "We ask again by ourselves, for readings often come late. What the utility does not send is "
    "never filled in."
)
_ESTIMATES_MAY_GO = (
    "Utilities often replace estimates by what was measured. We ask again by ourselves."
)
_ESTIMATES_STAY = (
    "The utility has not replaced its estimates. Estimates never count towards certificates."
)
_OUT_OF_REACH = (
    "By ourselves we ask for recent days only. An administrator can have older ones loaded."
)
_NO_MORE_COMES = (
    "The utility is not connected at the moment, so nothing more comes in. Once it is authorized "
    "again, we go on."
)

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


def standing(state: CoverageState, *, asked: bool, due: bool) -> CoverageState:
    """Return a stored state as it stands now: a day may have become due since it was counted."""
    if state is not CoverageState.NOT_DUE or not due:
        return state
    return CoverageState.ASKED_EMPTY if asked else CoverageState.NOT_ASKED


def next_step(state: CoverageState, *, is_connected: bool, is_asked_again: bool) -> str:
    """Return what happens next with a day, in sentences for people.

    ``is_asked_again``: the day is recent enough for the scheduled syncs to ask for it once more.
    """
    if state in {CoverageState.COMPLETE, CoverageState.RESTATED}:
        return _SETTLED
    more_comes = is_connected and (is_asked_again or state is CoverageState.NOT_DUE)
    if state is CoverageState.ESTIMATED:
        return _ESTIMATES_STAY if not more_comes else _ESTIMATES_MAY_GO
    if more_comes:
        return _PUBLISHED_LATE if state is CoverageState.NOT_DUE else _ASKED_AGAIN
    return _OUT_OF_REACH if is_connected else _NO_MORE_COMES


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
