"""Wall-clock times written as if they were UTC, put right by the meter's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray


def true_instants(
    starts: NDArray[np.int64], channels: NDArray[np.int32], zone: ZoneInfo
) -> NDArray[np.int64]:
    """Return the UTC epoch seconds of local ``starts`` that were written as if they were UTC.

    ``channels`` says whose reading each is. The autumn hour that comes twice is told apart by the
    order of a channel's readings: the second statement of a start belongs to its second coming.
    """
    if starts.size == 0:
        return starts
    hours, inverse = np.unique(starts // 3600, return_inverse=True)
    offsets, shifts = np.array([_wall_hour(int(hour), zone) for hour in hours], dtype=np.int64).T
    instants: NDArray[np.int64] = starts - offsets[inverse]
    return instants + np.where(_stated_again(instants, channels), shifts[inverse], 0)


def _wall_hour(hour: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return the offset of a wall-clock hour, and how much later it comes again: in autumn only."""
    wall = datetime.fromtimestamp(hour * 3600, tz=UTC).replace(tzinfo=zone)
    first, second = (_offset(wall.replace(fold=fold)) for fold in (0, 1))
    return first, max(0, first - second)


def _offset(wall: datetime) -> int:
    offset = wall.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _stated_again(instants: NDArray[np.int64], channels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Say which readings start as an earlier one of their channel does.

    Outside the autumn hour that is a mere repeat, as of blocks that overlap.
    """
    order = np.lexsort((np.arange(instants.size), instants, channels))
    sorted_instants, sorted_channels = instants[order], channels[order]
    again = np.zeros(instants.size, dtype=bool)
    again[order[1:]] = (sorted_instants[1:] == sorted_instants[:-1]) & (
        sorted_channels[1:] == sorted_channels[:-1]
    )
    return again
