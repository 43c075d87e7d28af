"""Readings as JSON: columns straight from numpy, or a row for each reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from dcarbon.services.intervals import MeterIntervals, SeriesColumns
from dcarbon_api.json_answers import OPTIONS, encoded

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_NO_QUALITY = -1


def columns(found: MeterIntervals) -> bytes:
    """Return the columnar document; no Python object is made for a reading."""
    grids = [_grid(series) for series in found.series if series.interval_s > 0]
    periods = [_periods(series) for series in found.series if series.interval_s == 0]
    return encoded({**_frame(found, "columns"), "series": grids, "periods": periods})


def rows(found: MeterIntervals) -> bytes:
    """Return a document with one object for each reading, in order of time."""
    readings = [row for series in found.series for row in _rows(series)]
    readings.sort(key=lambda row: (row["start"], row["direction"]))
    return encoded({**_frame(found, "rows"), "readings": readings})


def _frame(found: MeterIntervals, layout: str) -> dict[str, Any]:
    return {
        "meter_id": found.meter.id,
        "time_zone": found.meter.time_zone,
        "start": found.start,
        "end": found.end,
        "layout": layout,
    }


def _facts(series: SeriesColumns) -> dict[str, Any]:
    return {
        "channel_id": series.channel_id,
        "direction": series.direction,
        "unit": series.unit,
        "commodity": series.commodity,
        "measure": series.measure,
        "exponent": series.exponent,
    }


def _grid(series: SeriesColumns) -> dict[str, Any]:
    facts = {**_facts(series), "interval_s": series.interval_s}
    if series.start.size == 0:
        return {**facts, "start": None, "values": [], "qualities": None}
    places = (series.start - series.start[0]) // series.interval_s
    present = np.zeros(int(places[-1]) + 1, dtype=np.bool_)
    present[places] = True
    return {
        **facts,
        "start": _instants(series.start[:1])[0],
        "values": _with_nulls(_spread(series.value, places, present), present),
        "qualities": _qualities(series.quality, places, present),
    }


def _periods(series: SeriesColumns) -> dict[str, Any]:
    places = np.arange(series.start.size)
    return {
        **_facts(series),
        "start": _instants(series.start),
        "duration_s": np.ascontiguousarray(series.duration_s),
        "value": np.ascontiguousarray(series.value),
        "qualities": _qualities(series.quality, places, np.ones(places.size, dtype=np.bool_)),
    }


def _rows(series: SeriesColumns) -> Iterator[dict[str, Any]]:
    columns = (series.start, series.duration_s, series.value, series.quality)
    for start, duration, value, quality in zip(*(c.tolist() for c in columns), strict=True):
        yield {
            "start": datetime.fromtimestamp(start, tz=UTC),
            "end": datetime.fromtimestamp(start + duration, tz=UTC),
            "value": f"{Decimal(value).scaleb(series.exponent):f}",
            "unit": series.unit,
            "direction": series.direction,
            "measure": series.measure,
            "quality": None if quality == _NO_QUALITY else quality,
            "channel_id": series.channel_id,
        }


def _instants(epoch_s: Integers) -> npt.NDArray[np.datetime64]:
    return epoch_s.astype("datetime64[s]")


def _spread(column: Integers, places: Integers, present: Mask) -> Integers:
    spread = np.zeros(present.size, dtype=np.int64)
    spread[places] = column
    return spread


def _qualities(quality: npt.NDArray[np.int16], places: Integers, present: Mask) -> object:
    if quality.size == 0 or (quality == quality[0]).all():
        uniform = int(quality[0]) if quality.size else _NO_QUALITY
        return None if uniform == _NO_QUALITY else uniform
    spread = _spread(quality.astype(np.int64), places, present)
    told = present.copy()
    told[places] = quality != _NO_QUALITY
    return _with_nulls(spread, told)


def _with_nulls(column: Integers, present: Mask) -> Integers | orjson.Fragment:
    """Return the column for orjson, null where it is not present.

    numpy has no missing integer and floats are not exact, so a number that does not occur stands
    for null and is replaced in the text. It has 19 digits and a sign, the most an int64 has: no
    other number's text can hold it.
    """
    if present.all():
        return column
    stand_in = int(np.iinfo(np.int64).min)
    while (column == stand_in).any():
        stand_in += 1
    text = orjson.dumps(np.where(present, column, stand_in), option=OPTIONS)
    return orjson.Fragment(text.replace(str(stand_in).encode(), b"null"))
