"""What a sandbox meter measured, at any date: a pure function of meter, slot and time of asking.

Every value is made of table look-ups, products and sums only. Transcendental functions are used
for the tables alone, because their last bit may depend on where in an array an element lies, and
a reading must not depend on the range it is asked in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from dcarbon_sandbox import shapes
from dcarbon_sandbox.customers import SandboxMeter
from dcarbon_sandbox.localtime import local_day_starts, utc_offsets

ESTIMATED, VALIDATED = 8, 17  # ESPI qualityOfReading
RESTATED_AFTER_S = 3 * 86400
_WH = 1000  # mWh: meters count whole watt-hours, as kWh with three decimals can say
_BLOCK_S = 4 * 3600
_DAY_S = 86400
_ESTIMATED_SHARE = 0.04
_HOLE_SHARE, _SPARSE_SHARE, _LATE_SHARE = 0.15, 0.7, 0.15

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Restatement:
    """From ``at`` on, readings of the meter starting in ``[start, end)`` count ``factor`` times."""

    meter_id: str
    start: datetime
    end: datetime
    factor: float
    at: datetime


@dataclass(frozen=True)
class Loads:
    """Readings of one meter, one element per slot, oldest first.

    ``start`` and ``end`` are epoch seconds (UTC), half-open. Energy is in mWh, always whole Wh;
    for gas it is in milli-therms. Where ``present`` is false the utility has no reading (yet) and
    the energies are zero. ``quality`` is the ESPI qualityOfReading code.
    """

    start: Ints
    end: Ints
    step_s: int
    delivered_mwh: Ints
    received_mwh: Ints
    quality: npt.NDArray[np.int16]
    present: Bools

    def __len__(self) -> int:
        return len(self.start)

    def until(self, end: float) -> Loads:
        """Return the readings that end at or before ``end`` (epoch seconds)."""
        kept = int(np.searchsorted(self.end, end, side="right"))
        columns = ("start", "end", "delivered_mwh", "received_mwh", "quality", "present")
        cut = {name: getattr(self, name)[:kept] for name in columns}
        return Loads(step_s=self.step_s, **cut)


def readings(
    meter: SandboxMeter,
    start: datetime,
    end: datetime,
    *,
    as_of: datetime,
    restatements: Sequence[Restatement] = (),
) -> Loads:
    """Return the slots starting in ``[start, end)`` as the utility states them at ``as_of``.

    All three times must be aware (``ValueError`` otherwise). Slots lie on the UTC grid of
    ``meter.step_s``; gas slots are local days. Nothing exists after the local midnight that
    ``as_of`` last passed.
    """
    if start.tzinfo is None or end.tzinfo is None or as_of.tzinfo is None:
        raise ValueError("readings need aware datetimes")
    starts, ends = _slots(meter, start, min(end, data_until(meter.zone, as_of)))
    local = starts + utc_offsets(meter.zone, starts)
    delivered, received = _measured(meter, starts, local)
    asked = _epoch(as_of)
    guess, quality = _estimates(meter, starts, local, asked)
    delivered, received = _scaled(meter, delivered, guess), _scaled(meter, received, guess)
    for change in restatements:
        if change.meter_id == meter.id and change.at <= as_of:
            hit = (starts >= _epoch(change.start)) & (starts < _epoch(change.end))
            delivered = _scaled(meter, delivered, np.where(hit, change.factor, 1.0))
            received = _scaled(meter, received, np.where(hit, change.factor, 1.0))
    present = _present(meter, local, asked)
    return Loads(
        start=starts,
        end=ends,
        step_s=meter.step_s,
        delivered_mwh=np.where(present, delivered, 0),
        received_mwh=np.where(present, received, 0),
        quality=quality,
        present=present,
    )


def data_until(zone: str, as_of: datetime) -> datetime:
    """Return the end of the last complete local day at ``as_of`` (aware, UTC)."""
    midnight = as_of.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC)


def expected_slots(meter: SandboxMeter, start: datetime, end: datetime) -> int:
    """Return how many slots start in ``[start, end)``, whether or not data exist for them."""
    return len(_slots(meter, start, end)[0])


def _epoch(moment: datetime) -> int:
    """Seconds since the epoch, rounded up, so that a half-open range stays half-open."""
    return -((datetime.fromtimestamp(0, UTC) - moment) // timedelta(seconds=1))


def _slots(meter: SandboxMeter, start: datetime, end: datetime) -> tuple[Ints, Ints]:
    first, last = _epoch(start), _epoch(end)
    if meter.commodity == "gas":
        midnights = local_day_starts(meter.zone, first, max(last, first))
        starts, ends = midnights[:-1], midnights[1:]
        inside = (starts >= first) & (starts < last)
        return starts[inside], ends[inside]
    step = meter.step_s
    starts = np.arange(-(-first // step) * step, last, step, dtype=np.int64)
    return starts, starts + step


def _measured(meter: SandboxMeter, starts: Ints, local: Ints) -> tuple[Ints, Ints]:
    """Energy delivered and received per slot, before quality is considered."""
    if meter.commodity == "gas":
        delivered = shapes.gas_milli_therms(meter, local)
        return delivered, np.zeros_like(delivered)
    used = shapes.used_kw(meter, starts, local)
    if not meter.has_export:
        return _energy(meter, used), np.zeros(len(starts), dtype=np.int64)
    net = used - shapes.sun_kw(meter, starts, local)
    # Within one slot the sign may change: near zero, a little flows each way.
    both = np.maximum(0.0, 0.06 - 0.5 * np.abs(net)) * (net < used)
    delivered = _energy(meter, np.maximum(net, 0.0) + both)
    return delivered, _energy(meter, np.maximum(-net, 0.0) + both)


def _energy(meter: SandboxMeter, power_kw: Floats) -> Ints:
    watt_hours: Ints = np.rint(power_kw * (meter.step_s / 3.6)).astype(np.int64)
    return watt_hours * _WH


def _scaled(meter: SandboxMeter, energy: Ints, factor: Floats) -> Ints:
    grain = 1 if meter.commodity == "gas" else _WH
    scaled: Ints = np.rint(energy * factor / grain).astype(np.int64)
    return scaled * grain


def _estimates(
    meter: SandboxMeter, starts: Ints, local: Ints, asked: int
) -> tuple[Floats, npt.NDArray[np.int16]]:
    """Factors and qualities: some four-hour blocks stay estimated for three days."""
    block = starts // _BLOCK_S
    chosen = shapes.noise(meter.seed, block, "estimated") < _ESTIMATED_SHARE
    day_end = starts - local % _DAY_S + _DAY_S
    estimated = chosen & (asked < day_end + RESTATED_AFTER_S)
    guess = np.where(estimated, 0.85 + 0.3 * shapes.noise(meter.seed, block, "guess"), 1.0)
    return guess, np.where(estimated, ESTIMATED, VALIDATED).astype(np.int16)


def _present(meter: SandboxMeter, local: Ints, asked: int) -> Bools:
    """Say which slots have a reading: holes never fill, late ones fill after two to five days."""
    present = np.ones(len(local), dtype=np.bool_)
    if "holes" in meter.quirks:
        present &= ~_in_hole(meter, local, "hole", _HOLE_SHARE)
    if "sparse" in meter.quirks:
        present &= ~_in_hole(meter, local, "hole", _SPARSE_SHARE)
    if "late" in meter.quirks:
        day = local // _DAY_S
        delay = 2 + np.floor(4 * shapes.noise(meter.seed, day, "delay")).astype(np.int64)
        # Local clock read as if UTC is off by hours only: enough for "days later".
        arrived = asked >= (day + 1 + delay) * _DAY_S
        present &= arrived | ~_in_hole(meter, local, "late", _LATE_SHARE)
    return present


def _in_hole(meter: SandboxMeter, local: Ints, stream: str, share: float) -> Bools:
    """On ``share`` of the local days one stretch of 15 minutes to 7.5 hours is without readings."""
    day, second = np.divmod(local, _DAY_S)
    has_hole = shapes.noise(meter.seed, day, stream) < share
    begin = np.floor(66 * shapes.noise(meter.seed, day, stream + "-begin")) * 900
    length = (1 + np.floor(30 * shapes.noise(meter.seed, day, stream + "-length"))) * 900
    inside: Bools = has_hole & (second >= begin) & (second < begin + np.maximum(length, 900))
    return inside
