"""One authorization in full, for administrators: who, what was granted, what happened, what came.

Nothing of its secrets is here, and no bytes of a payload: those are in ``payload_looks``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, Grant, current_grant
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.domain import admin_status
from dcarbon.domain.admin_status import AdminStatus, Collecting
from dcarbon.domain.errors import InvalidTransition, NotFound
from dcarbon.domain.states import AuthStatus
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.services import (
    authorization_meters,
    authorization_tasks,
    authorization_timeline,
    authorization_traces,
    facility_views,
    retrying,
)
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_meters import MeterSummary
from dcarbon.services.authorization_tasks import Task
from dcarbon.services.authorization_timeline import Timeline
from dcarbon.services.authorization_traces import (
    EntryView,
    LandedView,
    Listed,
    SyncAttemptView,
)
from dcarbon.services.facility_views import AuthorizationView
from dcarbon.services.retrying import RetriedBy
from dcarbon.services.runtime import Runtime

NEWEST = 10
"""So many of each list are shown beside the rest; the lists have pages of their own."""


@dataclass(frozen=True, slots=True)
class RoleHolder:
    """Somebody with a role at the facility, or who asked for this authorization without one."""

    id: UUID
    name: str
    email: str
    role: str | None
    since: datetime | None
    is_asker: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """What the utility granted. ``text`` is the scope as it was stated, ``None`` where the
    provider states none; the rest is read from it.
    """

    text: str | None
    has_intervals: bool | None
    has_customer: bool | None
    history: timedelta | None
    interval_durations: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class GrantView:
    """The grant in force: its times only."""

    obtained_at: datetime
    refreshed_at: datetime | None
    access_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Underway:
    """What is under way for an authorization, and how it stands meanwhile."""

    authorization_id: UUID
    status: AdminStatus
    utility: str
    time_zone: str
    """Of the facility."""
    provider_zone: ZoneInfo
    """In which the days of a range are counted."""
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """Which authorization it is: what every page about it says."""

    authorization: AuthorizationView
    status: AdminStatus
    facility: Facility

    @property
    def may_revoke(self) -> bool:
        return self.authorization.status != AuthStatus.REVOKED

    @property
    def may_repull(self) -> bool:
        return self.authorization.status == AuthStatus.AUTHORIZED


@dataclass(frozen=True, slots=True)
class AuthorizationDetail:
    """Everything about one authorization. Times are UTC."""

    head: Head
    collecting: Collecting
    retries: int
    people: tuple[RoleHolder, ...]
    underway: Underway
    payloads_erased_at: datetime | None
    """When what the provider sent was deleted after the end; ``None``: it is kept."""
    readings_erased_at: datetime | None
    scope: Scope
    grant: GrantView | None
    timeline: Timeline
    meters: tuple[MeterSummary, ...]
    attempts: Listed[SyncAttemptView]
    payloads: Listed[LandedView]
    entries: Listed[EntryView]
    retry: RetriedBy | None
    """What a retry would do, ``None`` where there is nothing to retry."""

    @property
    def authorization(self) -> AuthorizationView:
        return self.head.authorization

    @property
    def status(self) -> AdminStatus:
        return self.head.status

    @property
    def facility(self) -> Facility:
        return self.head.facility

    @property
    def needs_person(self) -> bool:
        return admin_status.needs_person(self.status, self.collecting)


def one(
    runtime: Runtime,
    session: Session,
    authorization_id: UUID,
    *,
    actor: Actor,
    newest: int | None = NEWEST,
    but_events: tuple[str, ...] = (),
) -> AuthorizationDetail:
    """Return an authorization in full, with the ``newest`` of each list (``None``: all of them).

    Administrators only: for everybody else it is :class:`NotFound`. Entries of ``but_events`` are
    left out.
    """
    row, now = get(session, authorization_id, actor=actor), runtime.now()
    return AuthorizationDetail(
        head=_head(session, row),
        collecting=_collecting(row, now),
        retries=row.retries,
        people=_people(session, row),
        underway=_underway(runtime, session, row, actor, now),
        payloads_erased_at=row.payloads_erased_at,
        readings_erased_at=row.readings_erased_at,
        scope=_scope(row.granted_scope),
        grant=_grant(current_grant(session, row.id)),
        timeline=authorization_timeline.of(session, row, actor=actor),
        meters=authorization_meters.of(session, row.id, actor=actor, now=now),
        attempts=authorization_traces.attempts(session, row, limit=newest),
        payloads=authorization_traces.payloads(session, row, limit=newest),
        entries=authorization_traces.entries(
            session, row, actor=actor, limit=newest, but=but_events
        ),
        retry=_retry(session, row, actor),
    )


def head(session: Session, authorization_id: UUID, *, actor: Actor) -> Head:
    """Return which authorization it is. Administrators only, else :class:`NotFound`."""
    return _head(session, get(session, authorization_id, actor=actor))


def underway(
    runtime: Runtime, session: Session, authorization_id: UUID, *, actor: Actor
) -> Underway:
    """Return what is under way. Administrators only, else :class:`NotFound`."""
    row = get(session, authorization_id, actor=actor)
    return _underway(runtime, session, row, actor, runtime.now())


def get(session: Session, authorization_id: UUID, *, actor: Actor) -> Authorization:
    """Return the row, to administrators. Raises :class:`NotFound`."""
    row = session.get(Authorization, authorization_id) if actor.is_admin else None
    if row is None:
        raise NotFound("no such authorization")
    return row


def _head(session: Session, row: Authorization) -> Head:
    return Head(
        authorization=facility_views.view_of(row),
        status=admin_status.status_of(row.status, row.reason_code),
        facility=session.get_one(Facility, row.facility_id),
    )


def _underway(
    runtime: Runtime, session: Session, row: Authorization, actor: Actor, now: datetime
) -> Underway:
    return Underway(
        authorization_id=row.id,
        status=admin_status.status_of(row.status, row.reason_code),
        utility=row.utility,
        time_zone=session.get_one(Facility, row.facility_id).time_zone,
        provider_zone=ZoneInfo(runtime.providers.profile(row.provider).time_zone),
        tasks=authorization_tasks.of(session, row, actor=actor, now=now),
    )


def _collecting(row: Authorization, now: datetime) -> Collecting:
    last_sign = row.last_sync or row.authorized_at or row.created_at
    return admin_status.collecting_of(row.status, row.sync_health, last_sign, now=now)


def _people(session: Session, row: Authorization) -> tuple[RoleHolder, ...]:
    held = session.execute(
        select(Person, FacilityRole)
        .join(FacilityRole, FacilityRole.person_id == Person.id)
        .where(FacilityRole.facility_id == row.facility_id)
        .order_by(FacilityRole.since, Person.id)
    )
    asker = row.requested_by
    people = [
        RoleHolder(one.id, one.name, one.email, role.role, role.since, one.id == asker)
        for one, role in held
    ]
    if asker is not None and not any(one.is_asker for one in people):
        person = session.get(Person, asker)
        if person is not None:
            people.append(RoleHolder(person.id, person.name, person.email, None, None, True))
    return tuple(people)


def _scope(text: str | None) -> Scope:
    if text is None:
        return Scope(None, None, None, None, ())
    read = parse_scope(text)
    return Scope(
        text=text,
        has_intervals=read.covers_intervals(),
        has_customer=read.covers_customer(),
        history=read.history,
        interval_durations=read.interval_durations,
    )


def _grant(grant: Grant | None) -> GrantView | None:
    if grant is None:
        return None
    return GrantView(grant.obtained_at, grant.refreshed_at, grant.access_expires_at)


def _retry(session: Session, row: Authorization, actor: Actor) -> RetriedBy | None:
    try:
        return retrying.preview(session, row.id, actor=actor).by
    except InvalidTransition:
        return None
