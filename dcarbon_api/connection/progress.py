"""How far the collection of a facility is, for people who watch it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from dcarbon.domain.states import AuthStatus
from dcarbon.services.facility_views import FacilityView
from dcarbon.services.meters import MeterView
from dcarbon_api.context import current_runtime

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MeterProgress:
    """How much of one meter has arrived. ``latest`` is UTC."""

    name: str
    days_in: int
    latest: datetime | None
    time_zone: str


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a collection. ``percent`` is ``None`` while nothing can be said."""

    state: str
    words: str
    meters_found: int
    readings: int
    days_in: int
    days_wanted: int
    percent: int | None
    meters: tuple[MeterProgress, ...]

    @property
    def is_over(self) -> bool:
        return self.state in {"done", "stopped"}

    @property
    def is_running(self) -> bool:
        return self.state in {"waiting", "collecting"}


def of(view: FacilityView) -> Progress:
    """Return how far the latest collection of a facility is."""
    told = view.progress
    state = str(told.get("state", "none"))
    wanted = _count(told.get("days_wanted")) or current_runtime().settings.history_days
    meters = tuple(_meter(meter) for meter in view.meters)
    days = [min(meter.days_in, wanted) for meter in meters if meter.latest]
    found = max(_count(told.get("meters_found")), len(meters))
    reached = round(sum(days) / len(days)) if days else 0
    # A utility may have less than was asked for: the work goes on, although no days come in.
    asked = max(reached, _count(told.get("days_in")))
    return Progress(
        state=state,
        words=_words(view, state, reached, wanted, number=found),
        meters_found=found,
        readings=_count(told.get("readings")),
        days_in=reached,
        days_wanted=wanted,
        percent=100 if state == "done" else _percent(asked, wanted),
        meters=meters,
    )


def _words(view: FacilityView, state: str, reached: int, wanted: int, *, number: int) -> str:
    card = view.card
    source = "1 meter" if number == 1 else f"{number} meters"
    if card.auth_status == AuthStatus.PENDING:
        return "Waiting for the utility to confirm."
    if state != "done" and card.sync_health == "delayed":
        return "The utility is not answering at the moment. We keep trying by ourselves."
    if state == "collecting" or (state == "waiting" and reached):
        return f"Readings are arriving from {source}: {reached} of {wanted} days so far."
    if state == "done":
        return f"All readings the utility has are here, from {source}."
    if state == "stopped":
        return "Collecting has stopped. The page of the facility says why."
    return "Asking the utility for your meters. This takes a minute or two."


def _meter(meter: MeterView) -> MeterProgress:
    # The provider's registers and demand values say nothing about days of usage.
    channels = [one for one in meter.channels if one.measure == "usage"]
    firsts = [one.first_start for one in channels if one.first_start]
    lasts = [one.last_end for one in channels if one.last_end]
    days = math.ceil((max(lasts) - min(firsts)) / _DAY) if firsts and lasts else 0
    name = ", ".join(meter.meter_numbers) or meter.external_id
    return MeterProgress(name, days, max(lasts, default=None), meter.time_zone)


def _percent(reached: int, wanted: int) -> int | None:
    return min(99, reached * 100 // wanted) if reached else None


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
