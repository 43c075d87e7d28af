"""Meters and their channels, as the people of a facility see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import facilities
from dcarbon.services.actors import Actor


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One direction in one unit. Times are UTC, ``None`` while there are no readings."""

    id: UUID
    direction: str
    unit: str
    commodity: str
    measure: str
    interval_s: tuple[int, ...]
    first_start: datetime | None
    last_end: datetime | None
    label: str = ""
    """Tells apart channels that are otherwise the same."""


@dataclass(frozen=True, slots=True)
class MeterView:
    """A meter with its channels."""

    id: UUID
    facility_id: UUID
    authorization_id: UUID | None
    provider: str
    utility: str
    external_id: str
    commodity: str
    meter_numbers: tuple[str, ...]
    service_address: str | None
    account_id: str | None
    service_class: str | None
    tariff: str | None
    time_zone: str
    blocks: Mapping[str, object]
    channels: tuple[ChannelView, ...]


def listing(
    session: Session,
    *,
    actor: Actor,
    facility_id: UUID | None = None,
    authorization_id: UUID | None = None,
) -> list[MeterView]:
    """Return the meters of a facility or of an authorization, in order of their external ids.

    Raises :class:`InvalidInput` when neither is given, :class:`NotFound` when it is not the
    actor's to see.
    """
    query = select(Meter).where(Meter.facility_id.in_(facilities.scope(actor)))
    if facility_id is None and authorization_id is None:
        raise InvalidInput(
            "no filter", display_message="Please say whose meters: facility_id or authorization."
        )
    if facility_id is not None:
        facilities.get(session, facility_id, actor=actor)
        query = query.where(Meter.facility_id == facility_id)
    if authorization_id is not None:
        authorization = session.get(Authorization, authorization_id)
        if authorization is None:
            raise NotFound("no such authorization")
        facilities.get(session, authorization.facility_id, actor=actor)
        query = query.where(Meter.authorization_id == authorization_id)
    return _views(session, session.scalars(query.order_by(Meter.external_id)).all())


def get(session: Session, meter_id: UUID, *, actor: Actor) -> MeterView:
    """Return one meter the actor may see; any other is :class:`NotFound`."""
    meter = session.scalar(
        select(Meter).where(Meter.id == meter_id, Meter.facility_id.in_(facilities.scope(actor)))
    )
    if meter is None:
        raise NotFound("no such meter")
    return _views(session, [meter])[0]


def _views(session: Session, meters: Sequence[Meter]) -> list[MeterView]:
    by_meter: dict[UUID, list[ChannelView]] = {meter.id: [] for meter in meters}
    channels = session.scalars(
        select(MeterChannel)
        .where(MeterChannel.meter_id.in_(by_meter))
        .order_by(MeterChannel.direction, MeterChannel.id)
    ).all()
    series: dict[UUID, list[Series]] = {channel.id: [] for channel in channels}
    for each in session.scalars(select(Series).where(Series.channel_id.in_(series))):
        series[each.channel_id].append(each)
    for channel in channels:
        by_meter[channel.meter_id].append(_channel_view(channel, series[channel.id]))
    return [_view(meter, by_meter[meter.id]) for meter in meters]


def _channel_view(channel: MeterChannel, series: Sequence[Series]) -> ChannelView:
    firsts = [each.first_start for each in series if each.first_start]
    lasts = [each.last_end for each in series if each.last_end]
    return ChannelView(
        id=channel.id,
        direction=channel.direction,
        unit=channel.unit,
        commodity=channel.commodity,
        measure=channel.measure,
        interval_s=tuple(sorted(each.interval_s for each in series)),
        first_start=min(firsts, default=None),
        last_end=max(lasts, default=None),
        label=channel.label,
    )


def _view(meter: Meter, channels: Sequence[ChannelView]) -> MeterView:
    return MeterView(
        id=meter.id,
        facility_id=meter.facility_id,
        authorization_id=meter.authorization_id,
        provider=meter.provider,
        utility=meter.utility,
        external_id=meter.external_id,
        commodity=meter.commodity,
        meter_numbers=tuple(meter.meter_numbers),
        service_address=meter.service_address,
        account_id=meter.account_id,
        service_class=meter.service_class,
        tariff=meter.tariff,
        time_zone=meter.time_zone,
        blocks=meter.blocks,
        channels=tuple(channels),
    )
