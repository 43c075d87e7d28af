"""Facilities as their people see them at a glance: a page of cards, in a fixed number of queries.

One facility in full is in ``facility_views``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from dcarbon.db import facility_pages
from dcarbon.db.authorizations import Authorization
from dcarbon.db.coverage_days import DUE_AFTER
from dcarbon.db.facilities import Facility
from dcarbon.db.facility_pages import Row
from dcarbon.db.registrations import Invitation
from dcarbon.domain.coverage import CoverageState, worst
from dcarbon.domain.states import AuthStatus
from dcarbon.services import facilities
from dcarbon.services.actors import Actor
from dcarbon.services.facilities import MAY_AUTHORIZE, OWNERS

COVERAGE_DAYS = 30
LARGEST_PAGE = 100

AsRole = Literal["owner", "operator", "any"]
_ROLES: Mapping[str, frozenset[str] | None] = {
    "owner": OWNERS,
    "operator": MAY_AUTHORIZE,
    "any": None,
}


@dataclass(frozen=True, slots=True)
class PendingInvitation:
    """An operator was asked and has not answered. Times are UTC."""

    email: str
    sent_at: datetime
    expires_at: datetime
    is_expired: bool


@dataclass(frozen=True, slots=True)
class FacilityCard:
    """A facility at a glance. ``coverage_30d`` is the worst state of any channel on each local day,
    oldest first; empty while no meter is known. Times are UTC.
    """

    id: UUID
    name: str
    address: str
    time_zone: str
    role: str | None
    """``None`` for an admin without a role here."""
    utility: str | None
    auth_method: str | None
    auth_status: str | None
    auth_id: str | None
    authorization_id: UUID | None
    reason_code: str | None
    reason: str | None
    sync_health: str | None
    sync_health_code: str | None
    sync_health_since: datetime | None
    last_sync: datetime | None
    coverage_30d: tuple[tuple[date, CoverageState], ...]
    pending_invitation: PendingInvitation | None
    needs_reauthorization: bool
    may_authorize: bool
    """May this person authorise a utility here? A plain owner watches."""

    @property
    def is_authorized(self) -> bool:
        return self.auth_status == AuthStatus.AUTHORIZED


@dataclass(frozen=True, slots=True)
class CardPage:
    """Cards, newest facility first. ``after`` asks for the next page; ``None`` at the end."""

    cards: tuple[FacilityCard, ...]
    after: UUID | None


class _Health(TypedDict):
    sync_health: str | None
    sync_health_code: str | None
    sync_health_since: datetime | None


def page(
    session: Session,
    *,
    actor: Actor,
    now: datetime,
    as_role: AsRole = "any",
    search: str = "",
    status: str | None = None,
    after: UUID | None = None,
    limit: int = 25,
) -> CardPage:
    """Return a page of the facilities the actor may see, newest first.

    ``search``: words of the name, the address or the utility. ``status``: a stored status word, or
    ``none`` for facilities nobody began to authorise. ``limit`` is at most 100.
    """
    filters = [*facility_pages.matching(search), *_with_status(status)]
    limit = max(1, min(limit, LARGEST_PAGE))
    rows = facility_pages.page(
        session,
        facilities.scope(actor),
        person_id=actor.person_id,
        roles=_ROLES[as_role],
        filters=filters,
        before=after,
        limit=limit + 1,
    )
    shown = rows[:limit]
    following = shown[-1][0].id if len(rows) > limit else None
    return CardPage(cards_of(session, shown, actor=actor, now=now), following)


def cards_of(
    session: Session, rows: Sequence[Row], *, actor: Actor, now: datetime
) -> tuple[FacilityCard, ...]:
    """Return the cards of some facilities, by two more queries however many they are."""
    identities = [row[0].id for row in rows]
    invitations = facility_pages.open_invitations(session, identities)
    last = now.date() + timedelta(days=1)
    first = last - timedelta(days=COVERAGE_DAYS + 2)
    # Facilities lie in several zones: half a day later a day is due in each of them.
    due_before = (now - DUE_AFTER - timedelta(hours=12)).date()
    states = facility_pages.states_by_day(session, identities, first, last, due_before=due_before)
    return tuple(
        _card(
            row,
            coverage=_coverage(row[0], states.get(row[0].id), now),
            invitation=invitations.get(row[0].id),
            is_admin=actor.is_admin,
            now=now,
        )
        for row in rows
    )


def address_of(facility: Facility) -> str:
    """Return an address on one line, without the parts that are not known."""
    region = " ".join(part for part in (facility.state, facility.postal_code) if part)
    return ", ".join(part for part in (facility.street, facility.city, region) if part)


def pending(invitation: Invitation | None, *, now: datetime) -> PendingInvitation | None:
    """Return an open invitation as its owner sees it."""
    if invitation is None:
        return None
    return PendingInvitation(
        email=invitation.email,
        sent_at=invitation.created_at,
        expires_at=invitation.expires_at,
        is_expired=invitation.expires_at <= now,
    )


def _with_status(status: str | None) -> list[ColumnElement[bool]]:
    if status is None:
        return []
    wanted = None if status == "none" else status
    return [Facility.auth_status.is_not_distinct_from(wanted)]


def _card(
    row: Row,
    *,
    coverage: tuple[tuple[date, CoverageState], ...],
    invitation: Invitation | None,
    is_admin: bool,
    now: datetime,
) -> FacilityCard:
    facility, role, authorization = row
    return FacilityCard(
        id=facility.id,
        name=facility.name,
        address=address_of(facility),
        time_zone=facility.time_zone,
        role=role,
        utility=facility.auth_provider,
        auth_method=facility.auth_method,
        auth_status=facility.auth_status,
        auth_id=facility.auth_id,
        authorization_id=authorization.id if authorization else None,
        reason_code=authorization.reason_code if authorization else None,
        reason=authorization.reason if authorization else None,
        last_sync=facility.last_sync,
        coverage_30d=coverage,
        pending_invitation=pending(invitation, now=now),
        needs_reauthorization=facility.auth_status == AuthStatus.EXPIRED,
        may_authorize=is_admin or role in MAY_AUTHORIZE,
        **_health(facility, authorization),
    )


def _health(facility: Facility, authorization: Authorization | None) -> _Health:
    """Return how collecting goes; without an authorization in force there is no such thing."""
    if authorization is None or facility.auth_status != AuthStatus.AUTHORIZED:
        return {"sync_health": None, "sync_health_code": None, "sync_health_since": None}
    return {
        "sync_health": authorization.sync_health,
        "sync_health_code": authorization.sync_health_code,
        "sync_health_since": authorization.sync_health_since,
    }


def _coverage(
    facility: Facility, known: Mapping[date, Sequence[str]] | None, now: datetime
) -> tuple[tuple[date, CoverageState], ...]:
    """Return the last 30 whole local days; days nobody counted were not asked for, or not due."""
    if known is None:
        return ()
    today = now.astimezone(ZoneInfo(facility.time_zone)).date()
    days = [today - timedelta(days=n) for n in range(COVERAGE_DAYS, 0, -1)]
    fresh = today - DUE_AFTER
    return tuple(
        (day, worst(known[day]) if day in known else _unknown(is_fresh=day >= fresh))
        for day in days
    )


def _unknown(*, is_fresh: bool) -> CoverageState:
    return CoverageState.NOT_DUE if is_fresh else CoverageState.NOT_ASKED
