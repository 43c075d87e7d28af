"""The shapes behind the loads: what people use, what a roof makes, what a boiler burns.

Tables by local quarter hour and by day of the year, times noise that is a hash of meter and slot.
"""

from __future__ import annotations

import math
import zlib
from functools import cache

import numpy as np
import numpy.typing as npt

from dcarbon_sandbox.customers import SandboxMeter
from dcarbon_sandbox.localtime import standard_offset

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DAY_S = 86400
_YEAR_DAYS = 365.2425
_LATITUDE = math.radians(37.0)
_WARMEST, _COLDEST = 205.0, 15.0  # day of the year
_MONDAY_OFFSET = 3  # 1970-01-01 was a Thursday


def noise(seed: int, key: Ints, stream: str) -> Floats:
    """Return one number in [0, 1) per key: a splitmix64 hash, the same in any order or range."""
    salt = (seed ^ (zlib.crc32(stream.encode()) * 0x9E3779B97F4A7C15)) & 0xFFFFFFFFFFFFFFFF
    mixed = key.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def used_kw(meter: SandboxMeter, starts: Ints, local: Ints) -> Floats:
    """Return the mean power used on the premises in each slot, in kW."""
    day, second = np.divmod(local, _DAY_S)
    weekend = (day + _MONDAY_OFFSET) % 7 >= 5
    business = meter.kind == "commercial" or "large" in meter.quirks
    tables = _business_tables(meter.step_s) if business else _home_tables(meter.step_s)
    slot = second // meter.step_s
    year_day = _year_day(day)
    habit = np.where(weekend, tables["weekend"][slot], tables["weekday"][slot])
    cooling = tables["cooling"][slot] * _season(_WARMEST)[year_day]
    heating = tables["heating"][slot] * _season(_COLDEST)[year_day]
    temper = 0.7 + 0.6 * noise(meter.seed, day, "temper")
    wobble = 0.75 + 0.5 * noise(meter.seed, starts, "wobble")
    spike = np.where(noise(meter.seed, starts, "spike") > 0.97, 0.25 if business else 1.8, 0.0)
    size = _size(meter, 0.6, 0.9) * (14.0 if business else 1.0)
    flat = habit + (cooling + heating) * temper + spike * habit
    power: Floats = flat * wobble * size
    return power


def sun_kw(meter: SandboxMeter, starts: Ints, local: Ints) -> Floats:
    """Return the mean power a roof makes in each slot, in kW: zero when the sun is down."""
    solar = starts + standard_offset(meter.zone)
    slot = (solar % _DAY_S) // meter.step_s
    day = local // _DAY_S
    year_day = _year_day(day)
    steady, swing = _declination()
    height = steady[year_day] + swing[year_day] * _hour_angle(meter.step_s)[slot]
    height = np.maximum(height, 0.0)
    cloud = noise(meter.seed, day, "cloud")
    clear = 1.0 - 0.75 * cloud * cloud * cloud
    flicker = 1.0 - 0.5 * cloud * noise(meter.seed, starts, "flicker")
    peak = _size(meter, 3.5, 4.5) * (22.0 if "large" in meter.quirks else 1.0)
    power: Floats = peak * height * (0.55 + 0.4 * height) * clear * flicker
    return power


def gas_milli_therms(meter: SandboxMeter, local: Ints) -> Ints:
    """Return the gas burnt on each local day, in thousandths of a therm."""
    day = local // _DAY_S
    cold = _season(_COLDEST)[_year_day(day)]
    temper = 0.6 + 0.8 * noise(meter.seed, day, "temper")
    size = _size(meter, 0.7, 0.8) * (18.0 if "large" in meter.quirks else 1.0)
    therms = size * (0.35 + 0.2 * noise(meter.seed, day, "cooking") + 3.2 * cold * temper)
    burnt: Ints = np.rint(therms * 1000.0).astype(np.int64)
    return burnt


def _size(meter: SandboxMeter, least: float, spread: float) -> float:
    share = noise(meter.seed, np.zeros(1, dtype=np.int64), "size")
    return least + spread * float(share[0])


def _year_day(day: Ints) -> Ints:
    """Return the mean day of the year, 0 to 365."""
    mean_day: Ints = np.floor((day % 146097) % _YEAR_DAYS).astype(np.int64)
    return mean_day


@cache
def _season(peak_day: float) -> Floats:
    """One value per day of the year: 1 at ``peak_day``, 0 for the half year away from it."""
    angle = 2.0 * math.pi * (np.arange(367) - peak_day) / _YEAR_DAYS
    return np.asarray(np.maximum(np.cos(angle), 0.0), dtype=np.float64)


@cache
def _declination() -> tuple[Floats, Floats]:
    """The two parts of the sine of the sun's height: fixed over a day, and times the hour angle."""
    tilt = math.radians(23.44)
    delta = tilt * np.sin(2.0 * math.pi * (np.arange(367) - 80.0) / _YEAR_DAYS)
    steady = math.sin(_LATITUDE) * np.sin(delta)
    return steady, math.cos(_LATITUDE) * np.cos(delta)


@cache
def _hour_angle(step_s: int) -> Floats:
    """Cosine of the hour angle at the middle of each slot of a solar day."""
    return np.asarray(np.cos((_hours(step_s) - 12.0) * math.pi / 12.0), dtype=np.float64)


def _hours(step_s: int) -> Floats:
    middles = (np.arange(_DAY_S // step_s) + 0.5) * step_s / 3600.0
    return np.asarray(middles, dtype=np.float64)


def _bump(hours: Floats, at: float, width: float) -> Floats:
    away = np.minimum(np.abs(hours - at), 24.0 - np.abs(hours - at))
    return np.asarray(np.exp(-((away / width) ** 2)), dtype=np.float64)


@cache
def _home_tables(step_s: int) -> dict[str, Floats]:
    """A home in kW: breakfast and evening on weekdays, all day at weekends, cool and warm air."""
    hours = _hours(step_s)
    evening = _bump(hours, 19.5, 2.6)
    return {
        "weekday": 0.28 + 0.55 * _bump(hours, 7.3, 1.3) + 0.95 * evening,
        "weekend": 0.30 + 0.50 * _bump(hours, 10.5, 3.2) + 0.85 * evening,
        "cooling": 1.50 * _bump(hours, 17.0, 3.0),
        "heating": 0.50 * _bump(hours, 6.5, 1.8) + 0.60 * _bump(hours, 20.5, 3.0),
    }


@cache
def _business_tables(step_s: int) -> dict[str, Floats]:
    """A business, as a share of its size: open on weekdays, base load at night and weekends."""
    hours = _hours(step_s)
    is_open = 1.0 / ((1.0 + np.exp(-3.0 * (hours - 7.5))) * (1.0 + np.exp(2.5 * (hours - 18.0))))
    return {
        "weekday": 0.55 + 2.2 * is_open,
        "weekend": 0.55 + 0.25 * is_open,
        "cooling": 1.4 * is_open * _bump(hours, 15.0, 4.0),
        "heating": 0.5 * _bump(hours, 7.0, 2.0),
    }
