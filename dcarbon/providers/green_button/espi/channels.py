"""From a document's links to channels: one per usage point and kind of reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from dcarbon.domain.flows import Measure, commodity_of, direction_of, measure_of, unit_of
from dcarbon.providers.columns import ChannelFacts
from dcarbon.providers.green_button.espi.document import Document
from dcarbon.providers.green_button.espi.graph import UNKNOWN_TYPE, Graph, Node
from dcarbon.providers.green_button.espi.links import segment_after
from dcarbon.providers.green_button.espi.usage import ReadingType


@dataclass(slots=True)
class Layout:
    """The channels of a document, and the channel of each group of blocks."""

    channels: list[ChannelFacts] = field(default_factory=list)
    of_owner: list[int] = field(default_factory=list)


def lay_out(document: Document, graph: Graph) -> Layout:
    """Resolve every MeterReading to a channel; those of the same kind and point share one.

    A declared MeterReading without blocks has a channel, too: an empty answer is an answer.
    """
    owners = np.frombuffer(document.columns.owner, dtype=np.int64)
    blocks = np.bincount(owners, minlength=len(document.owners))
    readings = [
        graph.reading_of(links, blocks=int(blocks[number]))
        for number, links in enumerate(document.owners)
    ]
    resolver = _Resolver(document, graph, readings)
    layout = Layout()
    layout.of_owner = [resolver.channel(reading, layout) for reading in readings]
    for reading in graph.declared_readings:
        resolver.channel(reading, layout)
    return layout


def point_names(graph: Graph) -> dict[str, str]:
    """Return the external id of every usage point by its path.

    The id alone, as in the custodian's other feeds; the whole path where two points of one
    document share an id, as numbered ones below several users do.
    """
    identifiers = {key: segment_after(key, "UsagePoint") or key for key in graph.usage_points}
    uses = Counter(identifiers.values())
    return {key: name if uses[name] == 1 else key for key, name in identifiers.items()}


class _Resolver:
    def __init__(self, document: Document, graph: Graph, readings: list[Node]) -> None:
        self._document = document
        self._graph = graph
        self._readings = readings
        self._by_reading: dict[str, int] = {}
        self._by_kind: dict[tuple[str, ReadingType, str], int] = {}

    def channel(self, reading: Node, layout: Layout) -> int:
        """Return the index of the reading's channel, made if it is the first of its kind."""
        known = self._by_reading.get(reading.key)
        if known is None:
            known = self._add(reading, layout)
            self._by_reading[reading.key] = known
        return known

    def _add(self, reading: Node, layout: Layout) -> int:
        point = self._graph.point_of(reading)
        kind = self._graph.type_of(reading, self._durations(reading))
        variant = kind.variant
        if kind.uom is None and kind.exponent is None and reading.key:
            # Nothing says that two such series measure the same: they must stay apart.
            own = segment_after(reading.key, "MeterReading") or reading.key
            variant = ";".join(part for part in (variant, f"meter_reading={own}") if part)
        index = self._by_kind.setdefault(
            (point.key, _comparable(kind), variant), len(layout.channels)
        )
        if index == len(layout.channels):
            layout.channels.append(self._facts(reading, point, kind, variant))
        return index

    def _facts(self, reading: Node, point: Node, kind: ReadingType, variant: str) -> ChannelFacts:
        body = self._graph.points.get(point.key)
        unit = unit_of(kind.uom)
        measure = measure_of(kind.accumulation, kind.kind, kind.uom)
        if kind.is_extreme and measure is Measure.USAGE:
            measure = Measure.OTHER
        return ChannelFacts(
            usage_point=point_names(self._graph).get(point.key, ""),
            direction=direction_of(kind.flow_direction),
            unit=unit,
            commodity=commodity_of(kind.commodity, body.service_kind if body else None, unit),
            measure=measure,
            exponent=kind.exponent or 0,
            interval_s=kind.interval_s,
            meter_reading=segment_after(reading.key, "MeterReading") or reading.key or None,
            flow_direction=kind.flow_direction,
            uom=kind.uom,
            espi_commodity=kind.commodity,
            accumulation=kind.accumulation,
            default_quality=kind.default_quality,
            variant=variant,
        )

    def _durations(self, reading: Node) -> Iterator[int]:
        """Yield the different lengths of a MeterReading's readings; lazily, few callers look."""
        columns = self._document.columns
        mine = [n for n, owner in enumerate(self._readings) if owner.key == reading.key]
        owners = np.frombuffer(columns.owner, dtype=np.int64)
        rows = np.frombuffer(columns.rows, dtype=np.int64)
        chosen = np.repeat(np.isin(owners, mine), rows)
        durations = np.frombuffer(columns.duration, dtype=np.int32)[chosen]
        yield from (int(length) for length in np.unique(durations))


def _comparable(kind: ReadingType) -> ReadingType:
    """Return what makes two ReadingTypes the same channel: all but what readings may override.

    Price periods, phases and qualifiers are compared as the channel's variant.
    """
    if kind is UNKNOWN_TYPE:
        return kind
    return ReadingType(
        flow_direction=kind.flow_direction,
        uom=kind.uom,
        commodity=kind.commodity,
        accumulation=kind.accumulation,
        kind=kind.kind,
        interval_s=kind.interval_s,
        exponent=kind.exponent or 0,
        default_quality=kind.default_quality,
    )
