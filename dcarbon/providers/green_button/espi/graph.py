"""Which blocks belong to which MeterReading, ReadingType and UsagePoint: by links, never by order.

The steps follow reference 5.3; each of them is needed by at least one real file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dcarbon.providers.columns import ParseWarning
from dcarbon.providers.green_button.espi.document import Document
from dcarbon.providers.green_button.espi.links import (
    NO_LINKS,
    Links,
    parents,
    path_through,
    segment_after,
)
from dcarbon.providers.green_button.espi.local_time import LocalTimeParameters
from dcarbon.providers.green_button.espi.usage import (
    MeterReading,
    ReadingType,
    UsagePoint,
    reading_type_from_id,
)

UNKNOWN_TYPE = ReadingType()
_TEXTS = {
    "conflicting_links": "{n} interval block(s) name one meter reading by their self link and"
    " another by their up link; the self link was followed",
    "conflicting_reading_types": "{n} meter reading(s) name a reading type that the file states in"
    " different ways; the one that fits the length of the readings was taken, else the first",
    "conflicting_usage_points": "{n} usage point(s) share their self link with a different one;"
    " the first was taken",
    "unmatched_reading_type": "{n} meter reading(s) name a reading type that is not in the file;"
    " the only one in the file was taken",
    "reading_type_from_id": "{n} meter reading(s) come without their reading type; the direction"
    " was read from its identifier, unit and scale are unknown",
    "no_reading_type": "{n} meter reading(s) come without a reading type; unit, scale and"
    " direction are unknown",
    "doubtful_dst_rules": "{n} local time parameter(s) carry incomplete or senseless daylight"
    " saving rules; use the utility's own time zone",
    "differing_offsets": "the file states {n} different standard-time offsets",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A MeterReading or UsagePoint, declared in the document or implied by a path."""

    key: str
    links: Links = NO_LINKS
    declared: bool = True


NOBODY = Node("", declared=False)
"""The owner of blocks without any link: one anonymous series per document (step 3f)."""


