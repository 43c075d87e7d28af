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
Places = Integers | slice

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
        "meter_id": found.meter_id,
        "time_zone": found.time_zone,
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
    size = int(series.start[-1] - series.start[0]) // series.interval_s + 1
    # Mostly nothing is missing between the first reading and the last, and each is in its place.
    places: Places = slice(None)
    if size != series.start.size:
        places = (series.start - series.start[0]) // series.interval_s
    return {
        **facts,
        "start": _instants(series.start[:1])[0],
        "values": _laid_out(series.value, places, size),
        "qualities": _qualities(series.quality, places, size),
    }


def _periods(series: SeriesColumns) -> dict[str, Any]:
    return {
        **_facts(series),
        "start": _instants(series.start),
        "duration_s": np.ascontiguousarray(series.duration_s),
        "value": np.ascontiguousarray(series.value),
        "qualities": _qualities(series.quality, slice(None), series.quality.size),
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


def _qualities(quality: npt.NDArray[np.int16], places: Places, size: int) -> object:
    if quality.size == 0 or (quality == quality[0]).all():
        uniform = int(quality[0]) if quality.size else _NO_QUALITY
        return None if uniform == _NO_QUALITY else uniform
    return _laid_out(quality.astype(np.int64), places, size, told=quality != _NO_QUALITY)


def _laid_out(
    column: Integers, places: Places, size: int, *, told: Mask | np.bool_ = np.True_
) -> Integers | orjson.Fragment:
    """Return ``size`` numbers for orjson: the column's in their places, null where none is told.

    numpy has no missing integer and floats are not exact, so a number that does not occur stands
    for null and is replaced in the text. It has 19 digits and a sign, the most an int64 has: no
    other number's text can hold it.
    """
    if size == column.size and told.all():
        return column
    stand_in = int(np.iinfo(np.int64).min)
    while (column == stand_in).any():
        stand_in += 1
    spread = np.full(size, stand_in)
    spread[places] = np.where(told, column, stand_in)
    text = orjson.dumps(spread, option=OPTIONS)
    return orjson.Fragment(text.replace(str(stand_in).encode(), b"null"))
