"""Fetching a range again for one authorization: asked for on its page, by the API or in Dagster.

However it is asked for, it is the same work order and the same audit entry; in Dagster, which knows
no persons, the system stands in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.domain import ranges
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import InvalidInput, InvalidTransition, NotFound
from dcarbon.domain.ranges import TimeRange
from dcarbon.domain.states import AuthStatus
from dcarbon.services import audit, work
from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime

LONGEST = timedelta(days=3660)
REASON = "asked for by an administrator"


@dataclass(frozen=True, slots=True)
class Repull:
    """What was asked for. ``is_new`` is False where the same range is being fetched already."""

    order_id: UUID
    authorization_id: UUID
    facility_id: UUID
    window: TimeRange
    is_new: bool


def window(start: str, end: str | None, *, zone: ZoneInfo, now: datetime) -> TimeRange:
    """Read a range as it was typed: dates are local midnights, no end means until now.

    Raises :class:`InvalidInput`: ``start_missing`` and the codes of ``domain.ranges``.
    """
    if not start:
        raise InvalidInput("no start", code="start_missing")
    first = ranges.parse_instant(start, zone=zone, name="start")
    last = ranges.parse_instant(end, zone=zone, name="end") if end else now
    return ranges.require_range(first, last.astimezone(UTC), now=now, longest=LONGEST)


def ask(runtime: Runtime, authorization_id: UUID, window: TimeRange, *, actor: Actor) -> Repull:
    """Open the work order that fetches ``window`` again; administrators only.

    Asked for again while it is open, it is the same order, and nothing is written down twice.
    Raises :class:`NotFound`, :class:`InvalidTransition` (``not_authorized``).
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = _in_force(session, authorization_id, actor)
        order = work.open_collection(
            session,
            row.id,
            kind="repull",
            reason=REASON,
            start=window.start,
            end=window.end,
            requested_by=actor.person_id,
            now=now,
        )
        is_new = order in session.new
        if is_new:
            audit.record(
                session,
                AuditEvent.REPULL_REQUESTED,
                actor=actor,
                at=now,
                facility_id=row.facility_id,
                authorization_id=row.id,
                order=str(order.id),
                start=window.start.isoformat(),
                end=window.end.isoformat(),
            )
        return Repull(order.id, row.id, row.facility_id, window, is_new)


def zone_of(runtime: Runtime, authorization_id: UUID, *, actor: Actor) -> ZoneInfo:
    """Return the time zone of an authorization's utility. Raises :class:`NotFound`."""
    with runtime.sessions() as session:
        row = session.get(Authorization, authorization_id)
    if row is None or not actor.is_admin:
        raise NotFound("no such authorization")
    return ZoneInfo(runtime.providers.profile(row.provider).time_zone)


def _in_force(session: Session, authorization_id: UUID, actor: Actor) -> Authorization:
    row = session.get(Authorization, authorization_id, with_for_update=True)
    if row is None or not actor.is_admin:
        raise NotFound("no such authorization")
    if row.status != AuthStatus.AUTHORIZED:
        raise InvalidTransition("not authorized", code="not_authorized")
    return row
