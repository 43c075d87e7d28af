"""Generation of a month: what each claimed meter day adds to it, and why one adds less than all.

Rules over derived energy, for reports and for the stored months alike. Estimated readings never
count, whoever asks; a day that lacks any reading is not complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple, Self
from uuid import UUID

PRODUCTION, HOURLY_EXPORT = "production", "hourly_export"
MIXED, NONE = "mixed", "none"

NO_CHANNEL = "No channel of this meter is set as production."
TWO_DIRECTIONS = "Channels of two directions are set as production: which one counts is not clear."
NO_REGISTER = "This meter has no channel that counts all energy given to the grid."
NOT_SET_AS_EXPORT = "This meter's channel to the grid is not set as hourly export."
NO_READINGS = "No readings of this day."


class Quantity(NamedTuple):
    """Exactly ``value * 10 ** exponent`` Wh."""

    value: int
    exponent: int

    @property
    def kwh(self) -> Decimal:
        return Decimal(self.value).scaleb(self.exponent - 3)

    def at(self, exponent: int) -> int:
        """Return the value at an exponent that is not larger."""
        factor: int = 10 ** (self.exponent - exponent)
        return self.value * factor


def total(quantities: Iterable[Quantity]) -> Quantity:
    """Return the sum at the smallest exponent among them; of nothing, zero."""
    several = list(quantities)
    exponent = min((one.exponent for one in several), default=0)
    return Quantity(sum(one.at(exponent) for one in several), exponent)


@dataclass(frozen=True, slots=True)
class ChannelDay:
    """One channel on one local day. Readings are counted in the shortest interval of the day."""

    measured: Quantity
    """Without what was estimated."""
    readings: int
    expected: int
    estimated: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ExportDay:
    """One meter's export on one local day, hour by hour in local order; ``None`` does not count."""

    hours: tuple[int | None, ...]
    exponent: int
    register: Quantity
    """Plain sum of the received register, estimates too: shown beside, never claimed."""
    missing_hours: int
    estimated_hours: int
    as_of: datetime


@dataclass(frozen=True, slots=True)
class DayOfGeneration:
    """One claimed day of one meter, local to it. Energy in Wh: ``value * 10 ** exponent``."""

    meter_id: UUID
    day: date
    basis: str
    value: int
    exponent: int
    is_complete: bool
    estimated: int
    """Readings, with ``hourly_export`` hours, that the utility estimated: not in ``value``."""
    reason: str = ""
    """For people: why the day is not complete."""
    hours: tuple[int | None, ...] | None = None
    """With ``hourly_export``: local hours at ``exponent``, ``None`` where one does not count."""
    register: Quantity | None = None
    as_of: datetime | None = None

    @property
    def energy(self) -> Quantity:
        return Quantity(self.value, self.exponent)

    @property
    def kwh(self) -> Decimal:
        return self.energy.kwh

    def at(self, exponent: int) -> Self:
        """Return the same day with its integers at an exponent that is not larger."""
        factor: int = 10 ** (self.exponent - exponent)
        hours = self.hours and tuple(h if h is None else h * factor for h in self.hours)
        return replace(self, value=self.value * factor, exponent=exponent, hours=hours)


@dataclass(frozen=True, slots=True)
class MonthOfGeneration:
    """One generating unit in one month (its first day), from the days it may claim."""

    unit_id: UUID
    month: date
    lines: tuple[DayOfGeneration, ...]
    """By day, then meter, all at the month's exponent."""
    value: int
    exponent: int

    @classmethod
    def of(cls, unit_id: UUID, month: date, lines: Iterable[DayOfGeneration]) -> Self:
        """Add up the days of a month."""
        ordered = sorted(lines, key=lambda line: (line.day, line.meter_id))
        energy = total(line.energy for line in ordered)
        return cls(unit_id, month, tuple(line.at(energy.exponent) for line in ordered), *energy)

    @property
    def kwh(self) -> Decimal:
        return Quantity(self.value, self.exponent).kwh

    @property
    def basis(self) -> str:
        """``production``, ``hourly_export``, ``mixed``, or ``none`` when no day is claimed."""
        bases = {line.basis for line in self.lines}
        return MIXED if len(bases) > 1 else next(iter(bases), NONE)

    @property
    def days_expected(self) -> int:
        """Claimed days of all meters."""
        return len(self.lines)

    @property
    def days_complete(self) -> int:
        return sum(line.is_complete for line in self.lines)

    @property
    def estimated_days(self) -> int:
        return sum(line.estimated > 0 for line in self.lines)

    @property
    def is_complete(self) -> bool:
        """Is every claimed day complete, and there is one? Says nothing of days not claimed."""
        return bool(self.lines) and self.days_complete == self.days_expected

    @property
    def as_of(self) -> datetime | None:
        """When the newest reading it rests on was recorded; ``None`` without readings."""
        return max((line.as_of for line in self.lines if line.as_of), default=None)


def production_day(
    meter_id: UUID, day: date, channels: Sequence[ChannelDay | None]
) -> DayOfGeneration:
    """Return a day of a production meter; a channel without readings of the day is ``None``."""
    found = [channel for channel in channels if channel is not None]
    reasons = [_lack_of_readings(channel) for channel in channels]
    return DayOfGeneration(
        meter_id,
        day,
        PRODUCTION,
        *total(channel.measured for channel in found),
        is_complete=not any(reasons),
        estimated=sum(channel.estimated for channel in found),
        reason=" ".join(dict.fromkeys(reason for reason in reasons if reason)),
        as_of=max((channel.as_of for channel in found), default=None),
    )


def export_day(meter_id: UUID, day: date, export: ExportDay | None) -> DayOfGeneration:
    """Return a day of a meter that is claimed by hourly positive export."""
    if export is None:
        return nothing(meter_id, day, HOURLY_EXPORT, NO_READINGS)
    reason = _lack_of_hours(export)
    return DayOfGeneration(
        meter_id,
        day,
        HOURLY_EXPORT,
        value=sum(hour for hour in export.hours if hour is not None),
        exponent=export.exponent,
        is_complete=not reason,
        estimated=export.estimated_hours,
        reason=reason,
        hours=export.hours,
        register=export.register,
        as_of=export.as_of,
    )


def nothing(meter_id: UUID, day: date, basis: str, reason: str) -> DayOfGeneration:
    """Return a claimed day of which nothing counts."""
    return DayOfGeneration(
        meter_id, day, basis, value=0, exponent=0, is_complete=False, estimated=0, reason=reason
    )


def _lack_of_readings(channel: ChannelDay | None) -> str:
    if channel is None:
        return NO_READINGS
    said: list[str] = []
    if channel.readings < channel.expected:
        missing = channel.expected - channel.readings
        said.append(f"{missing} of {channel.expected} readings are missing.")
    if channel.readings > channel.expected:
        said.append("Readings overlap each other.")
    if channel.estimated:
        said.append(
            f"{channel.estimated} of {channel.expected} readings are the utility's estimates, "
            "which never count."
        )
    return " ".join(said)


def _lack_of_hours(export: ExportDay) -> str:
    hours = len(export.hours)
    said: list[str] = []
    if export.missing_hours:
        said.append(f"{export.missing_hours} of {hours} hours lack readings.")
    if export.estimated_hours:
        said.append(
            f"{export.estimated_hours} of {hours} hours hold estimates by the utility, "
            "which never count."
        )
    return " ".join(said)
