"""One facility in full, as the person who looks may see it; and the page of cards.

``page`` is the one of ``facility_cards``, so that callers need one module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db import facility_pages
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility, FacilityRole
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import NotFound
from dcarbon.domain.states import AuthStatus, SyncHealth
from dcarbon.services import consent, facilities, facility_cards, meters, work
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_endings import ENDING
from dcarbon.services.consent import RenewalReason
from dcarbon.services.facilities import MAY_EDIT
from dcarbon.services.facility_cards import CardPage, FacilityCard, PendingInvitation
from dcarbon.services.meters import MeterView

__all__ = [
    "AuthorizationView",
    "CardPage",
    "FacilityCard",
    "FacilityPerson",
    "FacilityView",
    "PendingInvitation",
    "PreviousAuthorization",
    "authorizations_of",
    "one",
    "page",
]

page = facility_cards.page


@dataclass(frozen=True, slots=True)
class AuthorizationView:
    """One authorization of a facility, in words and times (UTC); nothing of its secrets."""

    id: UUID
    method: str
    provider: str
    utility: str
    status: str
    status_at: datetime
    reason_code: str | None
    reason: str | None
    external_id: str | None
    authorized_at: datetime | None
    consent_ends_at: datetime | None
    last_sync: datetime | None
    sync_health: str
    sync_health_code: str | None
    sync_health_since: datetime | None
    created_at: datetime

    @property
    def is_ending_at_provider(self) -> bool:
        """Ended here, and the provider has not confirmed the end yet."""
        return self.status == AuthStatus.REVOKED and self.reason_code == ENDING


@dataclass(frozen=True, slots=True)
class PreviousAuthorization:
    """What held before, while the facility waits for a new utility to be chosen or authorised."""

    utility: str
    method: str
    revoked_at: datetime
    is_ending_at_provider: bool


@dataclass(frozen=True, slots=True)
class FacilityPerson:
    """Somebody with a role here."""

    name: str
    email: str
    role: str
    since: datetime
    is_self: bool


@dataclass(frozen=True, slots=True)
class FacilityView:
    """A facility in full. ``card`` is what the dashboards show of it."""

    card: FacilityCard
    account_kind: str
    street: str
    city: str
    state: str
    postal_code: str
    finance_type: str | None
    finance_company: str | None
    installer: str | None
    system_size_kw: Decimal | None
    commercial_operation_date: date | None
    created_at: datetime
    meters: tuple[MeterView, ...]
    authorization: AuthorizationView | None
    """The one the facility's status speaks of; the last revoked one where there is no other."""
    previous: PreviousAuthorization | None
    """The authorization revoked last, while no other has been completed since."""
    progress: Mapping[str, object]
    """Of the latest collection: ``state`` is waiting, collecting, done or stopped; empty: none."""
    next_try_at: datetime | None
    """When collecting is tried again, while it does not go well; it may have passed just now."""
    people: tuple[FacilityPerson, ...]
    may_edit: bool
    may_invite: bool
    may_change_provider: bool
    may_revoke: bool
    renewal: RenewalReason | None
    """Why the consent in force is to be given anew, while it is."""


def one(session: Session, facility_id: UUID, *, actor: Actor, now: datetime) -> FacilityView:
    """Return a facility the actor may see; any other is :class:`NotFound`."""
    row = facility_pages.one(
        session, facility_id, facilities.scope(actor), person_id=actor.person_id
    )
    if row is None:
        raise NotFound("no such facility")
    facility, role, authorization = row
    card = facility_cards.cards_of(session, [row], actor=actor, now=now)[0]
    return FacilityView(
        card=card,
        account_kind=facility.account_kind,
        street=facility.street,
        city=facility.city,
        state=facility.state,
        postal_code=facility.postal_code,
        finance_type=facility.finance_type,
        finance_company=facility.finance_company,
        installer=facility.installer,
        system_size_kw=facility.system_size_kw,
        commercial_operation_date=facility.commercial_operation_date,
        created_at=facility.created_at,
        meters=tuple(meters.listing(session, actor=actor, facility_id=facility_id)),
        authorization=view_of(authorization) if authorization else None,
        previous=_previous(session, facility),
        progress=_progress(session, authorization),
        next_try_at=_next_try_at(session, authorization),
        people=_people(session, facility_id, actor),
        may_edit=actor.is_admin or role in MAY_EDIT,
        may_invite=_may_invite(facility, role, is_admin=actor.is_admin),
        may_change_provider=card.may_authorize and _is_in_force(authorization),
        may_revoke=_is_in_force(authorization),
        renewal=consent.renewal(session, authorization, now=now) if authorization else None,
    )


def authorizations_of(
    session: Session, facility_id: UUID, *, actor: Actor
) -> list[AuthorizationView]:
    """Return every authorization a facility ever had, newest first. Others' are NotFound."""
    facilities.get(session, facility_id, actor=actor)
    rows = session.scalars(
        select(Authorization)
        .where(Authorization.facility_id == facility_id)
        .order_by(Authorization.id.desc())
    )
    return [view_of(row) for row in rows]


def view_of(row: Authorization) -> AuthorizationView:
    return AuthorizationView(**{name: getattr(row, name) for name in AuthorizationView.__slots__})


def _is_in_force(authorization: Authorization | None) -> bool:
    return authorization is not None and authorization.status != AuthStatus.REVOKED


def _may_invite(facility: Facility, role: str | None, *, is_admin: bool) -> bool:
    """A plain owner invites, as long as nobody has authorised the facility."""
    return (is_admin or role == "owner") and facility.auth_status != AuthStatus.AUTHORIZED


def _previous(session: Session, facility: Facility) -> PreviousAuthorization | None:
    if facility.auth_status in {AuthStatus.AUTHORIZED, AuthStatus.EXPIRED}:
        return None
    row = session.scalar(
        select(Authorization)
        .where(
            Authorization.facility_id == facility.id,
            Authorization.status == AuthStatus.REVOKED,
            Authorization.authorized_at.is_not(None),
        )
        .order_by(Authorization.status_at.desc())
        .limit(1)
    )
    if row is None:
        return None
    return PreviousAuthorization(row.utility, row.method, row.status_at, row.reason_code == ENDING)


def _progress(session: Session, authorization: Authorization | None) -> Mapping[str, object]:
    if authorization is None:
        return {}
    return work.progress_of(work.latest_collection(session, authorization.id))


def _next_try_at(session: Session, authorization: Authorization | None) -> datetime | None:
    if authorization is None or authorization.sync_health == SyncHealth.OK:
        return None
    return session.scalar(
        select(func.min(WorkOrder.not_before)).where(
            WorkOrder.authorization_id == authorization.id,
            WorkOrder.kind.in_(work.COLLECTING),
            WorkOrder.done_at.is_(None),
        )
    )


def _people(session: Session, facility_id: UUID, actor: Actor) -> tuple[FacilityPerson, ...]:
    rows = session.execute(
        select(Person, FacilityRole)
        .join(FacilityRole, FacilityRole.person_id == Person.id)
        .where(FacilityRole.facility_id == facility_id)
        .order_by(FacilityRole.since, Person.id)
    )
    return tuple(
        FacilityPerson(
            person.name, person.email, held.role, held.since, person.id == actor.person_id
        )
        for person, held in rows
    )
