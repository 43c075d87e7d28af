"""Exact sums of one channel's readings by local day and month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from dcarbon.db.interval_days_reading import exponent_of
from dcarbon.domain.calendar import DAY, LONGEST_DAY_S, day_bounds, local_days
from dcarbon.domain.ranges import TimeRange
from dcarbon.services.shown_readings import placed


@dataclass(frozen=True, slots=True)
class Compared:
    """One local day, or one month from its first day on, as it was reported and as it is now.

    Quantities are in the channel's unit, ``None`` where nothing was known.
    """

    first: date
    reported: Decimal | None
    today: Decimal | None

    @property
    def difference(self) -> Decimal:
        """What came to it since; what was not known counts as nothing."""
        return (self.today or Decimal(0)) - (self.reported or Decimal(0))


def by_day(readings: pa.Table, span: TimeRange, zone: ZoneInfo) -> dict[date, Decimal]:
    """Return the sum of each local day of ``span`` that has readings there.

    Readings belong where :func:`~dcarbon.services.shown_readings.placed` says. Columns are those of
    :func:`~dcarbon.db.interval_days_reading.read_series`, in order of start.
    """
    days = list(local_days(span.start, span.end, zone))
    if not days or not readings.num_rows:
        return {}
    duration_s = readings["duration_s"].to_numpy().astype(np.int64)
    short = duration_s <= LONGEST_DAY_S
    starts = placed(readings["start"].cast("int64").to_numpy(), duration_s)[short]
    values = readings["value"].to_numpy()[short].tolist()
    edges = [int(day_bounds(day, zone)[0].timestamp()) for day in [*days, days[-1] + DAY]]
    bounds = int(span.start.timestamp()), int(span.end.timestamp())
    at = np.searchsorted(starts, np.clip(np.array(edges, np.int64), *bounds)).tolist()
    exponent = exponent_of(readings)
    # Python's integers: a day's sum of 64-bit values need not be one.
    return {
        day: Decimal(sum(values[first:after])).scaleb(exponent)
        for day, first, after in zip(days, at, at[1:], strict=False)
        if after > first
    }


def compared(reported: dict[date, Decimal], today: dict[date, Decimal]) -> tuple[Compared, ...]:
    """Return the days of both, oldest first."""
    days = sorted(reported.keys() | today.keys())
    return tuple(Compared(day, reported.get(day), today.get(day)) for day in days)


def by_month(days: Iterable[Compared]) -> tuple[Compared, ...]:
    """Return the months of some days, oldest first."""
    months = groupby(days, key=lambda one: one.first.replace(day=1))
    return tuple(_summed(month, list(group)) for month, group in months)


def _summed(month: date, days: Sequence[Compared]) -> Compared:
    reported = [one.reported for one in days if one.reported is not None]
    today = [one.today for one in days if one.today is not None]
    return Compared(
        month,
        sum(reported, Decimal(0)) if reported else None,
        sum(today, Decimal(0)) if today else None,
    )
