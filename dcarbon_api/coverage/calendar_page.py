"""A year of a meter as a table: a row for each month, a cell for each local day, and its words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import url_for

from dcarbon.domain.coverage import REASONS, CoverageState
from dcarbon.services.coverage_calendar import Calendar, CalendarDay, ChannelDay, Spell
from dcarbon_api import channel_words, words
from dcarbon_api.dashboard.facility_page import name_of as meter_name

NAMES: dict[CoverageState, str] = {
    CoverageState.COMPLETE: "Complete",
    CoverageState.ESTIMATED: "Estimated",
    CoverageState.RESTATED: "Restated",
    CoverageState.PARTIAL: "Partial",
    CoverageState.ASKED_EMPTY: "Asked and empty",
    CoverageState.NOT_ASKED: "Not asked",
    CoverageState.NOT_DUE: "Not due yet",
}
"""What each state is called, in the order of the legend."""
_TOLD: dict[CoverageState, str] = {
    CoverageState.ESTIMATED: "with estimates",
    CoverageState.RESTATED: "restated",
    CoverageState.PARTIAL: "with gaps",
    CoverageState.ASKED_EMPTY: "empty at the utility",
    CoverageState.NOT_ASKED: "not asked for",
    CoverageState.NOT_DUE: "not due yet",
}
_FULL_DAY = timedelta(hours=24)
_LONGEST_MONTH = 31


@dataclass(frozen=True, slots=True)
class Cell:
    """One local day. ``words`` are for assistive technology, ``title`` has the numbers."""

    number: int
    kind: str
    words: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Month:
    """One row. ``weekday`` is that of the first day, 0 for Sunday; ``after`` are cells left over
    on its right, for days to come and those a month has not. Without cells it stands for the
    months before anything was asked for.
    """

    name: str
    weekday: int
    cells: tuple[Cell, ...]
    after: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One state in the legend."""

    kind: str
    name: str
    reason: str
    days: int


@dataclass(frozen=True, slots=True)
class Missing:
    """Days in a row that lack readings for one reason."""

    days: str
    count: int
    kind: str
    name: str
    reason: str
    next_step: str
    url: str


def of(calendar: Calendar) -> dict[str, Any]:
    """Return what the template wants."""
    site, meter = calendar.site, calendar.site.meter
    shown = {
        "facility": {"id": site.facility_id, "name": site.facility_name},
        "meter": meter,
        "meters": [(one.id, meter_name(one)) for one in site.meters],
        "year": calendar.year,
    }
    if meter is None:
        return shown
    counts = Counter(day.state for day in calendar.days)
    return {
        **shown,
        "meter_name": meter_name(meter),
        "channels": [(one.id, channel_words.name_of(one)) for one in site.usage_channels],
        "channel_id": calendar.channel_id,
        "summary": summary(calendar),
        "previous": calendar.year - 1 if calendar.year > calendar.first_year else None,
        "following": calendar.year + 1 if calendar.year < calendar.last_year else None,
        "months": _months(calendar, meter.id),
        "legend": [
            Entry(kind_of(state), name, REASONS[state], counts[state])
            for state, name in NAMES.items()
        ],
        "missing": [_missing(spell, site.facility_id, meter.id) for spell in calendar.spells][::-1],
    }


def summary(calendar: Calendar) -> str:
    """Return how the year stands in one sentence."""
    counted = calendar.summary
    if not counted.due:
        return "No day of this year is due yet."
    told = [
        f"{counted.by_state[state]} {text}"
        for state, text in _TOLD.items()
        if counted.by_state.get(state)
    ]
    days = "day" if counted.due == 1 else "days"
    return "; ".join([f"{counted.covered} of {counted.due} due {days} complete", *told]) + "."


def numbers(day: ChannelDay) -> str:
    """Return the counts of one channel on one day in words."""
    told = [f"{day.present} of {day.expected} readings"]
    if day.estimated:
        told.append(f"{day.estimated} estimated")
    if day.restated:
        told.append(f"{day.restated} restated")
    return ", ".join(told)


def length_words(length: timedelta) -> str:
    """Return how long a day is where clocks change on it; empty for an ordinary day."""
    if length == _FULL_DAY:
        return ""
    turned = "forward" if length < _FULL_DAY else "back"
    return f"{length / timedelta(hours=1):g} hours long: clocks go {turned}"


def _months(calendar: Calendar, meter_id: UUID) -> list[Month]:
    rows: list[Month] = []
    unknown: list[date] = []
    for first, group in groupby(calendar.days, key=lambda day: day.day.replace(day=1)):
        days = list(group)
        if not rows and all(_is_unknown(day) for day in days):
            unknown.append(first)
            continue
        cells = tuple(_cell(day, calendar, meter_id) for day in days)
        weekday = (first.weekday() + 1) % 7
        rows.append(Month(first.strftime("%B"), weekday, cells, _LONGEST_MONTH - len(cells)))
    names = [f"{month:%B}" for month in (unknown[:1] + unknown[1:][-1:])]
    return ([Month(" to ".join(names), 0, (), _LONGEST_MONTH)] if names else []) + rows


def _is_unknown(day: CalendarDay) -> bool:
    return day.state is CoverageState.NOT_ASKED and not day.channels


def _cell(day: CalendarDay, calendar: Calendar, meter_id: UUID) -> Cell:
    name = day.day.strftime("%b %-d")
    return Cell(
        number=day.day.day,
        kind=kind_of(day.state),
        words=f"{name}: {NAMES[day.state].lower()}",
        title=_title(day, calendar),
        url=_url(calendar.site.facility_id, meter_id, day.day),
    )


def _title(day: CalendarDay, calendar: Calendar) -> str:
    told = [f"{day.day.strftime('%a %b %-d, %Y')}: {REASONS[day.state]}"]
    channels = {one.id: one for one in calendar.site.usage_channels}
    told += [
        f"{channel_words.name_of(channels[one.channel_id])}: {numbers(one)}."
        for one in day.channels
        if one.channel_id in channels
    ]
    if clocks := length_words(day.length):
        told.append(f"{clocks}.")
    return " ".join(told)


def _missing(spell: Spell, facility_id: UUID, meter_id: UUID) -> Missing:
    return Missing(
        days=span(spell.first, spell.last),
        count=spell.days,
        kind=kind_of(spell.state),
        name=NAMES[spell.state],
        reason=REASONS[spell.state],
        next_step=spell.next_step,
        url=_url(facility_id, meter_id, spell.first),
    )


def span(first: date, last: date) -> str:
    """Return days in a row as people write them; both ends included."""
    if first == last:
        return words.plain_date(first)
    if first.year != last.year:
        return f"{words.plain_date(first)} to {words.plain_date(last)}"
    return f"{first.strftime('%b %-d')} to {words.plain_date(last)}"


def _url(facility_id: UUID, meter_id: UUID, day: date) -> str:
    return url_for("coverage.day", facility_id=facility_id, meter_id=meter_id, day=day.isoformat())


def kind_of(state: CoverageState) -> str:
    """Return the class of style sheets for a state."""
    return state.value.replace("_", "-")
