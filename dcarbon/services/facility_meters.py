"""The meter of a facility that a page is about, beside the others one may turn to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.domain.errors import NotFound
from dcarbon.domain.flows import Measure
from dcarbon.domain.states import AuthStatus
from dcarbon.services import meter_readings
from dcarbon.services.actors import Actor
from dcarbon.services.meters import ChannelView, MeterView


@dataclass(frozen=True, slots=True)
class FacilityMeters:
    """A facility's meters and the chosen one; ``meter`` is ``None`` while none is known."""

    facility_id: UUID
    facility_name: str
    is_connected: bool
    """May new readings of the chosen meter still come in?"""
    meters: tuple[MeterView, ...]
    meter: MeterView | None

    @property
    def usage_channels(self) -> tuple[ChannelView, ...]:
        """Channels of the chosen meter that may be summed over time; only these have coverage."""
        channels = self.meter.channels if self.meter else ()
        return tuple(one for one in channels if one.measure == Measure.USAGE)

    def channel(self, channel_id: UUID) -> ChannelView:
        """Return one of the usage channels. Raises :class:`NotFound`."""
        for one in self.usage_channels:
            if one.id == channel_id:
                return one
        raise NotFound("no such channel of this meter")


def of(
    session: Session, facility_id: UUID, *, meter_id: UUID | None, actor: Actor
) -> FacilityMeters:
    """Return the meters the actor may see; without a choice, the first that has readings.

    Raises :class:`NotFound` for a facility that is not the actor's to see, and for a meter of
    another facility.
    """
    place = meter_readings.place(session, facility_id, actor=actor, meter_id=meter_id)
    is_collected = place.meter is not None and place.meter.authorization_id is not None
    return FacilityMeters(
        facility_id=place.facility.id,
        facility_name=place.facility.name,
        is_connected=is_collected and place.facility.auth_status == AuthStatus.AUTHORIZED,
        meters=place.meters,
        meter=place.meter,
    )
