"""UtilityAPI intervals to columns: one channel per meter, datapoint type and unit.

``net``, ``fwd``, ``rev`` and ``max`` are views of the same energy: each becomes a channel of its
own, and values of different types are never added (utilityapi reference 13).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dcarbon.domain.flows import Measure
from dcarbon.providers.columns import READINGS, MeterFacts, ParsedPayload, ParseWarning
from dcarbon.providers.utilityapi import records, wire
from dcarbon.providers.utilityapi.datapoints import (
    CODES,
    KINDS,
    NET_KWH,
    SCALE_EXPONENT,
    UNKNOWN_KIND,
    DatapointType,
    DatapointUnit,
)

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]


class _Datapoint(msgspec.Struct, gc=False):
    type: DatapointType | None = None  # enums: one object each, however many datapoints
    unit: DatapointUnit | None = None
    value: float | None = None


class _Reading(msgspec.Struct, gc=False):
    start: str
    end: str
    kwh: float | None = None
    datapoints: tuple[_Datapoint, ...] | None = None


class _Interval(msgspec.Struct, gc=False):
    meter_uid: str | int
    updated: str | None = None
    base: Any = None
    readings: list[_Reading] | None = None


class _Page(msgspec.Struct, gc=False):
    intervals: list[_Interval]


_DECODER = msgspec.json.Decoder(_Page)

# A double holds every printed value of up to 6 decimals closely enough that rounding its product
# gives exactly the printed digits, as long as that stays below 2**51; larger ones are refused.
# Further decimals are rounded there: a thousandth of a watt-hour, and the bytes are kept.
_SCALE = 10.0**-SCALE_EXPONENT
_LARGEST = float(2**51)
_LONGEST_S = 2**31
_IS_ENERGY = np.array([kind.measure is Measure.USAGE for kind in KINDS])
# ESPI qualityOfReading for words of ``qualities``; what other words mean is not stated anywhere.
_QUALITIES = {"revenue": 19, "validated": 17, "estimated": 8}
_NO_QUALITY = -1


@dataclass(frozen=True, slots=True)
class _Readings:
    """Every reading of a page in arrays, those stated last at the end."""

    intervals: list[_Interval]
    members: list[_Reading]
    of_interval: _Ints
    """Place in ``intervals`` of each reading's interval."""

    def path(self, place: int, member: str) -> str:
        interval = int(self.of_interval[place])
        first = int(np.argmax(self.of_interval == interval))
        return f"$.intervals[{interval}].readings[{place - first}].{member}"


@dataclass(frozen=True, slots=True)
class _Values:
    """One value each: its reading, its place in ``KINDS`` and what was printed."""

    reading: _Ints
    kind: _Ints
    printed: _Floats

    def only(self, flags: _Flags) -> _Values:
        if flags.all():
            return self
        return _Values(self.reading[flags], self.kind[flags], self.printed[flags])


def parse_intervals(content: bytes) -> ParsedPayload:
    """Read one page of intervals into columns, by channel and time, starts in UTC.

    Readings come in any order, offsets change inside a page, chunks overlap: the statement updated
    last wins. A reading without an energy datapoint counts its ``kwh`` as net. What reaches beyond
    what was asked for is read and stored as well.

    Raises :class:`UnreadablePayload`: ``malformed_json``, or ``unexpected_json`` with the path.
    """
    page = wire.decode(_DECODER, content)
    readings = _readings(page.intervals)
    start = _seconds(readings, "start")
    duration = _seconds(readings, "end") - start
    values, unknown = _values(readings)
    valued = np.bincount(values.reading, minlength=len(readings.members)) > 0
    possible = (duration > 0) & (duration < _LONGEST_S)
    warnings = _warnings(
        unknown_datapoint=unknown,
        reading_without_value=int((~valued).sum()),
        impossible_duration=int((~possible).sum()),
    )
    values = values.only(possible[values.reading])
    _refuse_large(readings, values)
    uids = [str(interval.meter_uid) for interval in page.intervals]
    return _payload(readings, values, (start, duration), uids, warnings)


def _readings(intervals: list[_Interval]) -> _Readings:
    order = sorted(range(len(intervals)), key=lambda place: _updated(intervals[place]))
    lists = [intervals[place].readings or [] for place in order]
    members = list(chain.from_iterable(lists))
    of_interval = np.repeat(np.array(order, np.int64), [len(each) for each in lists])
    return _Readings(intervals, members, of_interval)


def _updated(interval: _Interval) -> float:
    moment = wire.moment(interval.updated)
    return moment.timestamp() if moment else float("-inf")


def _seconds(readings: _Readings, member: str) -> _Ints:
    """Cast printed times to epoch seconds in bulk: twice as fast as decoding datetimes."""
    if member == "start":
        texts = pa.array([reading.start for reading in readings.members], pa.string())
    else:
        texts = pa.array([reading.end for reading in readings.members], pa.string())
    try:
        instants = texts.cast(pa.timestamp("us", tz="UTC"))
    except pa.ArrowInvalid:
        raise wire.unexpected(readings.path(_first_unreadable(texts), member)) from None
    micros = instants.cast(pa.int64()).to_numpy()
    # Rounded, since some sources print the last microsecond of an interval as its end.
    seconds: _Ints = (micros + 500_000) // 1_000_000
    return seconds


def _first_unreadable(texts: pa.Array) -> int:
    low, high = 0, len(texts)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            texts.slice(low, middle - low).cast(pa.timestamp("us", tz="UTC"))
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return low


