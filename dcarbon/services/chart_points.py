"""Fewer points for a chart, such that no peak, no trough and no gap is lost."""

from __future__ import annotations

import numpy as np
from tsdownsample import MinMaxDownsampler

from dcarbon.db.interval_rows import Bool
from dcarbon.services import reading_steps
from dcarbon.services.reading_steps import Line, Panel

_SMALLEST = 4
"""What the algorithm needs: a bucket gives its least and its greatest."""
_downsampler = MinMaxDownsampler()


def thinned(panel: Panel, most: int) -> Panel:
    """Return the panel with about ``most`` steps of each line, the panel itself if it has no more.

    The least and the greatest of each ``most / 2`` equally many readings stay; so do the first and
    last reading beside each gap, and each gap. Values are never changed or averaged.
    """
    most = max(_SMALLEST, most // 2 * 2)
    if len(panel.start) <= most:
        return panel
    chosen = np.any([_extremes(line, most) | _borders(line) for line in panel.lines], axis=0)
    return reading_steps.taken(panel, chosen, is_thinned=True)


def _extremes(line: Line, most: int) -> Bool:
    chosen = np.zeros(len(line.value), np.bool_)
    places = np.flatnonzero(line.is_present)
    if len(places) > most:
        # Only values that are there: an absent one has a number in its place that means nothing.
        places = places[_downsampler.downsample(line.value[places], n_out=most)]
    chosen[places] = True
    return chosen


def _borders(line: Line) -> Bool:
    """Mark both sides of every change between readings and gap, and both ends of the line."""
    changes = line.is_present[1:] != line.is_present[:-1]
    first_or_after = np.concatenate(([True], changes))
    last_or_before = np.concatenate((changes, [True]))
    is_gap = ~line.is_present
    return np.asarray(first_or_after | (last_or_before & ~is_gap), np.bool_)
