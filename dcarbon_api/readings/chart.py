"""What a chart draws, as JSON: columns at exact integers, null where a reading is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from dcarbon.domain.clock_spans import ClockSpan
from dcarbon.domain.flows import Commodity, Direction
from dcarbon.services import chart_points
from dcarbon.services.meter_readings import MeterReadings
from dcarbon.services.reading_steps import Line, Panel
from dcarbon.services.shown_readings import Channel
from dcarbon_api import words
from dcarbon_api.json_answers import encoded

_BELOW = frozenset({Direction.DELIVERED, Direction.NET})


def content(found: MeterReadings, *, points: int) -> bytes:
    """Return the document of the readings, thinned to about ``points`` for each line."""
    drawn = [chart_points.thinned(panel, points) for panel in found.panels()]
    return encoded(
        {
            "meter_id": found.meter.id,
            "time_zone": found.meter.time_zone,
            "start": found.span.start,
            "end": found.span.end,
            "step": found.step.value,
            "clock": [_clock(span) for span in found.clock],
            "panels": [_panel(panel) for panel in drawn],
        }
    )


def name_of(channel: Channel) -> str:
    """Return what a channel counts, in words."""
    return words.direction_name(channel.direction, channel.commodity)


def is_below(channel: Channel) -> bool:
    """Say whether a channel is drawn below the axis: what electricity came from the grid."""
    return channel.commodity == Commodity.ELECTRICITY and channel.direction in _BELOW


def _clock(span: ClockSpan) -> dict[str, Any]:
    return {
        "start": span.start,
        "offset_s": int(span.offset.total_seconds()),
        "name": span.name,
    }


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "unit": panel.first.unit,
        "commodity": panel.first.commodity,
        "measure": panel.first.measure,
        "step": panel.step.value,
        "is_bills": panel.is_bills,
        "is_thinned": panel.is_thinned,
        "starts": panel.start,
        "end": panel.end,
        "lines": [_line(line) for line in panel.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    values: list[int | None] = line.value.tolist()
    for place in np.flatnonzero(~line.is_present).tolist():
        values[place] = None
    return {
        "channel_id": line.channel.id,
        "direction": line.channel.direction,
        "label": line.channel.label,
        "name": name_of(line.channel),
        "is_below": is_below(line.channel),
        "exponent": line.exponent,
        "values": values,
        "partial": np.flatnonzero(line.is_partial),
        "estimated": np.flatnonzero(line.is_estimated),
    }
