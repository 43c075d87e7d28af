"""Interval readings as columns, collected block by block. Whose they are is decided later.

A block is read as columns by tag, which is four times as fast as reading by reading. Columns may
only be laid side by side when every reading holds exactly one of each; that is proved per block
from the parents of the elements, and a block for which it does not hold is walked.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from lxml import etree

from dcarbon.domain.flows import ESTIMATED_QUALITIES
from dcarbon.providers.green_button.espi.names import (
    DURATION,
    INTERVAL,
    INTERVAL_READING,
    QUALITY,
    READING_QUALITY,
    START,
    TIME_PERIOD,
    VALUE,
)
from dcarbon.providers.green_button.espi.numbers import (
    LAST_USABLE_START,
    MILLISECONDS_FROM,
    integer,
    seconds,
    usable_start,
)
from dcarbon.providers.green_button.espi.runs import Run, Runs
from dcarbon.providers.green_button.espi.safe_xml import refused

NOT_STATED = -1
"""In the columns of duration and quality: the reading does not say."""
_INT64 = 1 << 63
_INT32 = 1 << 31
_INT16 = 1 << 15


@dataclass(slots=True)
class Leftover:
    """Readings of one block that are not in the columns, because their times cannot be used."""

    readings: int = 0
    total: int = 0
    """Sum of their raw values."""


@dataclass(slots=True)
class Columns:
    """All readings of a document in its order, and for each block how many of them are its own."""

    start: array[int] = field(default_factory=lambda: array("q"))
    duration: array[int] = field(default_factory=lambda: array("i"))
    value: array[int] = field(default_factory=lambda: array("q"))
    quality: array[int] = field(default_factory=lambda: array("h"))

    rows: array[int] = field(default_factory=lambda: array("q"))
    """Per block: its number of rows."""
    owner: array[int] = field(default_factory=lambda: array("q"))
    """Per block: which group of links it came with."""
    updated: array[int] = field(default_factory=lambda: array("q"))
    """Per block: when its entry was updated, epoch seconds."""
    interval_start: array[int] = field(default_factory=lambda: array("q"))
    interval_end: array[int] = field(default_factory=lambda: array("q"))
    """Per block: the declared interval, ``NOT_STATED`` where it has none that is readable."""
    in_milliseconds: array[int] = field(default_factory=lambda: array("b"))

    leftovers: dict[int, Leftover] = field(default_factory=dict)
    without_value: int = 0
    odd_values: int = 0
    runs: Runs | None = None
    """What was cut out of the document before it was parsed, if anything."""
    _open: _OpenBlock | None = None

    def begin_block(self) -> None:
        """Start a block; :meth:`add` may follow several times before :meth:`end_block`."""
        self._open = _OpenBlock(len(self.start))

    def add(self, block: etree._Element) -> None:
        """Take the readings of a finished IntervalBlock or of a finished part of one.

        Raises ``UnreadablePayload`` (``ambiguous_reading``) where one reading states a value,
        time or period twice.
        """
        if self._open is None:
            self.begin_block()
        assert self._open is not None
        interval = block.find(INTERVAL)
        if interval is not None:
            self._open.take_interval(interval)
            block.remove(interval)
        if not self._add_runs(block, self._open) and not self._add_columns(block):
            self._walk(block, self._open)

    def end_block(self, owner: int, updated: int = 0) -> None:
        """Close the block under the number of its links."""
        block = self._open
        assert block is not None
        if block.leftover.readings:
            self.leftovers[len(self.rows)] = block.leftover
        self.rows.append(len(self.start) - block.first_row)
        self.owner.append(owner)
        self.updated.append(updated)
        self.interval_start.append(block.interval_start)
        self.interval_end.append(block.interval_end)
        self.in_milliseconds.append(block.in_milliseconds)
        self._open = None

    def settle(self, first_block: int, owner: int, updated: int) -> None:
        """Set the links of all blocks from ``first_block`` on: an entry may end after them."""
        for number in range(first_block, len(self.rows)):
            self.owner[number] = owner
            self.updated[number] = updated

    def _add_runs(self, block: etree._Element, into: _OpenBlock) -> bool:
        """Append the runs of the block that were cut down to a reading; say whether it has any.

        Raises :class:`NotAlike` where they cannot be understood from that reading.
        """
        if self.runs is None:
            return False
        readings = list(block.iterchildren(INTERVAL_READING))
        if not any(reading.get(self.runs.mark) for reading in readings):
            return False
        for reading in readings:
            run = self.runs.of(reading)
            if run is None:
                self._add_reading(reading, into)
            else:
                self._add_run(run)
        return True

    def _add_run(self, run: Run) -> None:
        quality = np.int16(NOT_STATED) if run.quality is None else run.quality
        self.start.frombytes(run.start.tobytes())
        self.duration.frombytes(run.duration.astype(np.int32).tobytes())
        self.value.frombytes(run.value.tobytes())
        self.quality.frombytes(np.broadcast_to(quality, run.start.shape).astype(np.int16).tobytes())

    def _add_columns(self, block: etree._Element) -> bool:
        """Append the block's columns if they are provably aligned and plain; say whether."""
        texts = _aligned(block)
        if texts is None:
            return False
        try:
            joined = "".join(["".join(column) for column in texts])
            starts, durations, values, qualities = (list(map(int, column)) for column in texts)
        except (TypeError, ValueError):  # an empty element has no text; a fraction is no integer
            return False
        if "_" in joined or not joined.isascii():  # int() is more generous than XML schema
            return False
        if not _plain(starts, durations, values, qualities):
            return False
        self.start.fromlist(starts)
        self.duration.fromlist(durations)
        self.value.fromlist(values)
        self.quality.fromlist(qualities or [NOT_STATED] * len(starts))
        return True

    def _walk(self, block: etree._Element, into: _OpenBlock) -> None:
        for reading in block.iterchildren(INTERVAL_READING):
            self._add_reading(reading, into)

    def _add_reading(self, reading: etree._Element, into: _OpenBlock) -> None:
        text = _only_text(reading, VALUE)
        period = _only(reading, TIME_PERIOD)
        raw_start = integer(_only_text(period, START))
        duration = _duration(_only_text(period, DURATION))
        if not text:
            self.without_value += 1
            return
        value = integer(text)
        if value is None or not -_INT64 <= value < _INT64:
            self.odd_values += 1
            return
        start = seconds(raw_start)
        if start is None or duration is None or not usable_start(start):
            into.leftover.readings += 1
            into.leftover.total += value
            return
        if start != raw_start:
            into.in_milliseconds = 1
        self.start.append(start)
        self.duration.append(duration)
        self.value.append(value)
        self.quality.append(_quality(reading))


