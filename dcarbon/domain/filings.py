"""What is about to be reported, with everything the checks before it need: plain facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from dcarbon.domain.calendar import month_end
from dcarbon.domain.registries import RegistryProfile
from dcarbon.domain.registry_files import FileRow


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """A generating unit as it stood when the report was made."""

    id: str
    name: str
    facility: str
    nameplate_kw: Decimal
    commercial_operation_date: date
    fuel: str
    registry_id: str | None
    reporting_unit_id: str | None


@dataclass(frozen=True, slots=True)
class FiledChannel:
    """A channel a claim is computed from."""

    channel_id: str
    direction: str
    counts: bool
    """False: it is taken off, hour by hour, from what the others count."""


@dataclass(frozen=True, slots=True)
class FiledClaim:
    """A meter that counts for the unit, local days at the meter, both inclusive."""

    meter_id: str
    meter: str
    time_zone: str
    basis: str
    rule: str
    """The rule that makes its readings count, in words, with its source."""
    first_day: date
    last_day: date | None
    eligibility: str | None
    """What a person chose for the channel that counts; ``None``: nobody has, or it is missing."""
    channels: tuple[FiledChannel, ...]
    doubt: str = ""
    """Why what a person chose does not hold any more, if so."""

    def holds_on(self, day: date) -> bool:
        return self.first_day <= day and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, slots=True)
class FiledDay:
    """One meter on one local day: quantity in Wh = value * 10 ** exponent."""

    meter_id: str
    meter: str
    day: date
    basis: str
    value: int
    exponent: int
    is_complete: bool
    is_estimated: bool
    """The utility estimated a reading of the day; it is not in ``value``."""
    hours: int
    """23, 24 or 25."""
    reason: str = ""
    """Why the day is not complete, for people."""
    register_wh: Decimal | None = None
    """With hourly export: the plain sum of the export register, shown beside, never claimed."""

    @property
    def wh(self) -> Decimal:
        return Decimal(self.value).scaleb(self.exponent)


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """A final report of the same unit: local days, both inclusive, and its total."""

    start: date
    end: date
    wh: int


@dataclass(frozen=True, slots=True)
class Filing:
    """A month of a unit, ready to be checked. ``given`` is the file as it would be sent."""

    profile: RegistryProfile
    unit: UnitFacts
    month: date
    today: date
    """At the facility."""
    claims: tuple[FiledClaim, ...]
    days: tuple[FiledDay, ...]
    rows: tuple[FileRow, ...]
    given: bytes
    corrects_wh: int | None = None
    """What was reported before, when this is an adjustment."""
    earlier: tuple[EarlierReport, ...] = ()
    """Final reports of the unit that are not corrected by this one."""

    @property
    def last_day(self) -> date:
        return month_end(self.month)

    @property
    def first_day(self) -> date:
        """The first day that can be claimed: a unit may begin to operate within the month."""
        began = self.unit.commercial_operation_date
        return began if self.month < began <= self.last_day else self.month

    @property
    def wh(self) -> Decimal:
        return sum((day.wh for day in self.days), Decimal(0))

    @property
    def register_wh(self) -> Decimal | None:
        """The plain sum of the export registers, where days count by hourly export."""
        told = [day.register_wh for day in self.days if day.register_wh is not None]
        return sum(told, Decimal(0)) if told else None

    @property
    def reported_wh(self) -> int:
        return sum(row.wh for row in self.rows)

    @property
    def hours(self) -> int:
        """How long the days are together, at the meter with the longest."""
        longest = {day.day: day.hours for day in sorted(self.days, key=lambda one: one.hours)}
        return sum(longest.get(day, 24) for day in self.each_day())

    def each_day(self) -> Iterator[date]:
        day = self.first_day
        while day <= self.last_day:
            yield day
            day += timedelta(days=1)
