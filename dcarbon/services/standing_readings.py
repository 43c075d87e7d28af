"""Of several statements of the same readings, which one stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from dcarbon.db.interval_days_writing import SeriesReadings


def stated_last(batches: Sequence[tuple[bool, SeriesReadings]]) -> Iterator[SeriesReadings]:
    """Yield what chosen payloads state and no other payload after them does, in order of belief."""
    later: dict[UUID, NDArray[np.int64]] = {}
    kept: list[SeriesReadings] = []
    for is_chosen, batch in reversed(batches):
        slots = _slots(batch)
        after = later.get(batch.series_id)
        if not is_chosen:
            later[batch.series_id] = slots if after is None else np.union1d(after, slots)
        elif after is None:
            kept.append(batch)
        else:
            kept.append(_where(batch, ~np.isin(slots, after)))
    return reversed(kept)


def _slots(batch: SeriesReadings) -> NDArray[np.int64]:
    # A start may be a second off its slot, as in ``interval_rows``.
    return (batch.start + 1) // batch.interval_s if batch.interval_s else batch.start


def _where(batch: SeriesReadings, mask: NDArray[np.bool_]) -> SeriesReadings:
    return replace(
        batch,
        start=batch.start[mask],
        value=batch.value[mask],
        quality=batch.quality[mask],
        duration_s=None if batch.duration_s is None else batch.duration_s[mask],
    )
