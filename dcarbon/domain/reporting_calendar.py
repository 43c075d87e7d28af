"""When a month has to be reported and until when it can be corrected: days from its last day on.

Day 1 of a registry's cycle is the day after the month's last.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from dcarbon.domain.calendar import month_end
from dcarbon.domain.registries import RegistryProfile, Source, windows_for


@dataclass(frozen=True, slots=True)
class Deadline:
    """One step after a month, local days, both inclusive; ``first`` is ``None`` for a mere end."""

    name: str
    first: date | None
    last: date
    source: Source

    def days_left(self, today: date) -> int:
        """Negative when it is over."""
        return (self.last - today).days

    def is_now(self, today: date) -> bool:
        return today <= self.last and (self.first is None or self.first <= today)


def of(profile: RegistryProfile, month: date, *, nameplate_kw: Decimal) -> list[Deadline]:
    """Return what a registry's texts say of a month: its cycle, else the windows they name."""
    last = month_end(month)
    if profile.cycle:
        return [
            Deadline(
                step.name,
                last + timedelta(days=step.first_day),
                last + timedelta(days=step.last_day),
                step.source,
            )
            for step in profile.cycle
        ]
    named = (
        ("Report the month", windows_for(profile.reporting, nameplate_kw)),
        ("Adjustments", windows_for(profile.adjustments, nameplate_kw)),
    )
    return [
        Deadline(f"{name}, {window.days} days", None, last + timedelta(window.days), window.source)
        for name, windows in named
        for window in windows
    ]


def report_by(profile: RegistryProfile, month: date, *, nameplate_kw: Decimal) -> date | None:
    """Return until when a month is to be reported, by the text we go by; ``None``: not known."""
    windows = windows_for(profile.reporting, nameplate_kw)
    return month_end(month) + timedelta(days=windows[0].days) if windows else None
