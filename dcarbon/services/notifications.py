"""Wake-ups from outside: hints that something can be fetched. Polling stays the truth."""

from __future__ import annotations

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
            display_message="The signature does not fit.",
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
    awaited = session.scalar(
        select(AwaitedBatch)
        .join(Authorization, Authorization.id == AwaitedBatch.authorization_id)
        .where(
            AwaitedBatch.url_key == notice.resource_uri,
            AwaitedBatch.fetched_at.is_(None),
            Authorization.provider == provider,
        )
        .order_by(AwaitedBatch.id.desc())
        .limit(1)
    )
    if awaited is not None:
        awaited.notified_at, awaited.notified_url = runtime.now(), notice.uri
        _open(runtime, session, awaited.authorization_id, reason="the utility prepared the data")
        return 1
    identity = session.scalar(
        select(Authorization.id).where(
            Authorization.provider == provider,
            Authorization.resource_uri == notice.resource_uri,
            Authorization.status == AuthStatus.AUTHORIZED,
        )
    )
    if identity is None:
        return 0
    _open(runtime, session, identity, reason="the utility announced new data")
    return 1


def _open(runtime: Runtime, session: Session, authorization_id: UUID, *, reason: str) -> None:
    """Bring an open order forward, or open one."""
    now = runtime.now()
    order = session.scalar(
        select(WorkOrder).where(
            WorkOrder.authorization_id == authorization_id, WorkOrder.done_at.is_(None)
        )
    )
    if order is None:
        work.open_collection(session, authorization_id, reason=reason, now=now)
        return
    # A new number of attempts is a new run for the sensor: the last one may still be under way.
    order.attempts += 1
    order.not_before = min(order.not_before, now)
