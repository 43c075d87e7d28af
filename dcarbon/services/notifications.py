"""Wake-ups from outside: hints that something can be fetched. Polling stays the truth."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dcarbon.db.authorizations import Authorization
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.states import AuthStatus
from dcarbon.providers.green_button import espi, notifications
from dcarbon.providers.green_button.notifications import Notice
from dcarbon.providers.utilityapi import webhooks
from dcarbon.providers.utilityapi.parse import parse_events
from dcarbon.services import work
from dcarbon.services.runtime import Runtime

REPEATED_WITHIN = timedelta(hours=1)
"""The same address announced again so soon after it was fetched is the same notification twice."""

_HOST_SLASHES = 3
"""In an address that is nothing but scheme, host and a first path segment."""
_WAKING = ("meter_intervals_added", "meter_historical_collection_finished", "authorization_update")


def green_button_notified(runtime: Runtime, provider: str, body: bytes) -> int:
    """Take a custodian's BatchList: nothing in it is believed, known addresses are looked up.

    Returns how many hints led to work. Raises :class:`InvalidInput` for an unknown utility,
    :class:`UnreadablePayload` for a body that is no BatchList.
    """
    profile = runtime.providers.profile(provider)
    uris = espi.parse_batch_list(body)
    notices = notifications.accept(uris, prefixes=[profile.resource_url])
    with runtime.sessions.begin() as session:
        return sum(_wake(runtime, session, provider, notice) for notice in notices.kept)


def utilityapi_event(runtime: Runtime, *, salt: str, signature: str, body: bytes) -> int:
    """Take a webhook of UtilityAPI: events in any order, repeated, of types yet unknown.

    Returns how many led to work. Raises :class:`InvalidInput` (``signature_invalid``).
    """
    secret = runtime.providers.credentials("utilityapi").webhook_secret
    if secret is None or not webhooks.verify_webhook(
        secret, salt=salt, body=body, signature=signature
    ):
        raise InvalidInput(
            "webhook signature is wrong",
            code="signature_invalid",
        )
    uids = {
        event.authorization_uid
        for event in parse_events(body)
        if event.authorization_uid and event.type.startswith(_WAKING)
    }
    with runtime.sessions.begin() as session:
        rows = session.scalars(
            select(Authorization.id).where(
                Authorization.provider == "utilityapi",
                Authorization.external_id.in_(uids),
                Authorization.status == AuthStatus.AUTHORIZED,
            )
        ).all()
        for identity in rows:
            _open(runtime, session, identity, reason="the provider announced new data")
        return len(rows)


def _wake(runtime: Runtime, session: Session, provider: str, notice: Notice) -> int:
    # The data may lie below the address asked for, one per usage point (reference 4.4).
    addresses = _with_parents(notice.resource_uri)
    batches = (
        select(AwaitedBatch)
        .join(Authorization, Authorization.id == AwaitedBatch.authorization_id)
        .where(AwaitedBatch.url_key.in_(addresses), Authorization.provider == provider)
        .order_by(AwaitedBatch.id.desc())
        .limit(1)
    )
    awaited = session.scalar(batches.where(AwaitedBatch.fetched_at.is_(None)))
    if awaited is not None:
        session.refresh(awaited, with_for_update=True)
        named = (awaited.notified_url or "").split()
        if notice.uri in named or len(named) >= notifications.MAX_NOTICES:
            return 0
        awaited.notified_at, awaited.notified_url = runtime.now(), "\n".join([*named, notice.uri])
        _open(runtime, session, awaited.authorization_id, reason="the utility prepared the data")
        return 1
    just_now = AwaitedBatch.fetched_at >= runtime.now() - REPEATED_WITHIN
    fetched = session.scalar(batches.where(just_now))
    if fetched is not None and notice.uri in (fetched.notified_url or "").split():
        return 0
    identity = session.scalar(
        select(Authorization.id).where(
            Authorization.provider == provider,
            Authorization.resource_uri.in_(addresses),
            Authorization.status == AuthStatus.AUTHORIZED,
        )
    )
    if identity is None:
        return 0
    _open(runtime, session, identity, reason="the utility announced new data")
    return 1


def _with_parents(address: str) -> list[str]:
    """Return an address and those it lies below, down to its host."""
    found = [address.rstrip("/")]
    while found[-1].count("/") > _HOST_SLASHES:
        found.append(found[-1].rpartition("/")[0])
    return found


def _open(runtime: Runtime, session: Session, authorization_id: UUID, *, reason: str) -> None:
    """Bring an open order forward, or open one."""
    now = runtime.now()
    order = session.scalar(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id == authorization_id,
            WorkOrder.done_at.is_(None),
            WorkOrder.kind.in_(("collect", "repull")),
        )
        .order_by(WorkOrder.not_before)
        .limit(1)
        .with_for_update()
    )
    if order is None:
        work.open_collection(session, authorization_id, reason=reason, now=now)
        return
    # A new number of attempts is a new run for the sensor: the last one may still be under way.
    order.attempts += 1
    order.not_before = min(order.not_before, now)
