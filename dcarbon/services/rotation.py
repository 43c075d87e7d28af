"""Rotation: a grant is replaced by a new one before it is old, and proven before the old one ends.

What grows old. A grant's age counts from the customer's consent or its last rotation
(``obtained_at``); 90 days are our own ceiling, by settings. The refreshes between change its tokens
and not its age: what a rotation adds is a new grant, sealed with the key of today and proven by a
call. Sooner than by age a grant is rotated when nothing has refreshed it for so long that its
refresh token might run out. UtilityAPI gives no token per customer: there the platform's own is
rotated (``platform_tokens``), and consents are renewed before they end (``consent``).

How nothing is lost. Refreshed tokens are stored, pending, before anything else: they may be the
only ones that still work. From then on the next try begins by proving what is stored and not by
refreshing again. What no order of steps can save are tokens that the utility has issued and that
never reached the database because the process was killed in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, text
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, Grant
from dcarbon.db.base import new_id
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import correlation
from dcarbon.domain.errors import DCarbonError, NotFound
from dcarbon.domain.states import AuthMethod, AuthStatus
from dcarbon.providers.profile import UtilityProfile
from dcarbon.services import grant_proofs, grants, rotation_records
from dcarbon.services.runtime import Runtime

ASSUMED_REFRESH_LIFE = timedelta(days=7)
"""Of a refresh token whose utility does not say it (green-button reference 3.10)."""
NEXT_CHANCE = timedelta(days=2)
"""A refresh token that would not live so long is refreshed now: tomorrow's try may fail."""


@dataclass(frozen=True, slots=True)
class RotationOutcome:
    """What one try came to; neither rotated nor an error: there was nothing to rotate any more.

    ``error`` is never ours. ``is_gone``: the customer has to authorize again, or has revoked.
    """

    order_id: UUID
    authorization_id: UUID
    facility_id: UUID | None = None
    utility: str = ""
    is_rotated: bool = False
    is_gone: bool = False
    error: DCarbonError | None = None


def due(session: Session, runtime: Runtime) -> Sequence[UUID]:
    """Return the authorizations whose grant is to be rotated and that have no open order for it,
    the oldest grant first.
    """
    now = runtime.now()
    is_ordered = exists().where(
        WorkOrder.authorization_id == Authorization.id,
        WorkOrder.kind == "rotate",
        WorkOrder.done_at.is_(None),
    )
    is_old = Grant.obtained_at <= now - timedelta(days=runtime.settings.rotation_days)
    runs_out = [_runs_out(runtime, profile) for profile in runtime.providers.green_button()]
    statement = (
        select(Authorization.id)
        .join(Grant, Grant.authorization_id == Authorization.id)
        .where(
            Authorization.status == AuthStatus.AUTHORIZED,
            Authorization.method == AuthMethod.GREEN_BUTTON,
            or_(Authorization.consent_ends_at.is_(None), Authorization.consent_ends_at > now),
            Grant.ended_at.is_(None),
            Grant.is_pending.is_(False),
            or_(is_old, *runs_out),
            ~is_ordered,
        )
        .order_by(Grant.obtained_at, Authorization.id)
    )
    return session.scalars(statement).all()


def open_due(runtime: Runtime) -> int:
    """Open a work order for every grant that is due; return how many. Safe to repeat."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        # Two runs at once would both find no order and open one each.
        session.execute(text("select pg_advisory_xact_lock(hashtextextended('open rotations', 0))"))
        found = due(session, runtime)
        session.add_all(
            WorkOrder(
                id=new_id(),
                kind="rotate",
                authorization_id=identity,
                reason="the grant is due for rotation",
                opened_at=now,
                not_before=now,
                progress={},
            )
            for identity in found
        )
        return len(found)


def rotate(runtime: Runtime, order_id: UUID) -> RotationOutcome:
    """Rotate the grant of an order, or go on where a try before was broken off.

    A failure of the provider's is stored, with when to try again, and returned; ours is raised.
    Raises :class:`NotFound`.
    """
    with runtime.sessions() as session:
        order = session.get(WorkOrder, order_id)
        if order is None or order.kind != "rotate":
            raise NotFound("no such order")
    outcome = RotationOutcome(order_id, order.authorization_id)
    with grants.lock(runtime, order.authorization_id):
        row = rotation_records.wanted(runtime, order_id)
        if row is None:
            return outcome
        outcome = replace(outcome, facility_id=row.facility_id, utility=row.utility)
        try:
            with correlation.following(order.correlation_id, order=order_id, authorization=row.id):
                proven = grant_proofs.new_grant(runtime, row)
        except DCarbonError as error:
            if error.is_ours:
                raise
            verdict = grant_proofs.verdict(runtime, row, error)
        else:
            is_rotated = rotation_records.promoted(runtime, order_id, proven)
            return replace(outcome, is_rotated=is_rotated)
    rotation_records.failed(runtime, order_id, verdict)
    return replace(outcome, error=verdict.error, is_gone=verdict.is_gone)


def _runs_out(runtime: Runtime, profile: UtilityProfile) -> ColumnElement[bool]:
    """Say in SQL that a grant's refresh token at this utility might end before the next chance."""
    days = profile.refresh_token_life_days
    life = timedelta(days=days) if days else ASSUMED_REFRESH_LIFE
    issued_before = runtime.now() - life + min(NEXT_CHANCE, life / 2)
    issued_at = func.coalesce(Grant.refreshed_at, Grant.obtained_at)
    return and_(Authorization.provider == profile.key, issued_at <= issued_before)
