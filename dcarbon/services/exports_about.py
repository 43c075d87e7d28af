"""What an export is, in words: the same for the sheet, the Parquet metadata and the text beside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dcarbon.domain import reading_quality
from dcarbon.services.exports_columns import COLUMNS
from dcarbon.services.exports_plan import Plan, PlannedMeter

TITLE = "Meter readings as the utility stated them"
_NOTES = """\
One row for each interval the utility gave a reading of. What it gave none of is absent: a gap is \
never a zero.
Values are exact. Channels are never added to each other.
Where a channel has readings of several lengths for the same time, that time is told once: by the \
shorter intervals where they fill the longer one, else by the longer one. A bill gives way to any \
interval within it.
A restated row shows the value that held at the time of this export. The earlier ones are kept, \
and the page Changes of the facility shows them.
Anybody who has the utility's answers can check a row: the SHA-256 names the one it is from.
"""


class Section(NamedTuple):
    """A heading with lines of a name and what there is to say of it."""

    title: str
    lines: tuple[tuple[str, str], ...]


def sections(plan: Plan) -> tuple[Section, ...]:
    """Return everything there is to say; the same plan gives the same words."""
    return (
        Section("What this is", tuple(_summary(plan))),
        *(Section(f"Meter {meter.name}", tuple(_meter(meter))) for meter in plan.meters),
        Section("Columns", tuple((one.name, one.says) for one in COLUMNS)),
        Section("Quality codes", tuple(_qualities())),
        Section("Good to know", tuple(("", note) for note in _NOTES.splitlines())),
    )


def text(plan: Plan) -> str:
    """Return it as plain text."""
    blocks = [TITLE, "=" * len(TITLE)]
    for section in sections(plan):
        blocks += ["", section.title, "-" * len(section.title)]
        blocks += [f"{name}: {says}" if name else f"* {says}" for name, says in section.lines]
    return "\n".join(blocks) + "\n"


def _summary(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "Facility", plan.facility_name
    yield "Facility id", str(plan.facility_id)
    yield "Meters", f"{len(plan.meters):,}"
    yield "Readings", f"{plan.readings:,}"
    yield "State", _state(plan)
    if plan.newest is not None:
        yield "Newest change in it", f"{_utc(plan.newest)}, when it was recorded"
    yield "Order", "by meter, channel and time"


def _state(plan: Plan) -> str:
    if not plan.is_as_reported:
        return "as known today: the latest statement of each reading"
    return f"as reported on {_utc(plan.as_known_at)}; what came later is left out"


def _meter(meter: PlannedMeter) -> Iterator[tuple[str, str]]:
    yield "Meter id", str(meter.id)
    yield "Utility", meter.utility
    yield "Time zone", meter.zone.key
    first, after = (_local(one, meter.zone) for one in (meter.span.start, meter.span.end))
    yield "Range", f"intervals that begin from {first} until before {after}"
    for channel in meter.channels:
        yield f"Channel {channel.name}", f"{channel.readings:,} readings in {channel.unit}"
    if not meter.channels:
        yield "Readings", "none in this range"


def _qualities() -> Iterator[tuple[str, str]]:
    for code, word in reading_quality.WORDS.items():
        yield f"{code} {word}", reading_quality.EXPLAINED[code]
    yield f"empty, {reading_quality.NOT_STATED}", "The utility did not state a quality."


def _utc(moment: datetime) -> str:
    shown = (moment + timedelta(milliseconds=500)).astimezone(UTC)
    return shown.strftime("%Y-%m-%d %H:%M:%S UTC")


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(sep=" ", timespec="minutes")
