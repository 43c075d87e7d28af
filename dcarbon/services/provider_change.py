"""Changing a facility's utility: what that ends is shown first, then it is ended; data stays.

The new utility is authorised by the usual flow afterwards. Until that is done the facility is
``pending`` and ``facility_views`` says what held before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.meters import Meter, MeterChannel, Series
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidTransition
from dcarbon.domain.states import AuthStatus
from dcarbon.services import audit, facilities, notices, revocation
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_endings import EndReason, Revoked, end_here, ended_by
from dcarbon.services.runtime import Runtime

UNSAID = "change of provider"
"""The reason of an order where nobody typed one."""


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What a change ends and what stays. Times are UTC."""

    facility_id: UUID
    facility_name: str
    can_change: bool
    """False when no authorization is in force: a utility is simply chosen then."""
    method: str | None
    utility: str | None
    status: str | None
    authorized_at: datetime | None
    last_sync: datetime | None
    meters_kept: int
    readings_from: datetime | None
    readings_to: datetime | None
    is_behind: bool
    """Readings are outstanding: ``revocation.collect_first`` fetches them before the change."""
    ends_at_provider: bool
    """The provider will be told; UtilityAPI deletes its copy of the data then."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What was ended. The facility waits for the new flow."""

    facility_id: UUID
    revoked: tuple[Revoked, ...]


def preview(session: Session, facility_id: UUID, *, actor: Actor, now: datetime) -> ChangePreview:
    """Return what changing the utility would end and keep. Who may not authorise may not ask.

    Raises :class:`NotFound` and :class:`InvalidInput` (``operator_needed``).
    """
    facility = facilities.require_may_authorize(session, facility_id, actor=actor)
    rows = _in_force(session, facility_id)
    row = rows[0] if rows else None
    kept = session.execute(
        select(
            func.count(Meter.id.distinct()), func.min(Series.first_start), func.max(Series.last_end)
        )
        .outerjoin(MeterChannel, MeterChannel.meter_id == Meter.id)
        .outerjoin(Series, Series.channel_id == MeterChannel.id)
        .where(Meter.facility_id == facility_id)
    ).one()
    return ChangePreview(
        facility_id=facility_id,
        facility_name=facility.name,
        can_change=row is not None,
        method=row.method if row else None,
        utility=row.utility if row else None,
        status=row.status if row else None,
        authorized_at=row.authorized_at if row else None,
        last_sync=row.last_sync if row else None,
        meters_kept=kept[0],
        readings_from=kept[1],
        readings_to=kept[2],
        is_behind=row is not None and revocation.is_behind(session, row, now=now),
        ends_at_provider=any(one.authorized_at is not None for one in rows),
    )


def change(
    runtime: Runtime,
    facility_id: UUID,
    *,
    actor: Actor,
    reason: str = "",
    new_utility: str | None = None,
) -> Changed:
    """End every authorization of the facility, here at once and at the provider; keep all data.

    ``new_utility`` is what people will read as the next one, if it is known already. Afterwards
    start the new flow by ``authorizations.start``. Raises :class:`NotFound`,
    :class:`InvalidInput` (``operator_needed``), :class:`InvalidTransition` (``nothing_to_change``).
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        facility = facilities.require_may_authorize(session, facility_id, actor=actor)
        rows = _in_force(session, facility_id, lock=True)
        if not rows:
            raise InvalidTransition(
                "no authorization in force",
                code="nothing_to_change",
            )
        old = rows[0]
        by = ended_by(session, facility_id, actor)
        revoked = tuple(
            end_here(
                session,
                row,
                actor=actor,
                why=EndReason.PROVIDER_CHANGED,
                reason=reason or UNSAID,
                by=by,
                now=now,
            )
            for row in rows
        )
        facility.auth_status = AuthStatus.PENDING
        facility.auth_method = facility.auth_provider = facility.auth_id = None
        notices.method_changed(
            session, facility, old=old.utility, new=new_utility, actor=actor, now=now
        )
        audit.record(
            session,
            AuditEvent.AUTHORIZATION_METHOD_CHANGED,
            actor=actor,
            at=now,
            facility_id=facility_id,
            authorization_id=old.id,
            old_method=old.method,
            old_utility=old.utility,
            new_utility=new_utility,
        )
    return Changed(facility_id, revoked)


def _in_force(
    session: Session, facility_id: UUID, *, lock: bool = False
) -> Sequence[Authorization]:
    """Return the authorizations that are not revoked, the one that gives data first."""
    statement = (
        select(Authorization)
        .where(Authorization.facility_id == facility_id, Authorization.status != AuthStatus.REVOKED)
        .order_by((Authorization.status == AuthStatus.AUTHORIZED).desc(), Authorization.id.desc())
    )
    return session.scalars(statement.with_for_update() if lock else statement).all()
