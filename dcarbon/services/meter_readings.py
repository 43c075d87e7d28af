"""A facility's readings to look at: which meter, which range, in which steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dcarbon.db.facilities import Facility
from dcarbon.domain import reading_ranges
from dcarbon.domain.clock_spans import ClockSpan, clock_spans
from dcarbon.domain.errors import NotFound
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.reading_ranges import Asked, Step
from dcarbon.services import facilities, meters, reading_steps, shown_readings
from dcarbon.services.actors import Actor
from dcarbon.services.meters import MeterView
from dcarbon.services.reading_steps import Panel
from dcarbon.services.shown_readings import Readings


@dataclass(frozen=True, slots=True)
class Place:
    """A facility, its meters, and the one looked at; ``None`` while there is none."""

    facility: Facility
    meters: tuple[MeterView, ...]
    meter: MeterView | None


@dataclass(frozen=True, slots=True)
class MeterReadings:
    """The readings of a meter that start in ``span``. ``step`` is what was asked for or suits the
    range; a panel may have a longer one.
    """

    meter: MeterView
    zone: ZoneInfo
    span: TimeRange
    step: Step
    readings: tuple[Readings, ...]
    clock: tuple[ClockSpan, ...]

    def panels(self) -> list[Panel]:
        return reading_steps.panels(self.readings, self.span, step=self.step, zone=self.zone)


def place(
    session: Session, facility_id: UUID, *, actor: Actor, meter_id: UUID | None = None
) -> Place:
    """Return a facility and one of its meters: the one named, or the first that has readings.

    Somebody else's facility, and a meter that is not of this one, are :class:`NotFound`.
    """
    facility = facilities.get(session, facility_id, actor=actor)
    found = tuple(meters.listing(session, actor=actor, facility_id=facility_id))
    if meter_id is not None and meter_id not in {meter.id for meter in found}:
        raise NotFound("no such meter at this facility")
    return Place(facility, found, _chosen(found, meter_id))


def look(
    session: Session, meter: MeterView, asked: Asked, *, step: Step | None, now: datetime
) -> MeterReadings:
    """Return a meter's readings in the range asked for; the caller has checked who looks.

    Raises :class:`InvalidInput` as :func:`reading_ranges.of` does.
    """
    zone = ZoneInfo(meter.time_zone)
    span = reading_ranges.of(asked, last_end=last_end(meter), now=now, zone=zone)
    return MeterReadings(
        meter=meter,
        zone=zone,
        span=span,
        step=step or reading_ranges.step_for(span),
        readings=tuple(shown_readings.read(session, meter.id, span)),
        clock=tuple(clock_spans(span.start, span.end, zone)),
    )


def first_start(meter: MeterView) -> datetime | None:
    """Return where a meter's first reading starts, ``None`` while it has none."""
    starts = [channel.first_start for channel in meter.channels if channel.first_start]
    return min(starts, default=None)


def last_end(meter: MeterView) -> datetime | None:
    """Return where a meter's last reading ends, ``None`` while it has none."""
    ends = [channel.last_end for channel in meter.channels if channel.last_end]
    return max(ends, default=None)


def _chosen(found: Sequence[MeterView], meter_id: UUID | None) -> MeterView | None:
    if meter_id is not None:
        return next(meter for meter in found if meter.id == meter_id)
    with_readings = (meter for meter in found if last_end(meter))
    return next(with_readings, found[0] if found else None)
