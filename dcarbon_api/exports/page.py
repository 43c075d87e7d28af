"""What the exports page shows: the choices as they stand, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import url_for
from werkzeug.datastructures import MultiDict

from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import exports_excel
from dcarbon.services.exports import Format
from dcarbon.services.exports_plan import Plan, Wish, meter_name
from dcarbon.services.meters import MeterView
from dcarbon_api import words

DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_BYTES_A_READING = {Format.ZIP: 16, Format.EXCEL: 80, Format.PARQUET: 21}
"""As measured by ``benchmarks.exports``; for sizes in words only."""
_EXCEL_A_SECOND = 80_000
_WORTH_SAYING_S = 10
_LONGEST_TEXT = 32
_MEGABYTE = 1_000_000

_OF_EXCEL = (
    "To look at and to calculate with: typed cells, and a sheet that says what is in it. "
    f"Up to {exports_excel.MOST_READINGS:,} readings."
)
FORMATS: Mapping[Format, tuple[str, str]] = {
    Format.ZIP: ("CSV", "Text that every program reads, in a ZIP with words about it. No limit."),
    Format.EXCEL: ("Excel", _OF_EXCEL),
    Format.PARQUET: ("Parquet", "For data tools: small, typed and exact. No limit."),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen, as the form shows it. ``last`` is part of the range."""

    meter_ids: tuple[UUID, ...]
    first: str
    last: str
    is_as_reported: bool
    reported_on: str
    format: Format

    def wish(self, facility_id: UUID) -> Wish:
        """Return it as the service wants it. Raises :class:`InvalidInput`."""
        if self.is_as_reported and not self.reported_on:
            raise InvalidInput(
                "no date of the report",
                display_message="Please give the date the readings should be as reported on.",
            )
        last = _date(self.last, "The last day")
        if last == date.max:
            raise InvalidInput("range outside reason", code="range_absurd")
        return Wish(
            start=_date(self.first, "The first day").isoformat(),
            end=(last + DAY).isoformat(),
            facility_id=facility_id,
            meter_ids=self.meter_ids,
            reported_on=self.reported_on if self.is_as_reported else "",
        )

    def arguments(self) -> dict[str, Any]:
        """Return it as the query of an address."""
        return {
            "meter": [str(one) for one in self.meter_ids],
            "first": self.first,
            "last": self.last,
            "known": "reported" if self.is_as_reported else "today",
            "reported_on": self.reported_on or None,
            "format": self.format.value,
        }


@dataclass(frozen=True, slots=True)
class Preset:
    label: str
    url: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Days:
    """The local days a facility has readings of, both included."""

    first: date
    last: date


def days_of(views: Sequence[MeterView]) -> Days | None:
    """Return from which local day to which there are readings of any meter."""
    spans = [
        (channel.first_start.astimezone(zone), (channel.last_end - _INSTANT).astimezone(zone))
        for view in views
        for zone in (ZoneInfo(view.time_zone),)
        for channel in view.channels
        if channel.first_start and channel.last_end
    ]
    if not spans:
        return None
    return Days(min(one.date() for one, _ in spans), max(one.date() for _, one in spans))


def read(arguments: MultiDict[str, str], days: Days) -> Choice:
    """Read the choice from an address; what it does not say is everything, as CSV.

    Raises :class:`NotFound` for a meter that is no id.
    """
    return Choice(
        meter_ids=_ids(arguments.getlist("meter")),
        first=arguments.get("first", "")[:_LONGEST_TEXT] or days.first.isoformat(),
        last=arguments.get("last", "")[:_LONGEST_TEXT] or days.last.isoformat(),
        is_as_reported=arguments.get("known") == "reported",
        reported_on=arguments.get("reported_on", "")[:_LONGEST_TEXT],
        format=_format(arguments.get("format", "")),
    )


def presets(facility_id: UUID, choice: Choice, days: Days) -> list[Preset]:
    """Return ranges to choose by one press, up to the last day with readings."""
    last = days.last
    this_month = last.replace(day=1)
    last_month = (this_month - DAY).replace(day=1)
    ranges = [
        ("All readings", days.first, last),
        ("Last 90 days", last - 89 * DAY, last),
        (f"{last:%B %Y}", this_month, last),
        (f"{last_month:%B %Y}", last_month, this_month - DAY),
        (f"{last.year}", date(last.year, 1, 1), last),
        (f"{last.year - 1}", date(last.year - 1, 1, 1), date(last.year - 1, 12, 31)),
    ]
    found: list[Preset] = []
    for label, start, until in ranges:
        first = max(start, days.first)
        if until < days.first or (first == days.first and until == last and found):
            continue
        chosen = replace(choice, first=first.isoformat(), last=until.isoformat())
        url = url_for("exports.show", facility_id=facility_id, **chosen.arguments())
        found.append(Preset(label, url, is_here=chosen == choice))
    return found


def meter_choices(views: Sequence[MeterView], choice: Choice) -> list[tuple[UUID, str, bool]]:
    """Return each meter with its name, and whether it is chosen; none named means all."""
    return [
        (view.id, meter_name(view), not choice.meter_ids or view.id in choice.meter_ids)
        for view in views
    ]


def size_words(plan: Plan, chosen: Format) -> str:
    """Return roughly how large the file becomes."""
    megabytes = plan.readings * _BYTES_A_READING[chosen] / _MEGABYTE
    if megabytes < 1:
        return "less than 1 MB"
    return f"about {megabytes:,.0f} MB"


def time_words(plan: Plan, chosen: Format) -> str:
    """Return how long a workbook takes, where that is worth saying."""
    seconds = plan.readings / _EXCEL_A_SECOND
    if chosen is not Format.EXCEL or seconds < _WORTH_SAYING_S:
        return ""
    return f"The download starts at once and takes about {seconds:.0f} seconds to be made."


def state_words(plan: Plan) -> str:
    """Return as of when the readings are."""
    if not plan.is_as_reported:
        return "as known today"
    return f"as reported on {words.local_time(plan.as_known_at, plan.zone.key)}"


def _format(text: str) -> Format:
    """Return a format the page offers; what people take as CSV comes in a ZIP."""
    return next((one for one in FORMATS if one.value == text), Format.ZIP)


def _ids(texts: Sequence[str]) -> tuple[UUID, ...]:
    try:
        return tuple(dict.fromkeys(UUID(text) for text in texts if text))
    except ValueError as error:
        raise NotFound("no such meter") from error


def _date(text: str, name: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"{name} is not a date",
            code="time_unreadable",
            display_message=f"{name} must be a date like 2026-01-31.",
        ) from error
