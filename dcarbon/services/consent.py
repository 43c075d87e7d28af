"""Consents that come to their end: the countdown by mail, and who may renew before it is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.states import AuthStatus
from dcarbon.services import audit, notices, rotation_records
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime

COUNTDOWN = tuple(timedelta(days=days) for days in (30, 14, 7, 1))
"""How long before the end people are told, once each."""


class RenewalReason(StrEnum):
    """Why a consent that is in force may be given anew."""

    ENDS_SOON = "ends_soon"
    ROTATION_FAILS = "rotation_fails"
    """Its grant cannot be rotated and may end without a date that anybody knows."""


@dataclass(frozen=True, slots=True)
class Announced:
    """One countdown notice. ``step`` is the part of the countdown it belongs to."""

    authorization_id: UUID
    facility_id: UUID
    utility: str
    ends_at: datetime
    step: timedelta


def announce(runtime: Runtime) -> list[Announced]:
    """Tell the people of each facility whose consent has come to the next part of the countdown.

    Late, only the nearest part is told. Each authorization is a transaction of its own, so a round
    that was broken off goes on where it was.
    """
    now = runtime.now()
    soon = (
        select(Authorization.id)
        .where(
            Authorization.status == AuthStatus.AUTHORIZED,
            Authorization.consent_ends_at > now,
            Authorization.consent_ends_at <= now + COUNTDOWN[0],
        )
        .order_by(Authorization.consent_ends_at, Authorization.id)
    )
    with runtime.sessions() as session:
        found = session.scalars(soon).all()
    told = (_announce(runtime, identity, now=now) for identity in found)
    return [each for each in told if each is not None]


def renewal(session: Session, row: Authorization, *, now: datetime) -> RenewalReason | None:
    """Say why an authorization in force may be renewed now; ``None``: there is no need."""
    if row.status != AuthStatus.AUTHORIZED:
        return None
    if row.consent_ends_at is not None and row.consent_ends_at - now <= COUNTDOWN[0]:
        return RenewalReason.ENDS_SOON
    order = session.scalar(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id == row.id,
            WorkOrder.kind == "rotate",
            WorkOrder.done_at.is_(None),
        )
        .limit(1)
    )
    is_failing = order is not None and rotation_records.is_failing(order)
    return RenewalReason.ROTATION_FAILS if is_failing else None


def step_at(ends_at: datetime, at: datetime) -> timedelta | None:
    """Return the part of the countdown a moment belongs to; ``None`` before it begins."""
    left = ends_at - at
    return min((step for step in COUNTDOWN if left <= step), default=None)


def _announce(runtime: Runtime, identity: UUID, *, now: datetime) -> Announced | None:
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, identity, with_for_update=True)
        ends_at, told_at = row.consent_ends_at, row.consent_told_at
        if row.status != AuthStatus.AUTHORIZED or ends_at is None or ends_at <= now:
            return None
        step = step_at(ends_at, now)
        # Measured against the end as it is today: after a renewal the countdown begins anew.
        if step is None or (told_at is not None and step_at(ends_at, told_at) == step):
            return None
        row.consent_told_at = now
        facility = session.get_one(Facility, row.facility_id)
        notices.consent_ending(
            session,
            row,
            ends_at=ends_at.astimezone(ZoneInfo(facility.time_zone)),
            public_url=runtime.settings.public_url,
            now=now,
        )
        audit.record(
            session,
            AuditEvent.CONSENT_ENDING_ANNOUNCED,
            actor=SYSTEM,
            at=now,
            facility_id=row.facility_id,
            authorization_id=row.id,
            ends_at=ends_at.isoformat(),
            days=step.days,
        )
        return Announced(row.id, row.facility_id, row.utility, ends_at, step)
