"""What the readings page of a facility shows, gathered from the services."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from flask import request, url_for

from dcarbon.domain import reading_ranges
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Asked, Preset, Step
from dcarbon.services import meter_readings, reading_steps, reading_totals
from dcarbon.services.meter_readings import MeterReadings, Place
from dcarbon.services.meters import MeterView
from dcarbon.services.reading_steps import Panel
from dcarbon.services.shown_readings import Channel
from dcarbon_api import words
from dcarbon_api.dashboard.facility_page import name_of as meter_name
from dcarbon_api.readings import chart, labels, tables
from dcarbon_api.readings.tables import Points, TotalsTable

PRESETS = (
    (Preset.DAY, "Day"),
    (Preset.WEEK, "Week"),
    (Preset.MONTH, "Month"),
    (Preset.DAYS_90, "90 days"),
    (Preset.YEAR, "Year"),
)


@dataclass(frozen=True, slots=True)
class Link:
    """One place to go; ``is_here``: it is the one being looked at."""

    label: str
    url: str
    is_here: bool = False


@dataclass(frozen=True, slots=True)
class Controls:
    """The form and the links beside it, as they stand."""

    meters: tuple[tuple[str, str], ...]
    meter: str
    start: str
    end: str
    step: str
    steps: tuple[tuple[str, str], ...]
    presets: tuple[Link, ...]
    previous: Link | None = None
    following: Link | None = None


@dataclass(frozen=True, slots=True)
class Legend:
    """One line of a chart in words; ``ink`` names its colour."""

    name: str
    ink: str
    where: str


@dataclass(frozen=True, slots=True)
class Pager:
    """Addresses of the pages of a table before and after this one."""

    earlier: str | None
    later: str | None


@dataclass(frozen=True, slots=True)
class ShownPanel:
    """One unit: its chart and the table of the same points."""

    key: str
    """Which panel of the chart's data it is."""
    title: str
    unit: str
    each: str
    summary: str
    legend: tuple[Legend, ...]
    points: Points
    pager: Pager
    has_partial: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Readings of one meter over a range."""

    range_words: str
    clock_words: str
    url: str
    panels: tuple[ShownPanel, ...] = ()
    totals: tuple[TotalsTable, ...] = field(default=())


def frame(place: Place, asked: Asked, step: Step | None) -> dict[str, Any]:
    """Return what the page has without a range that can be read: its head and the form."""
    meter = place.meter
    controls = None
    if meter is not None:
        controls = _controls(place, meter, asked, step, start=asked.start, end=asked.end)
    return {
        "facility": place.facility,
        "meter": meter,
        "meter_name": meter_name(meter) if meter else "",
        "controls": controls,
        "shown": None,
        "error": None,
        "first": meter_readings.first_start(meter) if meter else None,
        "last": meter_readings.last_end(meter) if meter else None,
    }


def of(
    place: Place, found: MeterReadings, asked: Asked, step: Step | None, *, page: int
) -> dict[str, Any]:
    """Return what the page shows of the readings; ``page`` is of the table of points, from 1."""
    span, zone, meter = found.span, found.zone, found.meter
    start, end = labels.field(span.start, zone), labels.field(span.end, zone)
    shown_preset = asked.preset or (None if asked.start else Preset.WEEK)
    moved = _neighbours(place, found, shown_preset, step)
    controls = _controls(place, meter, asked, step, start=start, end=end, moved=moved)
    return {
        **frame(place, asked, step),
        "controls": controls,
        "shown": _shown(place, found, step, page),
    }


def _shown(place: Place, found: MeterReadings, step: Step | None, page: int) -> Shown:
    panels = found.panels()
    url = url_for(
        "readings_api.read_chart",
        facility_id=place.facility.id,
        meter=found.meter.id,
        start=found.span.start.isoformat(),
        end=found.span.end.isoformat(),
        step=step.value if step else None,
    )
    totals = reading_totals.of(found.readings, found.span, found.zone)
    return Shown(
        range_words=labels.span(found.span, found.zone),
        clock_words=labels.clock_words(found.meter.time_zone, found.clock, found.zone),
        url=url,
        panels=tuple(_panel(panel, found.zone, n, page) for n, panel in enumerate(panels, 1)),
        totals=tuple(tables.totals(one, found.zone) for one in totals),
    )


def _panel(panel: Panel, zone: ZoneInfo, number: int, page: int) -> ShownPanel:
    each = labels.step_length(panel.step, _usual_length(panel))
    what = words.COMMODITIES.get(panel.first.commodity, "Readings")
    title = f"{what}, {panel.first.unit}" if panel.first.unit != "unknown" else what
    if panel.is_bills:
        title, each = f"{title}: billing periods", "each billing period"
    names = [tables.channel_name(line.channel) for line in panel.lines]
    points = tables.points(panel, zone, page=page)
    ids = [str(line.channel.id) for line in panel.lines]
    return ShownPanel(
        key=",".join([*ids, "bills"] if panel.is_bills else ids),
        title=title,
        unit=panel.first.unit,
        each=each,
        summary=f"{title}, {each}: {', '.join(names)}. The same numbers are in the tables below.",
        legend=tuple(_legend(line.channel) for line in panel.lines),
        points=points,
        pager=_pager(points, number),
        has_partial=any(line.is_partial.any() for line in panel.lines),
    )


def _pager(points: Points, number: int) -> Pager:
    def address(page: int) -> str:
        asked: dict[str, Any] = {**request.args, **(request.view_args or {}), "page": page}
        return url_for("readings.show", _anchor=f"points-{number}", **asked)

    return Pager(
        address(points.page - 1) if points.page > 1 else None,
        address(points.page + 1) if points.page < points.pages else None,
    )


def _usual_length(panel: Panel) -> int:
    """Return how many seconds each step with readings lasts, 0 where they differ."""
    is_present = np.any([line.is_present for line in panel.lines], axis=0)
    lengths = reading_steps.lengths_of(panel)[is_present]
    return int(lengths[0]) if (lengths == lengths[0]).all() else 0


def _legend(channel: Channel) -> Legend:
    direction = channel.direction if channel.direction in {"delivered", "received"} else "other"
    where = "below the axis" if chart.is_below(channel) else "above the axis"
    return Legend(tables.channel_name(channel), direction, where)


def _controls(
    place: Place,
    meter: MeterView,
    asked: Asked,
    step: Step | None,
    *,
    start: str,
    end: str,
    moved: tuple[Link | None, Link | None] = (None, None),
) -> Controls:
    preset = asked.preset or (None if asked.start or asked.end else Preset.WEEK)
    presets = tuple(
        Link(label, _url(place, meter, step, preset=each.value), is_here=each is preset)
        for each, label in PRESETS
    )
    return Controls(
        meters=tuple((str(each.id), _option(each)) for each in place.meters),
        meter=str(meter.id),
        start=start,
        end=end,
        step=step.value if step else "",
        steps=_steps(meter),
        presets=presets,
        previous=moved[0],
        following=moved[1],
    )


def _option(meter: MeterView) -> str:
    return f"{meter_name(meter)} ({words.commodity_name(meter.commodity).lower()})"


def _steps(meter: MeterView) -> tuple[tuple[str, str], ...]:
    lengths = [seconds for each in meter.channels for seconds in each.interval_s if seconds]
    finest = min(lengths, default=0)
    each = words.interval_length(finest).capitalize() if finest else "Each reading"
    named = (("", "What suits the range"), (Step.READINGS.value, each))
    longer = ((Step.HOUR.value, "Local hour"), (Step.DAY.value, "Local day"))
    return (*named, *(longer if finest < reading_steps.HOUR_S else longer[1:]))


def _neighbours(
    place: Place, found: MeterReadings, preset: Preset | None, step: Step | None
) -> tuple[Link | None, Link | None]:
    """Return the links to the range before and after, where the meter has readings there."""
    meter, span, zone = found.meter, found.span, found.zone
    first, last = meter_readings.first_start(meter), meter_readings.last_end(meter)

    def link(other: TimeRange) -> Link:
        edges = {"start": labels.field(other.start, zone), "end": labels.field(other.end, zone)}
        kind = preset.value if preset else None
        return Link(labels.span(other, zone), _url(place, meter, step, preset=kind, **edges))

    previous = link(reading_ranges.before(span, preset, zone)) if _is_past(first, span) else None
    following = (
        link(reading_ranges.following(span, preset, zone)) if _is_ahead(last, span) else None
    )
    return previous, following


def _is_past(first: datetime | None, span: TimeRange) -> bool:
    return first is not None and first < span.start


def _is_ahead(last: datetime | None, span: TimeRange) -> bool:
    return last is not None and last > span.end


def _url(place: Place, meter: MeterView, step: Step | None, **more: Any) -> str:
    return url_for(
        "readings.show",
        facility_id=place.facility.id,
        meter=meter.id,
        step=step.value if step else None,
        **more,
    )
