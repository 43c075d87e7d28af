"""Interval blocks as text, made from columns: one block per local day, fast.

A batch of 10,000 customers is a million readings, so a block's readings are formatted by one
``%`` over all its numbers instead of one call per reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dcarbon_sandbox.green_button.dialects import Dialect
from dcarbon_sandbox.loads import Loads
from dcarbon_sandbox.localtime import local_day_starts, utc_offsets

Ints = npt.NDArray[np.int64]
_HOUR_S, _DAY_S = 3600, 86400
_PEAK_HOURS, _PART_PEAK_HOURS = range(16, 21), (15, 21, 22, 23)


@dataclass(frozen=True)
class Block:
    """One interval block: ``start`` and ``duration`` as written, its readings as XML text."""

    key: str
    start: int
    duration: int
    readings: str


@dataclass(frozen=True)
class _Columns:
    """What the readings of one channel look like on paper, one element per present slot."""

    starts: Ints
    durations: Ints
    values: Ints
    qualities: Ints
    tou: Ints | None
    true_starts: Ints


def blocks(
    dialect: Dialect, loads: Loads, energy: Ints, *, zone: str, gas: bool
) -> Iterator[Block]:
    """Yield the blocks of one channel, oldest first; days without a reading give none.

    ``energy`` is in milli-units (mWh, milli-therms), one element per slot of ``loads``.
    """
    if not loads.present.any():
        return
    columns = _columns(dialect, loads, energy, zone=zone, gas=gas)
    true = columns.true_starts
    edges = local_day_starts(zone, int(true[0]), int(true[-1]))
    cuts = np.searchsorted(true, edges)
    for index, (low, high) in enumerate(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)):
        if low == high:
            continue
        day, until = int(edges[index]), int(edges[index + 1])
        start, duration = _written_day(dialect, day, until, zone)
        start += dialect.gas_starts_late_s if gas else 0
        yield Block(
            key=_key(dialect, start),
            start=start,
            duration=duration,
            readings=_readings(dialect, columns, low, high),
        )


def _columns(dialect: Dialect, loads: Loads, energy: Ints, *, zone: str, gas: bool) -> _Columns:
    keep = loads.present
    true = loads.start[keep]
    starts = true + dialect.gas_starts_late_s if gas else true
    local = true + utc_offsets(zone, true)
    exponent = dialect.gas_exponent if gas else dialect.exponent
    values = energy[keep]
    # Loads count whole watt-hours, so nothing is lost where a dialect writes Wh.
    values = values * 10 ** (-3 - exponent) if exponent <= -3 else values // 10 ** (exponent + 3)
    return _Columns(
        starts=local if dialect.local_clock else starts,
        durations=(loads.end - loads.start)[keep],
        values=values,
        qualities=loads.quality[keep].astype(np.int64),
        tou=_time_of_use(local) if dialect.time_of_use and not gas else None,
        true_starts=true,
    )


def _written_day(dialect: Dialect, day: int, until: int, zone: str) -> tuple[int, int]:
    if not dialect.local_clock:
        return day, until - day
    # Local clock as UTC: every day looks 24 hours long, also the two that are not.
    return day + int(utc_offsets(zone, np.array([day], dtype=np.int64))[0]), _DAY_S


def _key(dialect: Dialect, start: int) -> str:
    if not dialect.local_clock:
        return str(start)
    moment = np.datetime64(start, "s").item()
    return f"{moment.year}{moment.timetuple().tm_yday:03d}"


def _readings(dialect: Dialect, columns: _Columns, low: int, high: int) -> str:
    part = slice(low, high)
    qualities = columns.qualities[part]
    valid = qualities == 17
    with_quality = dialect.quality_on_every_reading or not bool(valid.all())
    shown = [] if not with_quality else [qualities]
    numbers = [*shown, columns.durations[part], columns.starts[part], columns.values[part]]
    if columns.tou is not None:
        numbers.append(columns.tou[part])
    template = _template(
        dialect.espi,
        quality=with_quality,
        cost=dialect.cost_on_every_reading,
        tou=columns.tou is not None,
    )
    return (template * (high - low)) % tuple(np.column_stack(numbers).ravel().tolist())


@lru_cache(maxsize=32)
def _template(p: str, *, quality: bool, cost: bool, tou: bool) -> str:
    return (
        f"<{p}IntervalReading>"
        + (f"<{p}cost>0</{p}cost>" if cost else "")
        + (f"<{p}ReadingQuality><{p}quality>%d</{p}quality></{p}ReadingQuality>" if quality else "")
        + f"<{p}timePeriod><{p}duration>%d</{p}duration><{p}start>%d</{p}start></{p}timePeriod>"
        + f"<{p}value>%d</{p}value>"
        + (f"<{p}tou>%d</{p}tou>" if tou else "")
        + f"</{p}IntervalReading>"
    )


def _time_of_use(local: Ints) -> Ints:
    """PG&E's programme codes: 1 to 3 in summer (June to September), 4 to 6 in winter."""
    hours = local % _DAY_S // _HOUR_S
    months = local.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    summer = (months >= 6) & (months <= 9)
    peak = np.isin(hours, list(_PEAK_HOURS))
    part = np.isin(hours, _PART_PEAK_HOURS)
    in_summer = np.where(peak, 1, np.where(part, 3, 2))
    in_winter = np.where(peak, 4, np.where(part, 5, 6))
    codes: Ints = np.where(summer, in_summer, in_winter).astype(np.int64)
    return codes
