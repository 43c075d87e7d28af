"""What a bulk action would do to each authorization, before anybody asks for it. Changes nothing.

The rules are those of ``retrying`` and ``revocation``, here for many in a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dcarbon.db import authorization_lists as lists
from dcarbon.db.authorizations import Authorization, AuthorizationSession, Grant
from dcarbon.db.facilities import FacilityRole
from dcarbon.db.meters import Meter
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.bulk_actions import MOST, BulkKind, Effect
from dcarbon.domain.errors import InvalidInput, InvalidTransition
from dcarbon.domain.states import AuthMethod, AuthStatus, SyncHealth
from dcarbon.services import work
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_lists import ListedAuthorization, require_admin, shown
from dcarbon.services.facilities import MAY_AUTHORIZE
from dcarbon.services.retrying import ONCE_WITHIN


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of one: an effect, or the code of why it would be refused."""

    authorization: ListedAuthorization
    effect: Effect | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Losses:
    """What ending these accesses stops or deletes. Readings collected so far are kept."""

    facilities: int
    meters: int
    copies_at_utilityapi: int
    """UtilityAPI deletes its copy of the data when an authorization is ended."""
    people_told: int


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What would happen to each, in the order asked for; ``losses`` of a revocation only."""

    kind: BulkKind
    items: tuple[Foreseen, ...]
    losses: Losses | None

    @property
    def doable(self) -> int:
        return sum(one.refusal is None for one in self.items)


def preview(
    session: Session,
    kind: BulkKind,
    authorization_ids: Sequence[UUID],
    *,
    actor: Actor,
    now: datetime,
) -> BulkPreview:
    """Say what would become of each; ids that name nothing are left out.

    Others than administrators get :class:`NotFound`. Raises :class:`InvalidInput`
    (``bulk_empty``, ``bulk_too_many``).
    """
    require_admin(actor)
    wanted = require_some(authorization_ids)
    found = lists.rows(session, wanted)
    rows = [one.authorization for one in found]
    told = _retries(session, rows, now=now) if kind is BulkKind.RETRY else _ends(session, rows)
    items = tuple(
        Foreseen(shown(one, now=now), effect, refusal)
        for one, (effect, refusal) in zip(found, told, strict=True)
    )
    if not items:
        raise InvalidInput("none of them exists", code="bulk_empty")
    return BulkPreview(kind, items, _losses(session, items) if kind is BulkKind.REVOKE else None)


def require_some(authorization_ids: Collection[UUID]) -> list[UUID]:
    """Return the ids, each once. Raises :class:`InvalidInput` for none and for too many."""
    wanted = list(dict.fromkeys(authorization_ids))
    if not wanted:
        raise InvalidInput("nothing was chosen", code="bulk_empty")
    if len(wanted) > MOST:
        raise InvalidInput(f"more than {MOST}", code="bulk_too_many")
    return wanted


_Told = tuple[Effect | None, str | None]


def _retries(session: Session, rows: Sequence[Authorization], *, now: datetime) -> list[_Told]:
    places = {row.facility_id for row in rows}
    ids = {row.id for row in rows}
    in_force = set(
        session.scalars(
            select(Authorization.facility_id).where(
                Authorization.facility_id.in_(places),
                Authorization.status == AuthStatus.AUTHORIZED,
            )
        )
    )
    with_operator = set(
        session.scalars(
            select(FacilityRole.facility_id).where(
                FacilityRole.facility_id.in_(places), FacilityRole.role.in_(MAY_AUTHORIZE)
            )
        )
    )
    collecting = set(
        session.scalars(
            select(WorkOrder.authorization_id).where(
                WorkOrder.authorization_id.in_(ids),
                WorkOrder.kind.in_(work.COLLECTING),
                WorkOrder.done_at.is_(None),
            )
        )
    )

    def told(row: Authorization) -> _Told:
        if row.retried_at is not None and now - row.retried_at < ONCE_WITHIN:
            return Effect.REPEATED, None
        if row.status == AuthStatus.REVOKED:
            return None, "ended_on_purpose"
        if row.status == AuthStatus.AUTHORIZED:
            is_fine = row.sync_health == SyncHealth.OK
            return (None, "nothing_to_retry") if is_fine else (Effect.COLLECTING, None)
        if row.facility_id in in_force:
            return None, "already_authorized"
        if row.status == AuthStatus.PENDING and row.id in collecting:
            return Effect.LOOKING_AGAIN, None
        is_somebody = row.facility_id in with_operator
        return (Effect.ASKING, None) if is_somebody else (None, "nobody_may_authorize")

    return [told(row) for row in rows]


def _ends(session: Session, rows: Sequence[Authorization]) -> list[_Told]:
    ids = {row.id for row in rows}
    granted = set(
        session.scalars(
            select(Grant.authorization_id).where(
                Grant.authorization_id.in_(ids),
                Grant.ended_at.is_(None),
                Grant.is_pending.is_(False),
            )
        )
    )
    referred = set(
        session.scalars(
            select(AuthorizationSession.authorization_id).where(
                AuthorizationSession.authorization_id.in_(ids),
                AuthorizationSession.referral.is_not(None),
            )
        )
    )

    def told(row: Authorization) -> _Told:
        if row.status == AuthStatus.REVOKED:
            return None, InvalidTransition.code
        by_grant = row.method == AuthMethod.GREEN_BUTTON
        is_known = (
            row.id in granted if by_grant else row.external_id is not None or row.id in referred
        )
        return (Effect.TELLING if is_known else Effect.ENDING_HERE), None

    return [told(row) for row in rows]


def _losses(session: Session, items: Sequence[Foreseen]) -> Losses:
    ending = [one for one in items if one.refusal is None]
    places = {one.authorization.facility_id for one in ending}
    ids = {one.authorization.id for one in ending}
    meters = session.scalar(
        select(func.count()).select_from(Meter).where(Meter.authorization_id.in_(ids))
    )
    people = session.scalar(
        select(func.count(FacilityRole.person_id.distinct())).where(
            FacilityRole.facility_id.in_(places)
        )
    )
    copies = sum(
        one.effect is Effect.TELLING and one.authorization.method == AuthMethod.UTILITYAPI
        for one in ending
    )
    return Losses(len(places), meters or 0, copies, people or 0)
