"""Points and totals of readings as tables: exact, with what is missing said in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dcarbon.domain.calendar import LONGEST_DAY_S
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Step
from dcarbon.services.reading_steps import Panel, lengths_of
from dcarbon.services.reading_totals import Amount, TotalRow, Totals, decimal
from dcarbon.services.shown_readings import Channel
from dcarbon_api.readings import chart, labels

PAGE_SIZE = 100
"""A day of quarter hours, whichever day it is."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A quantity as text and what is to be said of it; no text: there is no reading."""

    text: str = ""
    is_partial: bool = False
    is_estimated: bool = False

    @property
    def is_plain(self) -> bool:
        """There is nothing to say beside the quantity, as of most of thousands."""
        return bool(self.text) and not (self.is_partial or self.is_estimated)


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    until: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Points:
    """One page of a panel's steps. Numbers count from 1."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    first: int
    last: int
    count: int
    page: int
    pages: int
    has_until: bool


@dataclass(frozen=True, slots=True)
class TotalsTable:
    """Totals of one unit: of the whole range, by month and by day."""

    unit: str
    columns: tuple[str, ...]
    whole: Row
    months: tuple[Row, ...]
    days: tuple[Row, ...]


def points(panel: Panel, zone: ZoneInfo, *, page: int) -> Points:
    """Return a page of the table with every step of a panel, gaps among them."""
    count = len(panel.start)
    pages = max(1, -(-count // PAGE_SIZE))
    page = min(max(page, 1), pages)
    first = (page - 1) * PAGE_SIZE
    last = min(first + PAGE_SIZE, count)
    lengths = lengths_of(panel)[first:last].tolist()
    starts = panel.start[first:last].tolist()
    columns = [_cells(panel, n, first, last) for n in range(len(panel.lines))]
    rows = [
        Row(*_step_words(panel.step, start, start + length, zone), tuple(cells))
        for start, length, *cells in zip(starts, lengths, *columns, strict=True)
    ]
    return Points(
        columns=tuple(channel_name(line.channel) for line in panel.lines),
        rows=tuple(rows),
        first=first + 1 if count else 0,
        last=last,
        count=count,
        page=page,
        pages=pages,
        has_until=panel.step is not Step.DAY,
    )


def totals(found: Totals, zone: ZoneInfo) -> TotalsTable:
    """Return the totals of one unit as tables."""
    names = [channel_name(channel) for channel in found.channels]
    if found.has_net:
        names.append("Net (from minus to the grid)")
    return TotalsTable(
        unit=found.unit,
        columns=tuple(names),
        whole=_total("Whole range", found.whole, has_net=found.has_net),
        months=tuple(
            _total(labels.local_month(row.start, row.end, zone), row, has_net=found.has_net)
            for row in found.months
        ),
        days=tuple(
            _total(labels.local_day(row.start, row.end, zone), row, has_net=found.has_net)
            for row in found.days
        ),
    )


def channel_name(channel: Channel) -> str:
    """Return a channel's name, with what tells it apart from others of its kind."""
    name = chart.name_of(channel)
    return f"{name} ({channel.label})" if channel.label else name


def _cells(panel: Panel, number: int, first: int, last: int) -> list[Cell]:
    line = panel.lines[number]
    columns = (line.value, line.is_present, line.is_partial, line.is_estimated)
    rows = zip(*(column[first:last].tolist() for column in columns), strict=True)
    return [
        Cell(labels.amount(decimal(value, line.exponent)), partial, estimated) if here else Cell()
        for value, here, partial, estimated in rows
    ]


def _step_words(step: Step, start: int, end: int, zone: ZoneInfo) -> tuple[str, str]:
    if step is Step.DAY:
        first, after = (datetime.fromtimestamp(edge, UTC) for edge in (start, end))
        if end - start > LONGEST_DAY_S:  # a gap of several days
            return labels.span(TimeRange(first, after), zone), ""
        return labels.local_day(first, after, zone), ""
    days = {datetime.fromtimestamp(edge, zone).date() for edge in (start, end - 1)}
    until = labels.clock(end, zone) if len(days) == 1 else labels.instant(end, zone)
    return labels.instant(start, zone), until


def _total(label: str, row: TotalRow, *, has_net: bool) -> Row:
    amounts = (*row.amounts, row.net) if has_net else row.amounts
    return Row(label, "", tuple(_amount(one) for one in amounts))


def _amount(amount: Amount | None) -> Cell:
    if amount is None:
        return Cell()
    return Cell(labels.amount(amount.value), amount.is_partial, amount.is_estimated)
