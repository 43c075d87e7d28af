"""Which readings a request gets: meter, window, what is known at the time, what changed since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from dcarbon_sandbox import loads, restatements
from dcarbon_sandbox.customers import SandboxMeter
from dcarbon_sandbox.green_button.store import Authorization
from dcarbon_sandbox.green_button.windows import Window
from dcarbon_sandbox.loads import Loads
from dcarbon_sandbox.localtime import local_day_starts
from dcarbon_sandbox.state import SandboxState

_CENTS_PER_KWH, _CENTS_PER_THERM = 31, 215


@dataclass(frozen=True)
class Bill:
    """One calendar month of one meter. ``energy`` is in milli-units, times are epoch seconds."""

    key: str
    start: int
    end: int
    energy: int
    amount: int
    """Hundred-thousandths of a dollar (reference 5.7)."""


@dataclass(frozen=True)
class MeterPart:
    """What one request gets of one meter; ``number`` counts the subscription's meters from 1."""

    meter: SandboxMeter
    number: int
    loads: Loads | None
    bills: Sequence[Bill]

    def is_empty(self) -> bool:
        return (self.loads is None or not self.loads.present.any()) and not self.bills


def part_of(
    state: SandboxState,
    authorization: Authorization,
    meter: SandboxMeter,
    number: int,
    *,
    window: Window,
    now: datetime,
) -> MeterPart:
    """Return the readings and bills of one meter that the authorization opens in the window."""
    start, end = _bounds(authorization, meter, window, now)
    usage = authorization.covers("usage")
    read = (
        _readings(state, meter, start, end, window=window, now=now)
        if usage and start < end
        else None
    )
    billed = authorization.covers("billing") and window.updated_min is None
    bills = tuple(_bills(state, meter, start, end, now)) if billed else ()
    return MeterPart(meter, number, read, bills)


def _bounds(
    authorization: Authorization, meter: SandboxMeter, window: Window, now: datetime
) -> tuple[datetime, datetime]:
    """Widen the window to whole local days (a block is never cut) and clip it to the consent."""
    first = datetime.fromtimestamp(authorization.created_at - authorization.history_s, UTC)
    start = max(window.published_min or first, first)
    end = min(window.published_max or now, now)
    if start >= end:
        return start, start
    edges = local_day_starts(meter.zone, int(start.timestamp()), int(end.timestamp()))
    last = edges[np.searchsorted(edges, end.timestamp())]
    return datetime.fromtimestamp(int(edges[0]), UTC), datetime.fromtimestamp(int(last), UTC)


def _readings(
    state: SandboxState,
    meter: SandboxMeter,
    start: datetime,
    end: datetime,
    *,
    window: Window,
    now: datetime,
) -> Loads:
    corrections = restatements.of_meter(state, meter.id)
    as_of = min(window.updated_max or now, now)
    current = loads.readings(meter, start, end, as_of=as_of, restatements=corrections)
    if window.updated_min is None:
        return current
    before = loads.readings(
        meter, start, end, as_of=min(window.updated_min, as_of), restatements=corrections
    )
    return _changed_days(meter, before, current)


def _changed_days(meter: SandboxMeter, before: Loads, current: Loads) -> Loads:
    """Keep the local days of which anything is said differently than before."""
    if len(current) == 0:
        return current
    known = len(before)  # the earlier statement ends earlier; both begin at the same slot
    differs = np.ones(len(current), dtype=np.bool_)
    differs[:known] = (
        (before.delivered_mwh != current.delivered_mwh[:known])
        | (before.received_mwh != current.received_mwh[:known])
        | (before.present != current.present[:known])
        | (before.quality != current.quality[:known])
    )
    edges = local_day_starts(meter.zone, int(current.start[0]), int(current.start[-1]))
    day: npt.NDArray[np.int64] = np.searchsorted(edges, current.start, side="right")
    changed = np.isin(day, np.unique(day[differs]))
    return replace(current, present=current.present & changed)


def _bills(
    state: SandboxState, meter: SandboxMeter, start: datetime, end: datetime, now: datetime
) -> Iterator[Bill]:
    """Yield the bills of calendar months that ended within ``(start, end]``."""
    zone = ZoneInfo(meter.zone)
    first_day = start.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = first_day
    while begin < end:
        following = (begin + timedelta(days=32)).replace(day=1)
        if start < following <= end and following <= now:
            yield _bill(state, meter, begin, following, now)
        begin = following


def _bill(
    state: SandboxState, meter: SandboxMeter, begin: datetime, end: datetime, now: datetime
) -> Bill:
    corrections = restatements.of_meter(state, meter.id)
    read = loads.readings(meter, begin, end, as_of=now, restatements=corrections)
    energy = int(read.delivered_mwh.sum())
    return Bill(
        key=f"{begin:%Y%m}",
        start=int(begin.timestamp()),
        end=int(end.timestamp()),
        energy=energy,
        amount=_amount(meter, energy),
    )


def _amount(meter: SandboxMeter, energy: int) -> int:
    """Return the price in hundred-thousandths of a dollar: a cent is 1000 of them."""
    if meter.commodity == "gas":
        return energy * _CENTS_PER_THERM  # milli-therms: / 1000 * 1000
    return energy * _CENTS_PER_KWH // 1000  # milli-watt-hours: / 1,000,000 * 1000
