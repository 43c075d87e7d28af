"""What a rotation writes: order, grants, status, audit entry and mails, each in one transaction."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization, current_grant
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    ConsentRevoked,
    DCarbonError,
    ProviderUnavailable,
)
from dcarbon.domain.states import AuthStatus
from dcarbon.services import (
    administrators,
    audit,
    authorization_records,
    grants,
    notices,
    work,
)
from dcarbon.services.actors import SYSTEM
from dcarbon.services.grant_proofs import Verdict
from dcarbon.services.grants import OpenGrant
from dcarbon.services.runtime import Runtime

TELL_AFTER = 3
"""Failures in a row that are told of; one or two mend themselves."""
TELL_OF_WAITING_AFTER = timedelta(days=3)
"""How long an order that only waits for its utility may be open before that is told: outages have
mails of their own.
"""
_BLOCKED_RETRY = timedelta(hours=1)
_UNHURRIED = 5
"""Doublings of the first wait that are left out: there are days, and the first try was at night."""
_ADMINS_AGAIN_AFTER = timedelta(days=1)


def wanted(runtime: Runtime, order_id: UUID) -> Authorization | None:
    """Return whose grant is to be rotated; ``None`` when the order is closed or has become
    pointless, which closes it.
    """
    with runtime.sessions.begin() as session:
        row, order = _locked(session, order_id)
        if order.done_at is not None:
            return None
        if row.status != AuthStatus.AUTHORIZED:
            work.close_order(session, order_id, outcome="cancelled", now=runtime.now())
            return None
        return row


def promoted(runtime: Runtime, order_id: UUID, proven: OpenGrant) -> bool:
    """End the old grant, let the proven one be in force, close the order.

    ``False`` when there is nothing to put in force any more: access was ended or given anew.
    """
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row, order = _locked(session, order_id)
        if order.done_at is not None:
            return False
        before = current_grant(session, row.id)
        if row.status != AuthStatus.AUTHORIZED or not grants.promote(
            session, row.id, proven, now=now
        ):
            work.close_order(session, order_id, outcome="cancelled", now=now)
            return False
        assert before is not None  # it was promoted over
        work.close_order(session, order_id, outcome="done", now=now)
        audit.record(
            session,
            AuditEvent.TOKEN_ROTATED,
            actor=SYSTEM,
            at=now,
            facility_id=row.facility_id,
            authorization_id=row.id,
            provider=row.provider,
            age_days=(now - before.obtained_at).days,
            attempts=order.attempts + 1,
        )
        return True


def failed(runtime: Runtime, order_id: UUID, verdict: Verdict) -> None:
    """Put the order off, and tell when it has failed too often; or let the authorization end."""
    now, error = runtime.now(), verdict.error
    with runtime.sessions.begin() as session:
        row, order = _locked(session, order_id)
        if order.done_at is not None:
            return
        if row.status != AuthStatus.AUTHORIZED:
            work.close_order(session, order_id, outcome="cancelled", now=now)
        elif verdict.is_gone:
            _gone(runtime, session, row, error, now=now)
            outcome = "cancelled" if isinstance(error, ConsentRevoked) else "given_up"
            work.close_order(session, order_id, outcome=outcome, now=now)
        else:
            work.postpone(session, order_id, until=now + _wait(order.attempts, error), error=error)
            _count(order, error)
            if _is_to_be_told(order, error, now=now):
                _tell(runtime, session, row, order, error, now=now)


def is_failing(order: WorkOrder) -> bool:
    """Say whether people were told that this rotation keeps failing."""
    return "told_at" in order.progress


def _locked(session: Session, order_id: UUID) -> tuple[Authorization, WorkOrder]:
    """Return both rows, locked: the authorization first, as everybody does."""
    authorization_id = session.get_one(WorkOrder, order_id).authorization_id
    row = session.get_one(
        Authorization, authorization_id, with_for_update=True, populate_existing=True
    )
    order = session.get_one(WorkOrder, order_id, with_for_update=True, populate_existing=True)
    return row, order


def _gone(
    runtime: Runtime, session: Session, row: Authorization, error: DCarbonError, *, now: datetime
) -> None:
    if isinstance(error, ConsentRevoked):
        authorization_records.mark_revoked(runtime, session, row, error, now=now)
        return
    authorization_records.mark_expired(runtime, session, row, error, now=now)
    work.set_health(row, "blocked", code=error.code, now=now)


def _count(order: WorkOrder, error: DCarbonError) -> None:
    """Count what failed; waiting for a utility that is down is no failure of the rotation."""
    if not isinstance(error, ProviderUnavailable):
        order.progress = {**order.progress, "failures": order.progress.get("failures", 0) + 1}


def _is_to_be_told(order: WorkOrder, error: DCarbonError, *, now: datetime) -> bool:
    if is_failing(order):
        return False
    if isinstance(error, ProviderUnavailable):
        return now - order.opened_at >= TELL_OF_WAITING_AFTER
    return bool(order.progress.get("failures", 0) >= TELL_AFTER)


def _tell(
    runtime: Runtime,
    session: Session,
    row: Authorization,
    order: WorkOrder,
    error: DCarbonError,
    *,
    now: datetime,
) -> None:
    """Tell, once for all tries of an order, those who can do something about it."""
    order.progress = {**order.progress, "told_at": now.isoformat()}
    audit.record(
        session,
        AuditEvent.TOKEN_ROTATION_FAILED,
        actor=SYSTEM,
        at=now,
        facility_id=row.facility_id,
        authorization_id=row.id,
        provider=row.provider,
        code=error.code,
        attempts=order.attempts,
    )
    utility = runtime.providers.profile(row.provider).known_as
    administrators.mail_all(
        session,
        "admin_notice",
        {
            "title": f"grants at {utility} cannot be rotated",
            "text": f"A grant at {utility} could not be rotated in {order.attempts} tries "
            f"({error.code}): {error.display_message} The present grant stays in force while the "
            "utility takes it, and rotating it is tried again. Others that fail for the same "
            "reason within a day are not told one by one: the runs of rotate_grants list them.",
        },
        now=now,
        repeat_key=f"rotation:{row.provider}:{error.code}",
        repeat_within=_ADMINS_AGAIN_AFTER,
    )
    # When the utility refuses DCarbon itself, no customer can do anything about it.
    if not isinstance(error, ClientCredentialsRejected):
        url = runtime.settings.public_url
        notices.grant_rotation_failed(session, row, error, public_url=url, now=now)


def _wait(attempts: int, error: DCarbonError) -> timedelta:
    if isinstance(error, ClientCredentialsRejected):
        return _BLOCKED_RETRY
    return work.back_off(attempts + _UNHURRIED, error)