def _values(readings: _Readings) -> tuple[_Values, int]:
    """Return every stated value of a known kind, and how many were of an unknown one."""
    lists = [reading.datapoints or () for reading in readings.members]
    points = list(chain.from_iterable(lists))
    pairs = zip([point.type for point in points], [point.unit for point in points], strict=True)
    kind = np.fromiter(map(CODES.__getitem__, pairs), np.int64, len(points))
    printed = np.array([point.value for point in points], np.float64)  # null becomes NaN
    reading = np.repeat(np.arange(len(lists)), np.fromiter(map(len, lists), np.int64, len(lists)))
    is_known = kind != UNKNOWN_KIND
    values = _Values(reading, kind, printed).only(is_known & ~np.isnan(printed))
    return _with_kwh(values, readings), int((~is_known).sum())


def _with_kwh(values: _Values, readings: _Readings) -> _Values:
    """Add ``kwh`` as net for readings without energy datapoints (reference 13, fall-back chain)."""
    has_energy = np.zeros(len(readings.members), dtype=bool)
    has_energy[values.reading[_IS_ENERGY[values.kind]]] = True
    bare = np.flatnonzero(~has_energy)
    if not bare.size:
        return values
    printed = np.array([readings.members[place].kwh for place in bare], np.float64)
    stated = ~np.isnan(printed)
    net = np.full(int(stated.sum()), NET_KWH)
    return _Values(
        np.concatenate([values.reading, bare[stated]]),
        np.concatenate([values.kind, net]),
        np.concatenate([values.printed, printed[stated]]),
    )


def _refuse_large(readings: _Readings, values: _Values) -> None:
    large = np.flatnonzero(np.abs(values.printed) * _SCALE > _LARGEST)
    if large.size:
        raise wire.unexpected(readings.path(int(values.reading[large[0]]), "datapoints"))


def _payload(
    readings: _Readings,
    values: _Values,
    times: tuple[_Ints, _Ints],
    uids: list[str],
    warnings: tuple[ParseWarning, ...],
) -> ParsedPayload:
    meters = _meters(readings.intervals, uids)
    places = {uid: place for place, uid in enumerate(meters)}
    of_meter = np.array([places[uid] for uid in uids], np.int64)
    series = of_meter[readings.of_interval[values.reading]] * len(KINDS) + values.kind
    start, duration = times[0][values.reading], times[1][values.reading]
    rows = _last_statements(series, start, duration)
    present, channel = _dense(series[rows], len(meters) * len(KINDS))
    facts = list(meters.values())
    channels = tuple(
        KINDS[code].channel(facts[meter].external_id, facts[meter].commodity)
        for meter, code in (divmod(int(each), len(KINDS)) for each in present)
    )
    quality = _qualities(readings.intervals)[readings.of_interval[values.reading[rows]]]
    columns = [
        pa.array(channel, pa.int32()),
        pa.array(start[rows], pa.int64()).cast(READINGS.field("start").type),
        pa.array(duration[rows], pa.int32()),
        pa.array(np.rint(values.printed[rows] * _SCALE).astype(np.int64)),
        pa.array(quality, pa.int16(), mask=quality == _NO_QUALITY),
    ]
    table = pa.Table.from_arrays(columns, schema=READINGS)
    return ParsedPayload(tuple(facts), channels, table, warnings)


def _meters(intervals: list[_Interval], uids: list[str]) -> dict[str, MeterFacts]:
    """Return each meter as its last interval with a ``base`` describes it."""
    found: dict[str, MeterFacts] = {}
    for interval, uid in zip(intervals, uids, strict=True):
        if uid not in found or isinstance(interval.base, dict):
            found[uid] = records.facts_of_base(uid, interval.base, {})
    return found


def _last_statements(series: _Ints, start: _Ints, duration: _Ints) -> _Ints:
    """Return rows sorted by series and start, of repeated readings only the last stated one."""
    # Grouping first leaves runs in the order of arrival, mostly newest first, which the second,
    # merging sort turns around at almost no cost.
    grouped = np.argsort(
        series.astype(np.uint16 if series.max(initial=0) < 2**16 else np.int64), kind="stable"
    )
    first = start.min(initial=0)
    key = series * (start.max(initial=0) - first + 1) + (start - first)
    rows: _Ints = grouped[np.argsort(key[grouped], kind="stable")]
    if (np.diff(key[rows]) > 0).all():
        return rows
    rows = np.lexsort((duration, key))
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = (np.diff(key[rows]) != 0) | (np.diff(duration[rows]) != 0)
    return rows[last]


def _dense(series: _Ints, most: int) -> tuple[_Ints, _Ints]:
    """Return the series that occur, and for each row its place among them."""
    occurs = np.zeros(most, dtype=bool)
    occurs[series] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[series]


def _qualities(intervals: list[_Interval]) -> _Ints:
    """Return the ESPI quality code of each interval; estimated outweighs anything else said."""
    codes = []
    for interval in intervals:
        words = interval.base.get("qualities") if isinstance(interval.base, dict) else None
        stated = [_QUALITIES[word] for word in wire.texts(words) if word in _QUALITIES]
        codes.append(min(stated, default=_NO_QUALITY))
    return np.array(codes, np.int64)


_SENTENCES = {
    "unknown_datapoint": "datapoints of a type or unit we do not know were left out",
    "reading_without_value": "readings hold no value we can read",
    "impossible_duration": "readings end before they begin, or decades later, and were left out",
}


def _warnings(**counts: int) -> tuple[ParseWarning, ...]:
    stated = [(code, count) for code, count in counts.items() if count]
    return tuple(ParseWarning(code, f"{count} {_SENTENCES[code]}") for code, count in stated)
