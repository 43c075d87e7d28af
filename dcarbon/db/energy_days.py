"""Energy of local days at the meter, from interval days: by channel, and hour by hour of export.

Pure reading and computing, exact integers throughout; what is stored of it is written elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np

from dcarbon.db import binary_copy as bc
from dcarbon.db import energy_layout, energy_parts
from dcarbon.db.energy_export import ExportRows, export_rows
from dcarbon.db.energy_layout import MeterLayout
from dcarbon.db.energy_parts import Parts
from dcarbon.db.energy_quantities import canonical, scaled
from dcarbon.db.energy_targets import Targets
from dcarbon.db.interval_rows import Bool, Int

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class DailyRows:
    """Energy of channels on local days, as columns of one length; see ``DailyEnergy``."""

    channel_ids: Sequence[UUID]
    channel: Int
    """Place in ``channel_ids``."""
    day: Int
    """Local day as days since 1970."""
    value: Int
    estimated_value: Int
    exponent: Int
    readings: Int
    expected: Int
    estimated: Int
    as_of_us: Int
    """Microseconds since 1970."""

    def __len__(self) -> int:
        return len(self.day)


@dataclass(frozen=True, slots=True)
class Derived:
    """What was derived, and from how much. Days are counted per series, UTC."""

    meters: Sequence[MeterLayout]
    """Those asked for that have a usage channel."""
    daily: DailyRows
    exports: ExportRows
    days_read: int
    readings_read: int
    too_large: int
    """Channel days left out because a value in them is larger than energy can be."""


def derive(
    connection: bc.Connection,
    days: Mapping[UUID, Int],
    *,
    as_known_at: datetime | None = None,
) -> Derived:
    """Return the energy of meters on local days (days since 1970), in which they have readings.

    Every usage channel of a meter is derived on each of its days. ``as_known_at`` rests on the
    readings as they were stored at that time.
    """
    wanted = {meter_id: np.unique(of_meter) for meter_id, of_meter in days.items() if len(of_meter)}
    meters = energy_layout.layouts(connection, list(wanted)) if wanted else []
    targets = Targets.of(meters, wanted)
    read = energy_parts.read(
        connection,
        list(targets.stretches(meters, wanted)),
        on_the_hour=targets.on_the_hour,
        as_known_at=as_known_at,
    )
    parts, at = targets.placed(read.parts)
    too_large = _marked(at[parts.too_large], len(targets))
    daily = _daily([c.id for m in meters for c in m.channels], targets, parts, at, too_large)
    exports = export_rows(meters, targets, parts, at, too_large)
    count = int(np.count_nonzero(too_large))
    return Derived(meters, daily, exports, read.days, read.readings, count)


def _daily(
    channel_ids: Sequence[UUID], targets: Targets, parts: Parts, at: Int, too_large: Bool
) -> DailyRows:
    """Add up the parts of each target; days without a reading are left out."""
    exponent = np.full(len(targets), _NEVER)
    np.minimum.at(exponent, at, parts.exponent)
    by = parts.exponent - exponent[at]
    value, overflow = scaled(parts.value, by)
    estimated_value, _ = scaled(parts.estimated_value, by)
    too_large[at[overflow]] = True
    kept = _marked(at, len(targets)) & ~too_large
    # A reading of an instant has no length: it is added up, and no day is complete by it.
    step = np.full(len(targets), _NEVER)
    lasting = parts.step_s > 0
    np.minimum.at(step, at[lasting], parts.step_s[lasting])
    as_of = np.zeros(len(targets), np.int64)
    np.maximum.at(as_of, at, parts.recorded_us)
    sums = np.zeros((4, len(targets)), np.int64)
    for total, column in zip(
        sums, (value, estimated_value, parts.covered_s, parts.estimated_s), strict=True
    ):
        np.add.at(total, at, column)
    values, exponents = canonical(sums[:2, kept], exponent[kept])
    return DailyRows(
        channel_ids=channel_ids,
        channel=targets.channel[kept],
        day=targets.day[kept],
        value=values[0],
        estimated_value=values[1],
        exponent=exponents,
        readings=(sums[2] // step)[kept],
        expected=np.maximum(1, (targets.end_s - targets.begin_s) // step)[kept],
        estimated=(sums[3] // step)[kept],
        as_of_us=as_of[kept],
    )


def _marked(places: Int, count: int) -> Bool:
    marked = np.zeros(count, np.bool_)
    marked[places] = True
    return marked