@dataclass(slots=True)
class Notes:
    """Warnings with how often each was met, so that 10,000 blocks make one sentence."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, code: str, times: int = 1) -> None:
        self.counts[code] += times

    def warnings(self) -> tuple[ParseWarning, ...]:
        return tuple(
            ParseWarning(code, _TEXTS[code].format(n=count)) for code, count in self.counts.items()
        )


class Graph:
    """The resources of one document by path, and the questions one may ask about them.

    ``context`` fills in what the document only names (step 7). What the document states itself
    counts, and where it has the only resource of a kind, a larger context does not change that.
    """

    def __init__(self, document: Document, context: Document | None = None) -> None:
        self.notes = Notes()
        self.meter_readings: dict[str, Node] = {}
        self.usage_points: dict[str, Node] = {}
        self.points: dict[str, UsagePoint] = {}
        self.spoken_of: set[str] = set()
        """Keys of the nodes the document declares, or its readings belong to."""
        self._nested: dict[str, ReadingType] = {}
        self._related_readings: dict[str, str] = {}
        self._related_points: dict[str, str] = {}
        self._types: dict[str, list[ReadingType]] = {}
        self._all_types: list[ReadingType] = []
        self._take(document, unnamed="#")
        self.declared_readings = list(self.meter_readings.values())
        self.spoken_of.update(self.meter_readings, self.usage_points)
        self._only_types = [list(self._all_types)]
        self._only_readings = [self.declared_readings]
        self._only_points = [list(self.usage_points.values())]
        if context is not None:
            self._take(context, unnamed="#context-")
            self._only_types.append(self._all_types)
            self._only_readings.append(list(self.meter_readings.values()))
            self._only_points.append(list(self.usage_points.values()))

    def reading_of(self, block: Links, *, blocks: int = 1) -> Node:
        """Return the MeterReading of a group of so many blocks with the same parent links (step 3).

        It is an implied one where none is declared.
        """
        return self._noted(self._reading_of(block, blocks))

    def _reading_of(self, block: Links, blocks: int) -> Node:
        by_self = self._longest(self.meter_readings, block.selfs)
        by_up = self._first(self._related_readings, block.ups)
        if by_self and by_up and by_self != by_up:
            self.notes.add("conflicting_links", blocks)
        found = by_self or by_up or self._first(self._related_readings, block.selfs)
        if found:
            return self.meter_readings[found]
        paths = (*block.selfs, *block.ups)
        only = self._only(self._only_readings, paths)
        if only:
            return only
        return self._implied(self.meter_readings, paths, "MeterReading") or NOBODY

    def point_of(self, reading: Node) -> Node:
        """Return the UsagePoint of a MeterReading (step 5); key "" where nothing names one."""
        return self._noted(self._point_of(reading))

    def _point_of(self, reading: Node) -> Node:
        links = reading.links
        found = (
            self._longest(self.usage_points, links.selfs or (reading.key,))
            or self._first(self._related_points, links.ups)
            or self._first(self._related_points, links.selfs)
            or next((path for path in links.related if path in self.usage_points), None)
        )
        if found:
            return self.usage_points[found]
        paths = (*links.selfs, *links.ups, reading.key)
        only = self._only(self._only_points, paths)
        if only:
            return only
        return self._implied(self.usage_points, paths, "UsagePoint") or NOBODY

    def type_of(self, reading: Node, durations: Iterable[int]) -> ReadingType:
        """Return the ReadingType of a MeterReading (step 4); :data:`UNKNOWN_TYPE` if unknown.

        Two different types under one self link are told apart by ``durations``, the lengths of
        the readings; titles never decide (reference 5.7).
        """
        for path in reading.links.related:
            candidates = self._types.get(path)
            if candidates:
                return self._fitting(candidates, durations)
        if reading.key in self._nested:
            return self._nested[reading.key]
        named = [path for path in reading.links.related if segment_after(path, "ReadingType")]
        only = next((types[0] for types in self._only_types if len(types) == 1), None)
        if only is not None:
            if named:
                self.notes.add("unmatched_reading_type")
            return only
        return self._type_from_ids(reading, named)

    def _fitting(self, candidates: Sequence[ReadingType], durations: Iterable[int]) -> ReadingType:
        if len(candidates) == 1:
            return candidates[0]
        self.notes.add("conflicting_reading_types")
        lengths = set(durations)
        fitting = [one for one in candidates if lengths and {one.interval_s} == lengths]
        return (fitting or candidates)[0]

    def _type_from_ids(self, reading: Node, named: Sequence[str]) -> ReadingType:
        identifiers = [segment_after(path, "ReadingType") for path in named]
        identifiers.append(segment_after(reading.key, "MeterReading"))
        for identifier in identifiers:
            decoded = reading_type_from_id(identifier) if identifier else None
            if decoded:
                self.notes.add("reading_type_from_id")
                return decoded
        self.notes.add("no_reading_type")
        return UNKNOWN_TYPE

    def _noted(self, node: Node) -> Node:
        if node.key:
            self.spoken_of.add(node.key)
        return node

    def _take(self, document: Document, *, unnamed: str) -> None:
        """Add the resources of a document; what an earlier one states of the same path stays."""
        self._take_types(document.of(ReadingType), frozenset(self._types))
        self._take_points(document.of(UsagePoint), frozenset(self.points), unnamed)
        self._take_readings(document.of(MeterReading), unnamed)

    def _take_types(
        self, found: Iterable[tuple[Links, ReadingType]], settled: frozenset[str]
    ) -> None:
        for links, body in found:
            for path in links.selfs or ("",):
                candidates = self._types.setdefault(path, [])
                if path and (path in settled or body in candidates):
                    continue
                candidates.append(body)
            if body not in self._all_types:
                self._all_types.append(body)

    def _take_points(
        self, found: Iterable[tuple[Links, UsagePoint]], settled: frozenset[str], unnamed: str
    ) -> None:
        for number, (links, body) in enumerate(found):
            key = links.self_path or f"{unnamed}{number}"
            known = self.points.setdefault(key, body)
            if known != body and key not in settled:
                self.notes.add("conflicting_usage_points")
            node = self.usage_points.get(key)
            merged = links if node is None else _merged(node.links, links)
            self.usage_points[key] = Node(key, merged)
            for path in links.related:
                self._related_points.setdefault(path, key)

    def _take_readings(self, found: Iterable[tuple[Links, MeterReading]], unnamed: str) -> None:
        for number, (links, body) in enumerate(found):
            key = links.self_path or f"{unnamed}{number}"
            node = self.meter_readings.get(key)
            merged = links if node is None else _merged(node.links, links)
            self.meter_readings[key] = Node(key, merged)
            if body.reading_type is not None:
                self._nested.setdefault(key, body.reading_type)
            for path in links.related:
                self._related_readings.setdefault(path, key)

    @staticmethod
    def _longest(nodes: dict[str, Node], paths: Iterable[str]) -> str | None:
        for path in paths:
            for prefix in (path, *parents(path)):
                if prefix in nodes:
                    return prefix
        return None

    @staticmethod
    def _first(index: dict[str, str], paths: Iterable[str]) -> str | None:
        return next((index[path] for path in paths if path in index), None)

    @staticmethod
    def _only(choices: Sequence[Sequence[Node]], paths: Iterable[str]) -> Node | None:
        """Return the only node of the document, unless the paths name another usage point.

        Without that exception a block of a second meter would be added to the first one's.
        """
        named = {segment_after(path, "UsagePoint") for path in paths} - {None}
        for nodes in choices:
            if len(nodes) == 1:
                own = segment_after(nodes[0].key, "UsagePoint")
                if own is None or not named or own in named:
                    return nodes[0]
        return None

    @staticmethod
    def _implied(nodes: dict[str, Node], paths: Iterable[str], collection: str) -> Node | None:
        """Make up the node a path goes through: feeds of blocks alone are legal (step 3e)."""
        for path in paths:
            key = path_through(path, collection)
            if key:
                return nodes.setdefault(key, Node(key, Links(selfs=(key,)), declared=False))
        for path in paths:
            key = path_through(path, "UsagePoint")
            if key:
                implied = f"{key}/{collection}/" if collection != "UsagePoint" else key
                return nodes.setdefault(implied, Node(implied, Links(selfs=(key,)), declared=False))
        return None


def offset_of(document: Document, context: Document | None, notes: Notes) -> int | None:
    """Return the standard-time offset in seconds, if exactly one is stated (step 6).

    The context is asked where the document has no local time parameters of its own.
    """
    stated = [body for _, body in document.of(LocalTimeParameters)]
    if not stated and context is not None:
        stated = [body for _, body in context.of(LocalTimeParameters)]
    for body in stated:
        if body.rules_are_doubtful:
            notes.add("doubtful_dst_rules")
    offsets = {body.tz_offset_s for body in stated if body.tz_offset_s is not None}
    if len(offsets) > 1:
        notes.counts["differing_offsets"] = len(offsets)
    return offsets.pop() if len(offsets) == 1 else None


def _merged(one: Links, other: Links) -> Links:
    """Join the links of an entry that the document states twice."""
    return Links(
        tuple(dict.fromkeys((*one.selfs, *other.selfs))),
        tuple(dict.fromkeys((*one.ups, *other.ups))),
        tuple(dict.fromkeys((*one.related, *other.related))),
    )
