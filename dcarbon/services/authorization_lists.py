"""Every authorization there is, for administrators: listed, filtered, sorted and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db import authorization_lists
from dcarbon.db.authorization_filters import Filters, Kept
from dcarbon.db.authorization_lists import BY_NAME, Listed, Order, Place, Sort, Tallies
from dcarbon.domain import admin_status
from dcarbon.domain.admin_status import AdminStatus, Collecting
from dcarbon.domain.errors import NotFound
from dcarbon.domain.states import SyncHealth
from dcarbon.services.actors import Actor

__all__ = [
    "BY_NAME",
    "AuthorizationList",
    "Filters",
    "Kept",
    "ListedAuthorization",
    "Place",
    "Sort",
    "Tally",
    "Wanted",
    "every_match",
    "listing",
    "require_admin",
    "shown",
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which authorizations, in which order, and which part of them."""

    filters: Filters = field(default_factory=Filters)
    kept: Kept = field(default_factory=Kept)
    sort: Sort = Sort.CREATED
    is_descending: bool = True
    after: Place | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ListedAuthorization:
    """One authorization of a list. Times are UTC."""

    id: UUID
    person_id: UUID | None
    """Who asked for it."""
    person_name: str | None
    person_email: str | None
    facility_id: UUID
    facility_name: str
    time_zone: str
    utility: str
    provider: str
    method: str
    auth_id: str | None
    auth_status: str
    """The stored word; ``status`` is the one administrators read."""
    status: AdminStatus
    reason_code: str | None
    reason: str | None
    created_at: datetime
    last_sync: datetime | None
    collecting: Collecting
    sync_words: str
    sync_code: str | None
    sync_since: datetime | None
    needs_person: bool
    may_retry: bool
    """May a retry do anything? Who is asked by it, and whether somebody can be, shows later."""
    may_revoke: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """How many match the filters: in all, and by each word one may narrow them down to."""

    matches: int
    """Of those the statuses and ways of collecting asked for."""
    total: int
    """Of all statuses and ways of collecting."""
    needs_person: int
    by_status: Mapping[AdminStatus, int]
    by_collecting: Mapping[Collecting, int]


@dataclass(frozen=True, slots=True)
class AuthorizationList:
    """A page. ``after`` leads to the next one, ``None`` on the last."""

    rows: tuple[ListedAuthorization, ...]
    tally: Tally
    after: Place | None


def require_admin(actor: Actor) -> None:
    """Raise :class:`NotFound` for everybody else."""
    if not actor.is_admin:
        raise NotFound("for administrators")


def listing(session: Session, wanted: Wanted, *, actor: Actor, now: datetime) -> AuthorizationList:
    """Return a page of authorizations with the counts beside it. Others than administrators get
    :class:`NotFound`.
    """
    require_admin(actor)
    authorization_lists.plan_for_lists(session)
    counted, places = _found(session, wanted, limit=wanted.limit + 1, now=now)
    here, further = places[: wanted.limit], len(places) > wanted.limit
    found = authorization_lists.rows(session, [place.authorization_id for place in here])
    return AuthorizationList(
        tuple(shown(one, now=now) for one in found),
        _tally(counted, wanted.kept),
        here[-1] if further else None,
    )


def every_match(
    session: Session, wanted: Wanted, *, actor: Actor, most: int, now: datetime
) -> list[UUID]:
    """Return the ids of all that match, in order, ``most`` at the most."""
    require_admin(actor)
    authorization_lists.plan_for_lists(session)
    _, places = _found(session, wanted, limit=most, now=now)
    return [place.authorization_id for place in places]


def _found(
    session: Session, wanted: Wanted, *, limit: int, now: datetime
) -> tuple[Tallies, list[Place]]:
    """Count all that match the filters, and return the page."""
    order = Order(wanted.sort, wanted.is_descending)
    filters, kept, after = wanted.filters, wanted.kept, wanted.after
    if filters.text.split():
        return authorization_lists.counted_page(
            session, filters, kept, order=order, after=after, limit=limit, now=now
        )
    counted = authorization_lists.tallies(session, filters, now=now)
    matches = sum(count for each, count in counted.items() if _is_kept(kept, *each))
    places = authorization_lists.page(
        session,
        filters,
        kept,
        order=order,
        after=after,
        limit=limit,
        matches=matches,
        now=now,
    )
    return counted, places


def _tally(counted: Tallies, kept: Kept) -> Tally:
    by_status: Counter[AdminStatus] = Counter(dict.fromkeys(AdminStatus, 0))
    by_collecting: Counter[Collecting] = Counter(dict.fromkeys(Collecting, 0))
    matches = urgent = 0
    for (status, collecting), count in counted.items():
        by_status[status] += count
        by_collecting[collecting] += count
        urgent += count if admin_status.needs_person(status, collecting) else 0
        matches += count if _is_kept(kept, status, collecting) else 0
    return Tally(matches, sum(counted.values()), urgent, by_status, by_collecting)


def _is_kept(kept: Kept, status: AdminStatus, collecting: Collecting) -> bool:
    return (
        (not kept.statuses or status in kept.statuses)
        and (not kept.collecting or collecting in kept.collecting)
        and (not kept.needs_person or admin_status.needs_person(status, collecting))
    )


def shown(one: Listed, *, now: datetime) -> ListedAuthorization:
    """Return a row of the database as administrators see it."""
    row = one.authorization
    status = admin_status.status_of(row.status, row.reason_code)
    last_sign = row.last_sync or row.authorized_at or row.created_at
    collecting = admin_status.collecting_of(row.status, row.sync_health, last_sign, now=now)
    is_bad = collecting is not Collecting.OFF and row.sync_health != SyncHealth.OK
    return ListedAuthorization(
        id=row.id,
        person_id=row.requested_by,
        person_name=one.person_name,
        person_email=one.person_email,
        facility_id=row.facility_id,
        facility_name=one.facility_name,
        time_zone=one.time_zone,
        utility=row.utility,
        provider=row.provider,
        method=row.method,
        auth_id=row.external_id,
        auth_status=row.status,
        status=status,
        reason_code=row.reason_code,
        reason=row.reason,
        created_at=row.created_at,
        last_sync=row.last_sync,
        collecting=collecting,
        sync_words=admin_status.sync_words(
            collecting, code=row.sync_health_code, has_synced=row.last_sync is not None
        ),
        sync_code=row.sync_health_code if is_bad else None,
        sync_since=row.sync_health_since if is_bad else None,
        needs_person=admin_status.needs_person(status, collecting),
        may_retry=status in _MAY_RETRY or is_bad,
        may_revoke=status not in _ENDED,
    )


_ENDED = frozenset({AdminStatus.REVOKED, AdminStatus.ENDING})
_MAY_RETRY = frozenset({AdminStatus.FAILED, AdminStatus.NEEDS_REAUTHORIZATION, AdminStatus.PENDING})
