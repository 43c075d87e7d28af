"""Runs of readings written alike, read as columns from the bytes before there is a tree.

A utility's program writes one reading like the next: the same bytes but for the numbers. Such a run
is cut down to its first reading, which stays in the document and is parsed and judged like any
other; the rest needs no judgement of its own, because it is proved here to be the same markup byte
for byte. Where anything is in doubt nothing is cut: the plain way reads every document.

The proof needs every ``<`` to be markup, so documents with comments, CDATA, a DTD or, behind the
prolog, processing instructions are left alone, as are encodings in which other bytes could look
like markup.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from lxml import etree
from pyarrow import csv

from dcarbon.providers.green_button.espi.names import (
    DURATION,
    QUALITY,
    READING_QUALITY,
    START,
    TIME_PERIOD,
    VALUE,
)
from dcarbon.providers.green_button.espi.numbers import LAST_USABLE_START

_FIRST: Final = re.compile(rb"<((?:[A-Za-z_][A-Za-z0-9_.-]*:)?)IntervalReading>")
_NUMBER: Final = re.compile(r"-?[0-9]+")
_NUMBER_BETWEEN_TAGS: Final = re.compile(rb"(?<=>)-?[0-9]+(?=<)")
_TAG: Final = re.compile(rb"</?([^\s/>]*)")
_DECLARATION: Final = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^>]*?\?>")
_STYLESHEETS: Final = re.compile(rb"(?:\s*<\?[^?]*\?>)*")
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)")
_PLAIN_ENCODINGS: Final = frozenset({b"utf-8", b"us-ascii", b"ascii", b"iso-8859-1"})
_BLANKS: Final = b" \t\r\n"
_NUMBERS_ONLY: Final = bytes(byte if byte in b"0123456789-" else 32 for byte in range(256))

_LONGEST_PROLOG: Final = 4_096
_LONGEST_READING: Final = 4_096
_MOST_TEMPLATES: Final = 16
_FEWEST_READINGS: Final = 4
"""In shorter runs, the plain way is as fast."""

_LIMITS: Final = (LAST_USABLE_START, 1 << 31, None, 1 << 15)
"""Of start, duration and quality, which are not negative either; a value may be anything."""

Ints = npt.NDArray[np.int64]


class NotAlike(Exception):
    """What was cut cannot be understood from its first reading: read the document plainly."""


@dataclass(frozen=True, slots=True)
class Run:
    """The columns of one run: epoch seconds, seconds, raw values, and codes where stated."""

    start: Ints
    duration: Ints
    value: Ints
    quality: Ints | None


class Runs:
    """A document whose runs are cut down to their first reading, and the numbers of all of them."""

    def __init__(self) -> None:
        self.content = b""
        self.mark = f"run-{secrets.token_hex(8)}"
        """The attribute that the first reading of a run carries; no document can guess it."""
        self._templates: dict[tuple[bytes, ...], _Template] = {}
        self._places: list[tuple[_Template, int, int]] = []
        """Of each run: its template, its first row and the row behind its last."""

    def of(self, reading: etree._Element) -> Run | None:
        """Return the run that begins with ``reading``; ``None`` for a reading on its own.

        Raises :class:`NotAlike`.
        """
        number = reading.get(self.mark)
        if number is None:
            return None
        template, first, last = self._places[int(number)]
        return template.run(reading, first, last)

    def cut(self, region: bytes, opening: bytes) -> bytes | None:
        """Take a block's readings if all are alike; return the marked first one."""
        template = self._take(region, opening)
        if template is None:
            return None
        mark = f' {self.mark}="{len(self._places) - 1}">'.encode()
        length = region.index(template.tail) + len(template.tail)
        return opening[:-1] + mark + region[len(opening) : length]

    def read(self) -> bool:
        """Turn all numbers into integers; False where there are none or it cannot be exact."""
        used = [template for template in self._templates.values() if template.rows]
        return bool(used) and all(template.read() for template in used)

    def _take(self, region: bytes, opening: bytes) -> _Template | None:
        template = self._places[-1][0] if self._places else None
        if template is None or not template.take(region):
            template = self._template(region, opening)
            if template is None or not template.take(region):
                return None
        self._places.append((template, template.rows - template.last_rows, template.rows))
        return template

    def _template(self, region: bytes, opening: bytes) -> _Template | None:
        derived = _Template.of(region, opening)
        if derived is None or len(self._templates) == _MOST_TEMPLATES:
            return None
        return self._templates.setdefault(derived.parts, derived)


def fold(data: bytes) -> Runs | None:
    """Cut the runs of a document; ``None`` where there is none or it could not be proved."""
    if b"IntervalReading>" not in data or not _every_bracket_is_markup(data):
        return None
    found = _FIRST.search(data)
    if found is None:
        return None
    runs = Runs()
    pieces: list[bytes] = []
    kept = 0
    opening, end = found[0], b"</" + found[1] + b"IntervalBlock>"
    for start, stop in _regions(data, found.start(), opening, end):
        first = runs.cut(data[start:stop].rstrip(_BLANKS), opening)
        if first is not None:
            pieces += [data[kept:start], first]
            kept = stop
    if not runs.read():
        return None
    runs.content = b"".join([*pieces, data[kept:]])
    return runs


def _every_bracket_is_markup(data: bytes) -> bool:
    head = data[:_LONGEST_PROLOG]
    declaration = _DECLARATION.match(head)
    if declaration is None:
        if head.removeprefix(b"\xef\xbb\xbf").lstrip(_BLANKS)[:1] != b"<" or b"\0" in head[:4]:
            return False
        return b"<?" not in data and b"<!" not in data
    encoding = _ENCODING.search(declaration[0])
    if encoding and encoding[1].lower() not in _PLAIN_ENCODINGS:
        return False
    # A single character is found much faster than two, and "!" hardly ever occurs.
    if b"!" in data and b"<!" in data:
        return False
    prolog = _STYLESHEETS.match(head, declaration.end())
    return data.find(b"<?", prolog.end() if prolog else 0) < 0


