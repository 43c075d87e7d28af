"""Hourly positive export: of each local hour what a meter received less what it delivered.

Never below zero, and only of hours that both registers measured in full. At a meter without a
delivered channel the received register alone counts. Sums of quarter hours above zero would be
larger: what flows in and out within an hour cancels by the registries' rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np

from dcarbon.db.energy_layout import MeterLayout
from dcarbon.db.energy_parts import HOUR_S, Parts
from dcarbon.db.energy_quantities import canonical, scaled
from dcarbon.db.energy_targets import Targets
from dcarbon.db.interval_rows import Bool, Int
from dcarbon.domain.flows import Direction

HOURS = 25
"""Of the longest local day."""
_RECEIVED, _DELIVERED = 0, 1


@dataclass(frozen=True, slots=True)
class ExportRows:
    """Export of meters on local days; see ``HourlyExportDay``. Columns of one length n."""

    meter_ids: Sequence[UUID]
    meter: Int
    """Place in ``meter_ids``."""
    day: Int
    hours: Int
    """Shape (n, 25); 0 where it does not count."""
    counts: Bool
    """Shape (n, 25): is the hour complete, and none of it estimated?"""
    hour_count: Int
    """23, 24 or 25."""
    value: Int
    register_value: Int
    exponent: Int
    missing_hours: Int
    estimated_hours: Int
    as_of_us: Int

    def __len__(self) -> int:
        return len(self.day)

    @classmethod
    def empty(cls) -> Self:
        nothing = np.zeros(0, np.int64)
        hours = np.zeros((0, HOURS), np.int64)
        return cls([], nothing, nothing, hours, hours.astype(np.bool_), *([nothing] * 7))


@dataclass(frozen=True, slots=True)
class _Plan:
    """Which row and role each target has; rows are meter days with an export register."""

    row: Int
    """Per target, -1 where it has no part in export."""
    role: Int
    meter: Int
    target: Int
    """Per row: the target of the received channel."""
    is_netted: Bool
    """Per row: has the meter a delivered channel?"""


def export_rows(
    meters: Sequence[MeterLayout], targets: Targets, parts: Parts, at: Int, too_large: Bool
) -> ExportRows:
    """Return the export of every meter day asked for on which the received register has a reading.

    ``at`` is the target of each part. A meter with several received channels of which none counts
    the whole has no export; with several such delivered ones no hour of it counts.
    """
    plan = _plan(meters, targets)
    mine = plan.row[at] >= 0
    parts, at = parts.take(mine), at[mine]
    row = plan.row[at]
    count = len(plan.target)
    exponent = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(exponent, row, parts.exponent)
    value, overflow = scaled(parts.value, parts.exponent - exponent[row])
    received = plan.role[at] == _RECEIVED
    kept = np.zeros(count, np.bool_)
    kept[row[received]] = True
    kept[row[overflow | too_large[at]]] = False
    register = np.zeros(count, np.int64)
    np.add.at(register, row[received], value[received])
    as_of = np.zeros(count, np.int64)
    np.maximum.at(as_of, row, parts.recorded_us)
    begin, end = targets.begin_s[plan.target], targets.end_s[plan.target]
    hour_count = -(-(end - begin) // HOUR_S)
    hours = _hours(parts, value, plan, at, begin_s=begin, hour_count=hour_count)
    total = hours.export.sum(axis=1)
    columns = np.vstack([hours.export.T, total[None], register[None]])[:, kept]
    columns, exponents = canonical(columns, exponent[kept])
    return ExportRows(
        meter_ids=[meter.id for meter in meters],
        meter=plan.meter[kept],
        day=targets.day[plan.target][kept],
        hours=np.ascontiguousarray(columns[:HOURS].T),
        counts=hours.counts[kept],
        hour_count=hour_count[kept],
        value=columns[HOURS],
        register_value=columns[HOURS + 1],
        exponent=exponents,
        missing_hours=hours.missing[kept],
        estimated_hours=hours.estimated[kept],
        as_of_us=as_of[kept],
    )


def _plan(meters: Sequence[MeterLayout], targets: Targets) -> _Plan:
    row, role = np.full(len(targets), -1), np.zeros(len(targets), np.int64)
    target: list[Int] = [np.zeros(0, np.int64)]
    owner: list[Int] = list(target)
    netted: list[Bool] = [np.zeros(0, np.bool_)]
    ends = np.append(targets.first, len(targets))
    number = rows = 0
    for place, meter in enumerate(meters):
        received = meter.registers(Direction.RECEIVED)
        delivered = meter.registers(Direction.DELIVERED)
        for channel in meter.channels:
            own = slice(ends[number], ends[number + 1])
            days = int(ends[number + 1] - ends[number])
            number += 1
            if len(received) != 1:
                continue
            if channel in received:
                row[own] = np.arange(rows, rows + days)
                target.append(np.arange(own.start, own.stop))
            elif len(delivered) == 1 and channel in delivered:
                row[own] = np.arange(rows, rows + days)
                role[own] = _DELIVERED
        if len(received) == 1:
            owner.append(np.full(days, place))
            netted.append(np.full(days, bool(delivered)))
            rows += days
    return _Plan(row, role, np.concatenate(owner), np.concatenate(target), np.concatenate(netted))


@dataclass(frozen=True, slots=True)
class _Hours:
    """Shape (rows, 25) and (rows,)."""

    export: Int
    counts: Bool
    missing: Int
    estimated: Int


def _hours(
    parts: Parts, value: Int, plan: _Plan, at: Int, *, begin_s: Int, hour_count: Int
) -> _Hours:
    role, row = plan.role[at], plan.row[at]
    since = parts.start_s - begin_s[row]
    hour = since // HOUR_S
    inside = (since % HOUR_S + parts.span_s <= HOUR_S) & (hour < HOURS)
    cell = role[inside], row[inside], hour[inside]
    flow, covered, estimated = (np.zeros((2, len(begin_s), HOURS), np.int64) for _ in range(3))
    np.add.at(flow, cell, value[inside])
    np.add.at(covered, cell, parts.covered_s[inside])
    np.add.at(estimated, cell, parts.estimated_s[inside])
    known = covered == HOUR_S
    complete = known[_RECEIVED] & (known[_DELIVERED] | ~plan.is_netted[:, None])
    is_estimated = complete & (estimated > 0).any(axis=0)
    counts = complete & ~is_estimated
    net = flow[_RECEIVED] - flow[_DELIVERED]
    return _Hours(
        export=np.where(counts, np.maximum(net, 0), 0),
        counts=counts,
        missing=hour_count - np.count_nonzero(complete, axis=1),
        estimated=np.count_nonzero(is_estimated, axis=1),
    )