@dataclass(slots=True)
class _OpenBlock:
    first_row: int
    interval_start: int = NOT_STATED
    interval_end: int = NOT_STATED
    in_milliseconds: int = 0
    leftover: Leftover = field(default_factory=Leftover)

    def take_interval(self, interval: etree._Element) -> None:
        start = seconds(integer(interval.findtext(START)))
        duration = seconds(integer(interval.findtext(DURATION)))
        if usable_start(start) and duration is not None and 0 <= duration < _INT32:
            assert start is not None
            self.interval_start, self.interval_end = start, start + duration


def _aligned(block: etree._Element) -> tuple[list[str], ...] | None:
    """Return the texts of starts, durations, values and qualities if each reading has one of each.

    The k-th value, period, start and duration must hang on the k-th reading; qualities may be
    absent altogether.
    """
    readings = list(block.iterchildren(INTERVAL_READING))
    periods = list(block.iter(TIME_PERIOD))
    if [period.getparent() for period in periods] != readings:
        return None
    values = _texts(block, VALUE, readings)
    starts = _texts(block, START, periods)
    durations = _texts(block, DURATION, periods)
    if values is None or starts is None or durations is None:
        return None
    if next(block.iter(QUALITY), None) is None:
        return starts, durations, values, []
    frames = list(block.iter(READING_QUALITY))
    if [frame.getparent() for frame in frames] != readings:
        return None
    qualities = _texts(block, QUALITY, frames)
    return None if qualities is None else (starts, durations, values, qualities)


def _texts(block: etree._Element, tag: str, parents: list[etree._Element]) -> list[str] | None:
    """Return one text per parent, if each parent has exactly one such child and it is plain text.

    An element inside would hide a part of the digits.
    """
    elements = list(block.iter(tag))
    if [element.getparent() for element in elements] != parents or any(map(len, elements)):
        return None
    return [element.text for element in elements]  # type: ignore[misc] # None is found by join()


def _plain(
    starts: list[int], durations: list[int], values: list[int], qualities: list[int]
) -> bool:
    """Say whether all numbers fit the columns and need no thought."""
    if not starts:
        return True
    return (
        min(starts) >= 0
        and max(starts) < LAST_USABLE_START
        and min(durations) >= 0
        and max(durations) < _INT32
        and min(values) >= -_INT64
        and max(values) < _INT64
        and (not qualities or (min(qualities) >= 0 and max(qualities) < _INT16))
    )


def _only(parent: etree._Element | None, tag: str) -> etree._Element | None:
    """Return the one child of that name; refuse a document that has two in one reading."""
    if parent is None:
        return None
    found = parent.findall(tag)
    if len(found) > 1:
        raise refused("ambiguous_reading", f"{len(found)} {tag} in one reading")
    return found[0] if found else None


def _only_text(parent: etree._Element | None, tag: str) -> str | None:
    element = _only(parent, tag)
    if element is None:
        return None
    if len(element):
        raise refused("ambiguous_reading", f"markup inside {tag}")
    return (element.text or "").strip()


def _duration(text: str | None) -> int | None:
    """Return seconds, ``NOT_STATED`` where the reading has none, ``None`` where it is absurd."""
    if not text:
        return NOT_STATED
    value = integer(text)
    if value is not None and value > MILLISECONDS_FROM:
        value = seconds(value)
    return value if value is not None and 0 <= value < _INT32 else None


def _quality(reading: etree._Element) -> int:
    """Return the reading's own quality; of several, the one that says it was estimated."""
    codes = [integer(frame.findtext(QUALITY)) for frame in reading.iterchildren(READING_QUALITY)]
    known = [code for code in codes if code is not None and 0 <= code < _INT16]
    if not known:
        return NOT_STATED
    return next((code for code in known if code in ESTIMATED_QUALITIES), known[0])
