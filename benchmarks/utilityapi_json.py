"""UtilityAPI interval pages to Arrow, beside bare msgspec and json + fromisoformat.

Every reading has start, end, kwh and three datapoints; ours splits the datapoints into channels,
which is what it is for. Of the rivals json yields the same columns; the bare typed decode yields
objects and is the limit. It reads the times as ours must, to instants (the goal is against that);
the decode that leaves them as text is there for the record.

Run: ``python -m benchmarks.utilityapi_json``
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import orjson
import pyarrow as pa

from benchmarks.harness import interleaved, report
from dcarbon.providers.utilityapi.parse import parse_intervals

_R = TypeVar("_R")

ZONE = ZoneInfo("America/Los_Angeles")
SIZES = {"twelve pages of one month": (12, 2_976), "a page of thirteen months": (1, 37_920)}
"""Pages a call and readings a page; one small page alone would mostly measure a cold start."""
ROUNDS = 15
OF_DECODING, OF_JSON = 0.5, 4.0
GOAL = f">= {OF_DECODING}x msgspec decoding alone, >= {OF_JSON}x json + fromisoformat, each page"


class _Datapoint(msgspec.Struct, gc=False):
    type: str
    unit: str
    value: float


class _Reading(msgspec.Struct, gc=False):
    start: datetime
    end: datetime
    kwh: float
    datapoints: list[_Datapoint]


class _TextReading(msgspec.Struct, gc=False):
    start: str
    end: str
    kwh: float
    datapoints: list[_Datapoint]


class _Interval(msgspec.Struct, Generic[_R], gc=False):
    meter_uid: str
    readings: list[_R]


class _Page(msgspec.Struct, Generic[_R], gc=False):
    intervals: list[_Interval[_R]]


_DECODER = msgspec.json.Decoder(_Page[_Reading])
_TEXT_DECODER = msgspec.json.Decoder(_Page[_TextReading])


def page(readings: int) -> bytes:
    """Return a page of quarter-hours over both clock changes, newest first, as sent."""
    first = datetime(2025, 3, 1, tzinfo=UTC)
    step = timedelta(minutes=15)
    members = [_reading(first + step * n, first + step * (n + 1), n) for n in range(readings)]
    interval = {"uid": "1-2-3", "meter_uid": "8812014", "readings": members[::-1]}
    return orjson.dumps({"intervals": [interval], "next": None})


def _reading(start: datetime, end: datetime, number: int) -> dict[str, object]:
    net = round((number % 97) * 0.013 - 0.3, 3)
    flow = ("fwd" if net >= 0 else "rev", abs(net), "kwh")
    points = [("net", net, "kwh"), flow, ("max", round(abs(net) * 4, 3), "kw")]
    return {
        "start": start.astimezone(ZONE).isoformat(timespec="microseconds"),
        "end": end.astimezone(ZONE).isoformat(timespec="microseconds"),
        "kwh": net,
        "datapoints": [
            {"type": kind, "unit": unit, "value": value, "meter_number": "1012993344"}
            for kind, value, unit in points
        ],
    }


def with_json(content: bytes) -> pa.Table:
    """Read the page as one would without further parts: dictionaries, datetimes, columns."""
    starts, seconds, kinds, values = [], [], [], []
    for interval in json.loads(content)["intervals"]:
        for reading in interval["readings"]:
            start = datetime.fromisoformat(reading["start"]).astimezone(UTC)
            end = datetime.fromisoformat(reading["end"]).astimezone(UTC)
            for point in reading["datapoints"]:
                starts.append(start)
                seconds.append(int((end - start).total_seconds()))
                kinds.append(point["type"])
                values.append(round(point["value"] * 1_000_000))
    return pa.table({"kind": kinds, "start": starts, "duration_s": seconds, "value": values})


def _repeated(function: Callable[[bytes], object], content: bytes, times: int) -> None:
    for _ in range(times):
        function(content)


def main() -> int:
    figures: dict[str, object] = {}
    ratios: list[tuple[float, float]] = []
    for name, (pages, readings) in SIZES.items():
        content = page(readings)
        assert parse_intervals(content).readings.num_rows == with_json(content).num_rows
        contenders: dict[str, Callable[[], object]] = {
            "ours": partial(_repeated, parse_intervals, content, pages),
            "msgspec decoding alone": partial(_repeated, _DECODER.decode, content, pages),
            "msgspec, times as text": partial(_repeated, _TEXT_DECODER.decode, content, pages),
            "json + fromisoformat": partial(_repeated, with_json, content, pages),
        }
        seconds = interleaved(contenders, ROUNDS)
        for contender, took in seconds.items():
            figures[f"{name}, {contender}, readings/s"] = round(pages * readings / took)
        decoding = seconds["msgspec decoding alone"] / seconds["ours"]
        plain = seconds["json + fromisoformat"] / seconds["ours"]
        figures[f"{name}, of msgspec decoding alone"] = round(decoding, 3)
        text = seconds["msgspec, times as text"] / seconds["ours"]
        figures[f"{name}, of msgspec with times as text"] = round(text, 3)
        figures[f"{name}, times json + fromisoformat"] = round(plain, 2)
        ratios.append((decoding, plain))
    holds = all(decoding >= OF_DECODING and plain >= OF_JSON for decoding, plain in ratios)
    report("utilityapi_json", figures, GOAL, holds)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
