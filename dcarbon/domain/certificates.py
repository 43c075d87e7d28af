"""Certificates: one for each whole MWh; what is less is carried to the next report, exactly."""

from __future__ import annotations

from dataclasses import dataclass

WH_PER_MWH = 1_000_000


@dataclass(frozen=True, slots=True)
class Issue:
    """What one report adds: certificates, and what is left to carry.

    ``remainder_wh`` is negative after a correction took back more than was carried: later
    generation fills it up before there are certificates again.
    """

    certificates: int
    remainder_wh: int


def issue(carried_wh: int, change_wh: int) -> Issue:
    """Return what ``change_wh`` more (or, by a correction, less) comes to, on top of the rest."""
    available = carried_wh + change_wh
    certificates = max(0, available // WH_PER_MWH)
    return Issue(certificates, available - certificates * WH_PER_MWH)
