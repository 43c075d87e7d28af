"""Totals of a range by local day and month: exact sums of the readings, as decimals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from zoneinfo import ZoneInfo

import numpy as np

from dcarbon.db.interval_rows import Int
from dcarbon.domain.flows import Direction, Measure
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Step
from dcarbon.services import reading_steps
from dcarbon.services.reading_steps import Line
from dcarbon.services.shown_readings import Channel, Readings

_EXACT = Context(prec=100)
"""Wide enough for any two 64-bit integers at any exponents there are."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of readings, in the unit of its column; partial where some are missing."""

    value: Decimal
    is_partial: bool
    is_estimated: bool


@dataclass(frozen=True, slots=True)
class TotalRow:
    """``[start, end)``, UTC: a local day or month, or what the range leaves of it.

    ``amounts`` are by channel, ``None`` without a single reading; ``net`` is delivered less
    received, ``None`` where one of them is missing.
    """

    start: datetime
    end: datetime
    amounts: tuple[Amount | None, ...]
    net: Amount | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Of the channels of one unit. ``has_net``: delivered and received are both measured."""

    unit: str
    channels: tuple[Channel, ...]
    has_net: bool
    days: tuple[TotalRow, ...]
    months: tuple[TotalRow, ...]
    whole: TotalRow


def of(readings: Sequence[Readings], span: TimeRange, zone: ZoneInfo) -> list[Totals]:
    """Return totals for each unit that may be summed. Periods of more than a day are not in them:
    they say nothing of a day.
    """
    days = reading_steps.step_edges(span, Step.DAY, zone)
    months = _month_edges(days, zone)
    whole = days[[0, -1]]
    return [
        _totals(group, days, months, whole)
        for group in reading_steps.groups(readings)
        if group[0].channel.measure == Measure.USAGE
    ]


def _month_edges(days: Int, zone: ZoneInfo) -> Int:
    """Return those edges of days that begin a local month, and both ends."""
    inside = [edge for edge in days[1:-1].tolist() if datetime.fromtimestamp(edge, zone).day == 1]
    return np.array([days[0], *inside, days[-1]], np.int64)


def _totals(group: Sequence[Readings], days: Int, months: Int, whole: Int) -> Totals:
    channels = tuple(one.channel for one in group)
    net = _net_of(channels)
    rows = [_rows(group, edges, net) for edges in (days, months, whole)]
    return Totals(
        unit=channels[0].unit,
        channels=channels,
        has_net=net is not None,
        days=rows[0],
        months=rows[1],
        whole=rows[2][0],
    )


def _net_of(channels: Sequence[Channel]) -> tuple[int, int] | None:
    """Return the places of delivered and received, where there is one of each and no net."""
    directions = [channel.direction for channel in channels]
    wanted = (Direction.DELIVERED, Direction.RECEIVED)
    if Direction.NET in directions or any(directions.count(one) != 1 for one in wanted):
        return None
    return directions.index(wanted[0]), directions.index(wanted[1])


def _rows(
    group: Sequence[Readings], edges: Int, net: tuple[int, int] | None
) -> tuple[TotalRow, ...]:
    columns = [_amounts(reading_steps.sums(one, edges)) for one in group]
    rows: list[TotalRow] = []
    for (start, end), *amounts in zip(reading_steps.pairs(edges), *columns, strict=True):
        rows.append(
            TotalRow(
                datetime.fromtimestamp(start, UTC),
                datetime.fromtimestamp(end, UTC),
                tuple(amounts),
                _difference(amounts[net[0]], amounts[net[1]]) if net else None,
            )
        )
    return tuple(rows)


def _amounts(line: Line) -> list[Amount | None]:
    columns = (line.value, line.is_present, line.is_partial, line.is_estimated)
    return [
        Amount(decimal(value, line.exponent), partial, estimated) if present else None
        for value, present, partial, estimated in zip(*(c.tolist() for c in columns), strict=True)
    ]


def decimal(value: int, exponent: int) -> Decimal:
    """Return ``value * 10 ** exponent`` exactly, whatever the context's precision."""
    sign, digits = int(value < 0), tuple(map(int, str(abs(value))))
    return Decimal((sign, digits, exponent))


def _difference(delivered: Amount | None, received: Amount | None) -> Amount | None:
    if delivered is None or received is None:
        return None
    return Amount(
        _EXACT.subtract(delivered.value, received.value),
        delivered.is_partial or received.is_partial,
        delivered.is_estimated or received.is_estimated,
    )
