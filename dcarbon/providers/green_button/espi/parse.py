"""The public entry: ESPI bytes to facts and columns, or one clear reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dcarbon.domain.errors import UnreadablePayload
from dcarbon.domain.flows import Measure
from dcarbon.providers.columns import READINGS, ChannelFacts, ParsedPayload, ParseWarning
from dcarbon.providers.green_button.espi import rows as row_rules
from dcarbon.providers.green_button.espi.authorization import (
    ApplicationInformation,
    Authorization,
    BatchList,
    ServiceStatus,
)
from dcarbon.providers.green_button.espi.blocks import NOT_STATED, Leftover
from dcarbon.providers.green_button.espi.channels import Layout, lay_out
from dcarbon.providers.green_button.espi.document import Document, read
from dcarbon.providers.green_button.espi.graph import Graph, offset_of
from dcarbon.providers.green_button.espi.local_clock import looks_like_local_clock
from dcarbon.providers.green_button.espi.local_time import LocalTimeParameters
from dcarbon.providers.green_button.espi.meters import meter_facts
from dcarbon.providers.green_button.espi.rows import Repairs, Rows
from dcarbon.providers.green_button.espi.summaries import UsageSummary
from dcarbon.providers.green_button.espi.usage import MeterReading, ReadingType, UsagePoint

_T = TypeVar("_T")
_BULK_QUANTITY = 1
_CONTEXT = (LocalTimeParameters, MeterReading, ReadingType, UsagePoint)
_COUNTED = {
    "unusable_timestamps": "{} reading(s) have timestamps unusable as times (fractional, out of"
    " range or all the same); they are counted, not stored",
    "readings_without_value": "{} reading(s) state no value",
    "value_not_integer": "{} reading(s) state a value that is not an integer in range; they were"
    " left out",
    "duplicate_readings": "{} reading(s) were stated twice alike and count once",
    "conflicting_readings": "{} reading(s) were stated twice with different values; the latest"
    " statement counts",
    "assumed_durations": "{} reading(s) state no duration; the declared interval length was taken",
    "repeated_hour": "an hour is stated twice: the clock went back, and starts are wall-clock"
    " times",
    "milliseconds": "{} reading(s) state times in milliseconds; they were read as such",
    "unknown_unit": "{} channel(s) state no unit; their values are shown as they stand",
    "unreadable_context": "{} document(s) that belong to this one could not be read",
}


def parse(source: bytes | Path | BinaryIO, *, context: Sequence[bytes] = ()) -> ParsedPayload:
    """Read an ESPI document: a usage feed, a customer feed, one with both, or a single entry.

    ``readings`` are sorted by channel and start, each ``[start, start + duration_s)`` in UTC as
    written; exact repetitions count once, and of contradicting statements of one reading the one
    updated last (reference 5.7). Qualities are the reading's own, else the ReadingType's default.
    Costs are not read. A reading without value is no reading; one whose times cannot be used
    (fractional, beyond the century, all the same) is counted on its channel and in no column.

    ``context`` holds other documents of the same custodian and customer, for a source that is one
    of many (reference 4.1, FB 19; 5.3, step 7): their ReadingTypes, UsagePoints, MeterReadings and
    LocalTimeParameters give meaning to what the source only names. Their own readings and meters
    are not returned, what the source states itself counts, and a context document that cannot be
    read is left out with the warning ``unreadable_context``.

    Raises ``UnreadablePayload`` with a stable code: ``empty_document``, ``malformed_xml``,
    ``xml_encoding``, ``xml_refused_dtd``, ``xml_too_deep``, ``xml_too_large_text``, ``not_espi``,
    ``ambiguous_reading``. ``OSError`` where the source cannot be read.
    """
    document = read(source)
    if not context:
        return assemble(document)
    around, unreadable = _read_context(context)
    payload = assemble(document, around)
    if not unreadable:
        return payload
    said = _COUNTED["unreadable_context"].format(unreadable)
    return replace(payload, warnings=(*payload.warnings, ParseWarning("unreadable_context", said)))


def assemble(document: Document, context: Document | None = None) -> ParsedPayload:
    """Resolve a collected document, whichever way it was read."""
    return _Assembly(document, context).payload()


def _read_context(sources: Sequence[bytes]) -> tuple[Document, int]:
    """Return the describing resources of all sources as one document, and how many are lost."""
    around, unreadable = Document(), 0
    for source in sources:
        try:
            found = read(source)
        except UnreadablePayload:
            unreadable += 1
            continue
        around.resources += (one for one in found.resources if isinstance(one.body, _CONTEXT))
    return around, unreadable


def parse_authorizations(content: bytes) -> tuple[Authorization, ...]:
    """Return the Authorization resources of an entry or feed, which may be empty."""
    return tuple(body for _, body in read(content).of(Authorization))


def parse_authorization(content: bytes) -> Authorization:
    """Return the one Authorization of a document (reference 4.7).

    Raises ``UnreadablePayload``, with ``not_one_authorization`` where there is none or several.
    """
    return _one(parse_authorizations(content), "authorization")


def parse_application_information(content: bytes) -> ApplicationInformation:
    """Return the one ApplicationInformation of a document, without its secrets."""
    found = tuple(body for _, body in read(content).of(ApplicationInformation))
    return _one(found, "application_information")


def parse_local_time_parameters(content: bytes) -> LocalTimeParameters:
    """Return the one LocalTimeParameters of a document, rules decoded (reference 5.6)."""
    found = tuple(body for _, body in read(content).of(LocalTimeParameters))
    return _one(tuple(dict.fromkeys(found)), "local_time_parameters")


def parse_service_status(content: bytes) -> int | None:
    """Return ``currentStatus``: 1 normal, 0 unavailable, ``None`` where it is not a number."""
    found = tuple(body for _, body in read(content).of(ServiceStatus))
    return _one(found, "service_status").current_status


def parse_batch_list(content: bytes) -> tuple[str, ...]:
    """Return the URIs of a notification (reference 4.5), as hints: check before asking for one."""
    found = tuple(body for _, body in read(content).of(BatchList))
    return _one(found, "batch_list").resources


def parse_usage_summaries(content: bytes) -> tuple[UsageSummary, ...]:
    """Return the billing periods of a document, in its order."""
    return tuple(body for _, body in read(content).of(UsageSummary))


def parse_reading_types(content: bytes) -> tuple[ReadingType, ...]:
    """Return the reading types of a document, in its order."""
    return tuple(body for _, body in read(content).of(ReadingType))


def _one(found: Sequence[_T], what: str) -> _T:
    if len(found) != 1:
        raise UnreadablePayload(f"{len(found)} of {what}, not one", code=f"not_one_{what}")
    return found[0]


@dataclass(frozen=True, slots=True)
class _Leftovers:
    """Readings without usable times, per channel."""

    readings: list[int]
    totals: list[int]

    def add(self, channel: int, leftover: Leftover) -> None:
        self.readings[channel] += leftover.readings
        self.totals[channel] += leftover.total


class _Assembly:
    """Turns one collected document into a payload; the steps share what they count."""

    def __init__(self, document: Document, context: Document | None) -> None:
        self._document = document
        self._context = context
        self._graph = Graph(document, context)
        self._layout: Layout = lay_out(document, self._graph)
        self._repairs = Repairs()
        self._warnings: list[ParseWarning] = []
        count = len(self._layout.channels)
        self._leftovers = _Leftovers([0] * count, [0] * count)

    def payload(self) -> ParsedPayload:
        offset = offset_of(self._document, self._context, self._graph.notes)
        rows = self._rows()
        channels = tuple(
            self._judged(number, facts, rows) for number, facts in enumerate(self._layout.channels)
        )
        local_clock = looks_like_local_clock(self._document, offset)
        self._collect_warnings(local_clock=local_clock)
        return ParsedPayload(
            meters=meter_facts(self._document, self._graph, channels),
            channels=channels,
            readings=_table(rows, self._layout.channels),
            warnings=tuple(self._warnings),
            utc_offset_s=offset,
            looks_like_local_clock=local_clock,
            contents=_contents(self._document, self._graph),
        )

    def _rows(self) -> Rows:
        columns, layout = self._document.columns, self._layout
        rows = row_rules.from_columns(columns, layout.of_owner)
        declared = [channel.interval_s for channel in layout.channels]
        row_rules.repair_durations(rows, columns, declared, self._repairs)
        for block, leftover in columns.leftovers.items():
            self._leftovers.add(layout.of_owner[columns.owner[block]], leftover)
        rows = self._without(rows, rows.duration == NOT_STATED)
        if row_rules.is_sorted(rows):
            return rows
        return self._sorted(rows)

    def _sorted(self, rows: Rows) -> Rows:
        for channel in row_rules.standing_still(rows):
            rows = self._without(rows, rows.channel == channel)
        if not len(rows.start):
            return rows
        order = row_rules.sort_order(rows, self._document.columns)
        rows = rows.take(order)
        return rows.take(row_rules.last_statements(rows, self._repairs))

    def _without(self, rows: Rows, unusable: npt.NDArray[np.bool_]) -> Rows:
        if not unusable.any():
            return rows
        for channel in np.unique(rows.channel[unusable]):
            values = rows.value[unusable & (rows.channel == channel)]
            leftover = Leftover(len(values), sum(values.tolist()))
            self._leftovers.add(int(channel), leftover)
        return rows.take(~unusable)

    def _judged(self, number: int, facts: ChannelFacts, rows: Rows) -> ChannelFacts:
        """Add what only the readings tell: what could not be used, and whether labels can be true.

        Behaviour 1 (bulkQuantity) is a register by the schema, and summing a register would be
        nonsense; but files label plain interval usage with 1 (reference 5.5). Values that run
        backwards again and again cannot be a register's: such a channel is usage, with a warning.
        In doubt the label stands, so that nothing is summed that must not be.
        """
        measure = facts.measure
        if measure is Measure.REGISTER and facts.accumulation == _BULK_QUANTITY:
            mine = rows.channel == number
            if row_rules.behaves_like_usage(rows.value[mine]):
                measure = Measure.USAGE
                self._warn(
                    "register_label_on_usage",
                    f"channel {number} is labelled as a register (accumulationBehaviour 1) but its"
                    " values run backwards: it was taken as usage per interval",
                )
        return replace(
            facts,
            measure=measure,
            unusable_readings=self._leftovers.readings[number],
            unusable_total=self._leftovers.totals[number],
        )

    def _warn(self, code: str, message: str) -> None:
        self._warnings.append(ParseWarning(code, message))

    def _collect_warnings(self, *, local_clock: bool) -> None:
        columns, repairs = self._document.columns, self._repairs
        for code, count in (
            ("unusable_timestamps", sum(self._leftovers.readings)),
            ("readings_without_value", columns.without_value),
            ("value_not_integer", columns.odd_values),
            ("duplicate_readings", repairs.duplicates),
            ("conflicting_readings", repairs.conflicts),
            ("assumed_durations", repairs.assumed_durations),
            ("milliseconds", repairs.milliseconds),
            ("repeated_hour", repairs.repeated_hours),
            ("unknown_unit", sum(channel.uom is None for channel in self._layout.channels)),
        ):
            if count:
                self._warn(code, _COUNTED[code].format(count))
        if local_clock:
            self._warn(
                "local_clock",
                "starts look like local clock time written as if it were UTC;"
                " they are kept as written",
            )
        if not len(columns.rows):
            held = ", ".join(f"{count} {kind}" for kind, count in self._document.counts.items())
            self._warn("no_interval_data", f"no interval readings; it holds {held or 'nothing'}")
        self._warnings.extend(self._graph.notes.warnings())


def _table(rows: Rows, channels: Sequence[ChannelFacts]) -> pa.Table:
    quality = rows.quality
    defaults = [channel.default_quality for channel in channels]
    if any(code is not None for code in defaults) and len(quality):
        codes = np.asarray(
            [NOT_STATED if code is None else code for code in defaults], dtype=np.int16
        )
        silent = quality == NOT_STATED
        if silent.any():
            quality = np.where(silent, codes[rows.channel], quality)
    arrays = [
        pa.array(rows.channel, type=pa.int32()),
        pa.array(rows.start, type=pa.int64()).view(pa.timestamp("s", tz="UTC")),
        pa.array(rows.duration, type=pa.int32()),
        pa.array(rows.value, type=pa.int64()),
        pa.array(quality, type=pa.int16(), mask=quality == NOT_STATED),
    ]
    return pa.Table.from_arrays(arrays, schema=READINGS)


def _contents(document: Document, graph: Graph) -> dict[str, int]:
    """Count resources by kind; points and readings the links only name, or repeat, count once."""
    spoken_of = graph.spoken_of
    nodes = {
        "UsagePoint": len(spoken_of & graph.usage_points.keys()),
        "MeterReading": len(spoken_of & graph.meter_readings.keys()),
    }
    return {**document.counts, **{kind: count for kind, count in nodes.items() if count}}
