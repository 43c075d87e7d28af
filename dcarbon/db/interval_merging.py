"""Merging what a provider states now into the interval days stored before, slot by slot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dcarbon.db import interval_rows as ir
from dcarbon.db.interval_rows import Bool, DayRows, Int
from dcarbon.domain.errors import ContractViolation


@dataclass(frozen=True, slots=True)
class Merged:
    """The rows as they should be stored, and per row what became of its readings, shape (n,)."""

    rows: DayRows
    filled: Int
    """Slots that were missing and now have a reading."""
    restated: Int
    """Slots whose reading is now a different quantity."""
    requalified: Int
    """Slots with the same quantity and another quality."""

    @property
    def is_changed(self) -> Bool:
        return (self.filled + self.restated + self.requalified) > 0


def merge(incoming: DayRows, stored: DayRows) -> Merged:
    """Merge rows of the same series and days: incoming wins, a missing reading never does.

    A quality that is not stated leaves the quality of an unchanged reading as it was. Quantities
    are compared at a common exponent, exactly.
    """
    new, old, exponent = at_common_exponent(incoming, stored)
    both = incoming.present & stored.present
    same = both & (new == old)
    keeps_quality = same & (incoming.quality == ir.NOT_STATED)
    takes_quality = incoming.present & ~keeps_quality
    quality = np.where(takes_quality, incoming.quality, stored.quality)
    rows = replace(
        incoming,
        values=np.where(incoming.present, new, old),
        present=incoming.present | stored.present,
        quality=quality,
        exponent=exponent,
    )
    return Merged(
        rows,
        filled=_count(incoming.present & ~stored.present),
        restated=_count(both & ~same),
        requalified=_count(same & (quality != stored.quality)),
    )


def _count(slots: Bool) -> Int:
    return np.asarray(np.count_nonzero(slots, axis=1), np.int64)


def at_common_exponent(incoming: DayRows, stored: DayRows) -> tuple[Int, Int, Int]:
    """Return both rows' values at the smaller exponent, coarser where int64 cannot hold that."""
    new, old, exponent, overflow = _at_smaller_exponent(
        incoming.values, incoming.exponent, stored.values, stored.exponent
    )
    if not overflow.any():
        return new, old, exponent
    coarse_new = ir.coarsest(incoming.values[overflow], incoming.exponent[overflow])
    coarse_old = ir.coarsest(stored.values[overflow], stored.exponent[overflow])
    new[overflow], old[overflow], exponent[overflow], still = _at_smaller_exponent(
        *coarse_new, *coarse_old
    )
    if still.any():
        raise ContractViolation(
            f"{np.count_nonzero(still)} days have values with no common exponent in 64 bits",
            code="value_too_large",
        )
    return new, old, exponent


def _at_smaller_exponent(
    new: Int, new_exponent: Int, old: Int, old_exponent: Int
) -> tuple[Int, Int, Int, Bool]:
    exponent = np.minimum(new_exponent, old_exponent)
    if (new_exponent == old_exponent).all():
        return new, old, exponent, np.zeros(len(new), np.bool_)
    new, new_overflow = ir.rescaled(new, new_exponent - exponent)
    old, old_overflow = ir.rescaled(old, old_exponent - exponent)
    return new, old, exponent, new_overflow | old_overflow