def _regions(data: bytes, first: int, opening: bytes, end: bytes) -> Iterator[tuple[int, int]]:
    """Yield from the first reading of each block to the end of the block."""
    start = first
    while start >= 0:
        stop = data.find(end, start)
        if stop < 0:
            return
        yield start, stop
        start = data.find(opening, stop)


@dataclass(slots=True)
class _Template:
    """How the readings of a run are written: fixed parts around the numbers."""

    prefix: bytes
    head: bytes
    between: list[bytes]
    tail: bytes
    gap: bytes
    """Blanks between two readings."""
    rows: int = 0
    last_rows: int = 0
    """How many of the rows the last region gave."""
    _taken: list[bytes] = field(default_factory=list)
    _numbers: Ints = field(default_factory=lambda: np.empty((0, 0), np.int64))
    _slots: tuple[int, ...] = ()

    @property
    def parts(self) -> tuple[bytes, ...]:
        return (self.head, *self.between, self.tail, self.gap)

    @classmethod
    def of(cls, region: bytes, opening: bytes) -> _Template | None:
        """Derive the template from the first reading of a region."""
        second = region.find(opening, len(opening), _LONGEST_READING)
        if second < 0:
            return None
        written = region[:second]
        reading = written.rstrip(_BLANKS)
        prefix = opening[1:].removesuffix(b"IntervalReading>")
        closing = b"</" + opening[1:]
        if reading.find(closing) != len(reading) - len(closing):
            return None
        # A second prefix could be bound to something else in another block.
        names = _TAG.findall(reading)
        if not all(n.startswith(prefix) and b":" not in n[len(prefix) :] for n in names):
            return None
        parts = _NUMBER_BETWEEN_TAGS.split(reading)
        if len(parts) != len(_numbers(reading, prefix)) + 1 or len(parts) == 1:
            return None
        return cls(prefix, parts[0], parts[1:-1], parts[-1], written[len(reading) :])

    def take(self, region: bytes) -> bool:
        """Take the numbers of a region if it holds readings of this template and nothing else.

        The region is written anew from the template and its numbers: only if every byte is the
        same is it what it seems to be.
        """
        numbers = _numbers(region, self.prefix)
        rows, rest = divmod(len(numbers), len(self.between) + 1)
        if rest or rows < _FEWEST_READINGS:
            return False
        pieces = [b""] * (2 * len(numbers) + 1)
        pieces[1::2] = numbers
        pieces[0::2] = [
            self.head,
            *([*self.between, self.tail + self.gap + self.head] * rows)[:-1],
            self.tail,
        ]
        if b"".join(pieces) != region:
            return False
        self._taken.append(b"\n".join(numbers))
        self.rows += rows
        self.last_rows = rows
        return True

    def read(self) -> bool:
        """Turn what was taken into integers; False where that is not possible exactly."""
        try:
            table = csv.read_csv(
                pa.BufferReader(b"\n".join(self._taken)),
                read_options=csv.ReadOptions(column_names=["number"], use_threads=False),
                parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
                convert_options=csv.ConvertOptions(
                    column_types={"number": pa.int64()}, null_values=[]
                ),
            )
        except pa.ArrowInvalid:  # a minus inside, or more than 64 bits
            return False
        self._taken.clear()
        numbers = table["number"].to_numpy()
        self._numbers = np.ascontiguousarray(numbers.reshape(self.rows, -1).T)
        return True

    def run(self, reading: etree._Element, first: int, last: int) -> Run:
        """Return the columns of the rows from ``first`` to ``last``.

        The markup being the same in all of them, and all names having one prefix, one reading is
        enough to know which number is what.
        """
        if not self._slots:
            self._slots = _slots(reading, len(self._numbers))
            self._check_plain()
        start, duration, value, *quality = (self._numbers[slot, first:last] for slot in self._slots)
        return Run(start, duration, value, quality[0] if quality else None)

    def _check_plain(self) -> None:
        """Refuse numbers that need thought, such as times in milliseconds."""
        for slot, limit in zip(self._slots, _LIMITS, strict=False):
            column = self._numbers[slot]
            if limit is not None and not (column.min() >= 0 and column.max() < limit):
                raise NotAlike


def _numbers(written: bytes, prefix: bytes) -> list[bytes]:
    """Return what looks like a number; a prefix such as PG&E's ``ns0:`` is none."""
    if any(byte in b"0123456789-" for byte in prefix):
        written = written.replace(prefix, b"<")
    return written.translate(_NUMBERS_ONLY).split()


def _slots(reading: etree._Element, numbers: int) -> tuple[int, ...]:
    """Return which of its numbers are start, duration, value and, where stated, quality.

    Raises :class:`NotAlike` where a reading does not have each of them once as a plain number.
    """
    leaves = [
        element
        for element in reading.iter()
        if not len(element) and _NUMBER.fullmatch(element.text or "")
    ]
    period = _only(reading, TIME_PERIOD)
    wanted = [_only(period, START), _only(period, DURATION), _only(reading, VALUE)]
    if reading.find(READING_QUALITY) is not None:
        wanted.append(_only(_only(reading, READING_QUALITY), QUALITY))
    if len(leaves) != numbers or any(element not in leaves for element in wanted):
        raise NotAlike
    return tuple(leaves.index(element) for element in wanted)


def _only(parent: etree._Element, tag: str) -> etree._Element:
    found = parent.findall(tag)
    if len(found) != 1:
        raise NotAlike
    return found[0]
