"""Rows of readings as numpy columns: repaired, sorted, each stated once. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcarbon.providers.green_button.espi.blocks import NOT_STATED, Columns

Ints = npt.NDArray[np.int64]

_HOUR_S = 3600


@dataclass(slots=True)
class Rows:
    """One row per reading. ``block`` is the number of its IntervalBlock."""

    channel: npt.NDArray[np.int32]
    block: npt.NDArray[np.int32]
    start: npt.NDArray[np.int64]
    duration: npt.NDArray[np.int32]
    value: npt.NDArray[np.int64]
    quality: npt.NDArray[np.int16]

    def take(self, chosen: npt.NDArray[np.bool_] | Ints) -> Rows:
        """Return the chosen rows, by mask or by index."""
        return Rows(
            self.channel[chosen],
            self.block[chosen],
            self.start[chosen],
            self.duration[chosen],
            self.value[chosen],
            self.quality[chosen],
        )


@dataclass(slots=True)
class Repairs:
    """How many rows were changed or dropped, and why."""

    milliseconds: int = 0
    assumed_durations: int = 0
    duplicates: int = 0
    conflicts: int = 0
    repeated_hours: int = 0


def from_columns(columns: Columns, channel_of_owner: list[int]) -> Rows:
    """Lay the collected columns side by side without copying them."""
    owners = np.frombuffer(columns.owner, dtype=np.int64)
    counts = np.frombuffer(columns.rows, dtype=np.int64)
    per_block = np.asarray(channel_of_owner, dtype=np.int32)[owners]
    return Rows(
        channel=np.repeat(per_block, counts),
        block=np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        start=np.frombuffer(columns.start, dtype=np.int64),
        duration=np.frombuffer(columns.duration, dtype=np.int32),
        value=np.frombuffer(columns.value, dtype=np.int64),
        quality=np.frombuffer(columns.quality, dtype=np.int16),
    )


def repair_durations(
    rows: Rows, columns: Columns, declared: list[int | None], repairs: Repairs
) -> None:
    """Fill durations from the ReadingType where the reading has none, and unscale milliseconds.

    A duration is taken for milliseconds only beside a start in milliseconds and when it is
    exactly a thousand times the declared interval length.
    """
    lengths = np.asarray([length or NOT_STATED for length in declared], dtype=np.int64)
    missing = rows.duration == NOT_STATED
    if missing.any():
        rows.duration = np.where(missing, lengths[rows.channel], rows.duration).astype(np.int32)
        repairs.assumed_durations = int((missing & (rows.duration != NOT_STATED)).sum())
    if 1 in columns.in_milliseconds:
        marks = np.frombuffer(columns.in_milliseconds, dtype=np.int8).astype(np.int64)
        in_milliseconds = marks[rows.block] == 1
        length = lengths[rows.channel]
        scaled = in_milliseconds & (rows.duration == length * 1000) & (length > 0)
        rows.duration = np.where(scaled, length, rows.duration).astype(np.int32)
        repairs.milliseconds = int(in_milliseconds.sum())


def is_sorted(rows: Rows) -> bool:
    """Say whether rows increase strictly by channel, then start: then none is stated twice."""
    if len(rows.start) < 2:  # noqa: PLR2004 — one row is sorted
        return True
    later = rows.start[1:] > rows.start[:-1]
    if rows.channel[0] == rows.channel[-1] and (rows.channel == rows.channel[0]).all():
        return bool(later.all())
    same = rows.channel[1:] == rows.channel[:-1]
    return bool(((rows.channel[1:] > rows.channel[:-1]) | (same & later)).all())


def sort_order(rows: Rows, columns: Columns) -> Ints:
    """Return the order by channel, start, duration; of equal ones the latest statement last.

    Statements updated at the same time keep the order of the document.
    """
    updated = np.frombuffer(columns.updated, dtype=np.int64)[rows.block]
    return np.lexsort((updated, rows.duration, rows.start, rows.channel))


def last_statements(rows: Rows, repairs: Repairs) -> npt.NDArray[np.bool_]:
    """Mark of sorted rows the last one for each channel, start and duration; count the others.

    One hour stated twice inside one block is no correction: it is the autumn hour of a utility that
    writes its local clock (reference 5.6). Both are kept, in the order of the document.
    """
    again = (
        (rows.channel[1:] == rows.channel[:-1])
        & (rows.start[1:] == rows.start[:-1])
        & (rows.duration[1:] == rows.duration[:-1])
    )
    autumn = again & (rows.block[1:] == rows.block[:-1])
    repeated_s = np.bincount(
        rows.block[1:][autumn], rows.duration[1:][autumn], rows.block.max() + 1
    )
    autumn &= repeated_s[rows.block[1:]] == _HOUR_S
    again &= ~autumn
    repairs.repeated_hours = int(autumn.any())
    conflicting = again & (rows.value[1:] != rows.value[:-1])
    repairs.conflicts = int(conflicting.sum())
    repairs.duplicates = int(again.sum()) - repairs.conflicts
    return np.append(~again, True)


def standing_still(rows: Rows) -> list[int]:
    """Return the channels whose starts are all the same for different values.

    Such a file has lost its times (reference 5.10, National Grid): no reading may get one.
    """
    found = []
    for channel in np.unique(rows.channel):
        mine = rows.channel == channel
        starts, values = rows.start[mine], rows.value[mine]
        if len(starts) > 2 and (starts == starts[0]).all() and (values != values[0]).any():  # noqa: PLR2004 — two may be a correction
            found.append(int(channel))
    return found


def behaves_like_usage(values: Ints) -> bool:
    """Say whether values in time order cannot be a register's, which never runs backwards.

    One step back may be a register rolling over; several, at least a tenth of all steps, are not.
    A series of nothing but zeros counts as usage: either way nothing flowed.
    """
    if not len(values):
        return False
    if not values.any():
        return True
    steps_back = int((values[1:] < values[:-1]).sum())
    return steps_back >= 2 and steps_back * 10 >= len(values) - 1  # noqa: PLR2004 — see above
