"""The readings of an export in the order they are written: by meter, channel and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dcarbon.db import sourced_readings
from dcarbon.db.engine import Sessions
from dcarbon.db.interval_rows import NOT_STATED, Int
from dcarbon.db.sourced_readings import SourcedReadings
from dcarbon.domain import reading_quality
from dcarbon.domain.clock_spans import clock_spans
from dcarbon.services import exports_reading
from dcarbon.services.exports_plan import Plan, PlannedChannel, PlannedMeter


@dataclass(frozen=True, slots=True)
class Clock:
    """The offsets of a meter's zone over its range, from each of some starts on."""

    starts: Int
    offsets_s: Int

    @classmethod
    def of(cls, meter: PlannedMeter) -> Clock:
        spans = clock_spans(meter.span.start, meter.span.end, meter.zone)
        return cls(
            np.array([int(one.start.timestamp()) for one in spans], np.int64),
            np.array([int(one.offset.total_seconds()) for one in spans], np.int64),
        )

    def at(self, seconds: Int) -> Int:
        """Return the offset at each of some instants, in seconds."""
        place = np.searchsorted(self.starts, seconds, side="right") - 1
        return self.offsets_s[np.maximum(place, 0)]


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive readings of one channel, as columns. Small sets stand beside their places."""

    meter: PlannedMeter
    channel: PlannedChannel
    start_s: Int
    """Seconds since 1970 UTC."""
    duration_s: NDArray[np.int32]
    value: Int
    exponent: int
    offset: NDArray[np.intp]
    offsets_s: tuple[int, ...]
    """What is to be added to UTC for the clock at the meter."""
    quality: NDArray[np.intp]
    qualities: tuple[int | None, ...]
    is_restated: NDArray[np.bool_]
    payload: Int
    payload_hashes: tuple[str, ...]
    """SHA-256 in hexadecimal digits."""

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def local_s(self) -> Int:
        """What the clock at the meter showed, counted as if it were UTC."""
        return self.start_s + np.array(self.offsets_s, np.int64)[self.offset]

    @property
    def offset_texts(self) -> list[str]:
        """``offsets_s`` as ``-08:00``."""
        return [offset_text(one) for one in self.offsets_s]

    @property
    def quality_words(self) -> list[str]:
        return [reading_quality.word(one) for one in self.qualities]

    def slices(self, rows: int) -> Iterator[Block]:
        """Yield the block in pieces of at most so many readings."""
        for at in range(0, len(self), rows):
            yield self._piece(slice(at, at + rows))

    def parted(self, rows: int) -> tuple[Block, Block]:
        """Return the first so many readings, and the others."""
        return self._piece(slice(0, rows)), self._piece(slice(rows, len(self)))

    def _piece(self, chosen: slice) -> Block:
        return Block(
            self.meter,
            self.channel,
            self.start_s[chosen],
            self.duration_s[chosen],
            self.value[chosen],
            self.exponent,
            self.offset[chosen],
            self.offsets_s,
            self.quality[chosen],
            self.qualities,
            self.is_restated[chosen],
            self.payload[chosen],
            self.payload_hashes,
        )


def blocks(sessions: Sessions, plan: Plan) -> Iterator[Block]:
    """Yield every reading of the plan. A connection is taken for each block and given back."""
    for meter in plan.meters:
        clock = Clock.of(meter)
        for channel in meter.channels:
            for part in exports_reading.parts(channel.line, meter.span):
                with sessions.begin() as session:
                    found = exports_reading.read(
                        session, channel.line, part, as_known_at=plan.as_known_at
                    )
                    known = sourced_readings.hashes(session, found.payload_ids)
                if len(found):
                    hashes = tuple(known[one].hex() for one in found.payload_ids)
                    yield _block(meter, channel, found, hashes, clock)


def offset_text(seconds: int) -> str:
    """Return an offset from UTC as ISO 8601 writes it, ``-08:00``."""
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


def _block(
    meter: PlannedMeter,
    channel: PlannedChannel,
    found: SourcedReadings,
    hashes: tuple[str, ...],
    clock: Clock,
) -> Block:
    columns = found.columns
    offsets, offset = np.unique(clock.at(columns.start), return_inverse=True)
    codes, quality = np.unique(columns.quality, return_inverse=True)
    return Block(
        meter=meter,
        channel=channel,
        start_s=columns.start,
        duration_s=columns.duration_s,
        value=columns.value,
        exponent=columns.exponent,
        offset=offset,
        offsets_s=tuple(offsets.tolist()),
        quality=quality,
        qualities=tuple(None if one == NOT_STATED else one for one in codes.tolist()),
        is_restated=found.is_restated,
        payload=found.payload,
        payload_hashes=hashes,
    )
