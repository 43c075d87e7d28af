"""Erasing what was collected: payloads, readings and what was derived, save what reports rest on.

Why something is erased is decided in ``retention`` and ``deletion_work``; both call the same here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from dcarbon.db import binary_copy as bc
from dcarbon.db import derived_energy_marks as marks
from dcarbon.db import erasing, payload_erasing
from dcarbon.db.erasing import Chosen, Readings
from dcarbon.db.meters import Meter
from dcarbon.db.payload_erasing import Bytes
from dcarbon.services import readings_storing, report_holds
from dcarbon.services.report_holds import Held


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to go of a facility: that of some authorizations, or with ``None`` everything."""

    facility_id: UUID
    authorization_ids: tuple[UUID, ...] | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, or would be, and what is held because final reports rest on it."""

    readings: Readings = field(default_factory=Readings)
    payloads: Bytes = field(default_factory=Bytes)
    held_payloads: Bytes = field(default_factory=Bytes)
    held: Held = field(default_factory=Held)

    @property
    def counts(self) -> Mapping[str, int]:
        """Return the numbers, by what they count."""
        return {
            "readings": self.readings.readings,
            "reading_days": self.readings.days,
            "earlier_states": self.readings.earlier_states,
            "derived_days": self.readings.derived,
            "payloads": len(self.payloads.hashes),
            "payload_bytes": self.payloads.total,
            "kept_payloads": len(self.held_payloads.hashes),
            "kept_for_reports": len(self.held.reports),
        }

    @property
    def is_nothing(self) -> bool:
        return not (self.readings.readings or self.readings.derived or self.payloads.hashes)


def hold(session: Session) -> None:
    """Wait until nobody else erases, and let nobody until the transaction ends. Take it first."""
    erasing.lock(bc.connection_of(session))


def look(session: Session, scope: Scope, *, payloads: bool, readings: bool) -> Erased:
    """Return what :func:`erase` would do, and change nothing."""
    chosen, held = _chosen(session, scope)
    connection = bc.connection_of(session)
    found, going, staying = Readings(), Bytes(), Bytes()
    if readings:
        found = erasing.count_readings(connection, chosen, held.spans)
    if payloads:
        ids = payload_erasing.held_payloads(connection, chosen, held.spans)
        shared = payload_erasing.shared_payloads(connection, chosen)
        going, staying = payload_erasing.count_payloads(connection, chosen, ids, shared)
    return Erased(found, going, staying, held)


def erase(
    session: Session,
    scope: Scope,
    *,
    payloads: bool,
    readings: bool,
    now: datetime,
    deletion_id: UUID | None = None,
) -> Erased:
    """Erase in the caller's transaction; ``leaving_payloads.settle`` removes the bytes after it.

    Locks the facility as a writer of readings does; the caller holds :func:`hold`. Of meters whose
    readings are erased, what says where and whose they are is forgotten too.
    """
    readings_storing.lock(session, [scope.facility_id])
    connection = bc.connection_of(session)
    chosen, held = _chosen(session, scope)
    found, going, staying = Readings(), Bytes(), Bytes()
    if payloads:
        ids = payload_erasing.held_payloads(connection, chosen, held.spans)
        save = {*ids, *payload_erasing.shared_payloads(connection, chosen)}
        _, staying = payload_erasing.count_payloads(connection, chosen, ids, save)
        going = payload_erasing.erase_payloads(
            connection, chosen, save, now=now, deletion_id=deletion_id
        )
    if readings:
        marks.lock(connection)
        found = erasing.erase_readings(connection, chosen, held.spans)
        _forget_places(session, chosen)
    return Erased(found, going, staying, held)


def _chosen(session: Session, scope: Scope) -> tuple[Chosen, Held]:
    mine = select(Meter.id).where(Meter.facility_id == scope.facility_id)
    if scope.authorization_ids is not None:
        mine = mine.where(Meter.authorization_id.in_(scope.authorization_ids))
    meter_ids = tuple(session.scalars(mine.order_by(Meter.id)))
    chosen = Chosen(scope.facility_id, meter_ids, scope.authorization_ids)
    return chosen, report_holds.of_meters(session, scope.facility_id, meter_ids)


def _forget_places(session: Session, chosen: Chosen) -> None:
    session.execute(
        update(Meter)
        .where(Meter.id.in_(chosen.meter_ids))
        .values(service_address=None, account_id=None, blocks={})
    )
