"""Wake-ups from outside: hints that something can be fetched. Polling stays the truth.

An event is remembered in the transaction that opens its work order, so that one delivery in many,
in any order, leads to work once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dcarbon.db import provider_events
from dcarbon.db.authorizations import Authorization, AuthorizationSession
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import InvalidInput
from dcarbon.domain.states import AuthStatus
from dcarbon.providers.green_button import espi, notifications
from dcarbon.providers.green_button.notifications import Notice
from dcarbon.providers.utilityapi import webhooks
from dcarbon.providers.utilityapi.parse import EventFacts, parse_events
from dcarbon.services import work
from dcarbon.services.runtime import Runtime

REPEATED_WITHIN = timedelta(hours=1)
"""A batch announced again so soon is the same notification twice."""
REST = timedelta(minutes=5)
"""Nobody has to sign a notification: however many come, an authorization that was collected just
now is not collected again before this, and an open order is brought forward once in this time."""
KEPT_FOR = timedelta(days=30)
"""UtilityAPI repeats an event for three days."""
MOST_HINTS = 1_000
"""In one notification; the rest is found by polling."""

_HOST_SLASHES = 3
"""In an address that is nothing but scheme, host and a first path segment."""
_DATA_CHANGED = (
    "meter_created",
    "meter_intervals_added",
    "meter_historical_collection_finished",
    "authorization_update",
    "authorization_renewed",
)
_CONSENT_CHANGED = ("authorization_revoked", "authorization_expired", "authorization_declined")
_WAKING = (*_DATA_CHANGED, *_CONSENT_CHANGED, "authorization_created")


def green_button_notified(runtime: Runtime, provider: str, body: bytes) -> int:
    """Take a custodian's BatchList: nothing in it is believed, known addresses are looked up.

    The address of an Authorization means that it changed: the collection that follows finds out.
    Returns how many hints led to work. Raises :class:`InvalidInput` for an unknown utility,
    :class:`UnreadablePayload` for a body that is no BatchList.
    """
    profile = runtime.providers.profile(provider)
    uris = espi.parse_batch_list(body)
    notices = notifications.accept(uris, prefixes=[profile.resource_url], limit=MOST_HINTS)
    now = runtime.now()
    with runtime.sessions.begin() as session:
        announced = _announced(session, provider, notices.kept)
        rest = [notice for notice in notices.kept if notice not in announced]
        done = sum(_take_batch(session, provider, notice, now=now) for notice in announced)
        return done + _wake_hinted(session, provider, rest, now=now)


def utilityapi_event(runtime: Runtime, *, salt: str, signature: str, body: bytes) -> int:
    """Take a webhook of UtilityAPI: events in any order, repeated, of types yet unknown.

    Returns how many authorizations are looked at because of it. An event about one that we do not
    know yet wakes those whose referral is still open. Raises :class:`InvalidInput`
    (``signature_invalid``).
    """
    secret = runtime.providers.credentials("utilityapi").webhook_secret
    if secret is None or not webhooks.verify_webhook(
        secret, salt=salt, body=body, signature=signature
    ):
        raise InvalidInput(
            "webhook signature is wrong",
            code="signature_invalid",
        )
    events = [event for event in parse_events(body) if event.type.startswith(_WAKING)]
    now = runtime.now()
    with runtime.sessions.begin() as session:
        uids = {event.uid for event in events}
        new = provider_events.first_seen(session, "utilityapi", uids, now=now)
        found = _concerned(session, [event for event in events if event.uid in new])
        return _wake_all(session, found, reason="the provider announced news", now=now)


def prune(session: Session, now: datetime) -> int:
    """Forget events that nobody repeats any more, and return how many. Does not commit."""
    return provider_events.forget(session, before=now - KEPT_FOR)


def _concerned(session: Session, events: Collection[EventFacts]) -> set[UUID]:
    named = {event.authorization_uid for event in events if event.authorization_uid}
    rows = session.execute(
        select(Authorization.id, Authorization.external_id, Authorization.status).where(
            Authorization.provider == "utilityapi", Authorization.external_id.in_(named)
        )
    ).all()
    known = {row.external_id for row in rows}
    found = {row.id for row in rows if row.status == AuthStatus.AUTHORIZED}
    unknown = [event for event in events if (event.authorization_uid or "") not in known]
    return found | _with_open_referral(session, unknown)


def _with_open_referral(session: Session, events: Collection[EventFacts]) -> set[UUID]:
    """Return the pending authorizations these may be about: by form, else all that wait."""
    about = [event for event in events if event.authorization_uid]
    if not about:
        return set()
    waiting = (
        select(AuthorizationSession.authorization_id)
        .join(Authorization, Authorization.id == AuthorizationSession.authorization_id)
        .where(
            Authorization.status == AuthStatus.PENDING, AuthorizationSession.referral.is_not(None)
        )
    )
    forms = {event.form_uid for event in about}
    if None not in forms:
        waiting = waiting.where(AuthorizationSession.form_uid.in_(forms))
    return set(session.scalars(waiting))


def _announced(session: Session, provider: str, notices: Iterable[Notice]) -> list[Notice]:
    """Return the notices under whose addresses a batch was asked for that may still come."""
    below = {notice: _with_parents(notice.resource_uri) for notice in notices}
    keys = {address for addresses in below.values() for address in addresses}
    known = set(
        session.scalars(
            select(AwaitedBatch.url_key)
            .join(Authorization, Authorization.id == AwaitedBatch.authorization_id)
            .where(
                AwaitedBatch.url_key.in_(keys),
                AwaitedBatch.fetched_at.is_(None),
                Authorization.provider == provider,
            )
        )
    )
    return [notice for notice, addresses in below.items() if not known.isdisjoint(addresses)]


def _take_batch(session: Session, provider: str, notice: Notice, *, now: datetime) -> int:
    # The data may lie below the address asked for, one per usage point (reference 4.4).
    awaited = session.scalar(
        select(AwaitedBatch)
        .join(Authorization, Authorization.id == AwaitedBatch.authorization_id)
        .where(
            AwaitedBatch.url_key.in_(_with_parents(notice.resource_uri)),
            AwaitedBatch.fetched_at.is_(None),
            Authorization.provider == provider,
        )
        .order_by(AwaitedBatch.id.desc())
        .limit(1)
        .with_for_update(of=AwaitedBatch)
    )
    if awaited is None:
        return 0  # fetched a moment ago
    named = (awaited.notified_url or "").split()
    if notice.uri in named or len(named) >= notifications.MAX_NOTICES:
        return 0
    awaited.notified_at, awaited.notified_url = now, "\n".join([*named, notice.uri])
    uid = _uid(notice, awaited.authorization_id)
    heard_before = now - REPEATED_WITHIN
    provider_events.first_seen(session, provider, [uid], now=now, forgotten_before=heard_before)
    reason = "the utility prepared the data"
    return _wake_all(session, [awaited.authorization_id], reason=reason, now=now)


def _wake_hinted(
    session: Session, provider: str, notices: Collection[Notice], *, now: datetime
) -> int:
    """Wake whom the addresses belong to. Anybody may make up any number of addresses below one:
    they are told apart by whose they are alone.
    """
    uids = {_uid(notice, owner): owner for notice, owner in _owners(session, provider, notices)}
    fetched = provider_events.heard(session, provider, uids, since=now - REPEATED_WITHIN)
    keys = {f"{owner}:hint": owner for uid, owner in uids.items() if uid not in fetched}
    new = provider_events.first_seen(session, provider, keys, now=now, forgotten_before=now - REST)
    fresh = {keys[key] for key in new}

    def may_come_forward(order: WorkOrder) -> bool:
        # After a failure the order waits as long as the utility asked for, or backs off.
        return order.authorization_id in fresh and order.last_error_code is None

    reason = "the utility announced new data"
    return _wake_all(
        session, keys.values(), reason=reason, now=now, rest=REST, moves=may_come_forward
    )


def _owners(
    session: Session, provider: str, notices: Collection[Notice]
) -> list[tuple[Notice, UUID]]:
    below = {notice: _with_parents(notice.resource_uri) for notice in notices}
    keys = {address for addresses in below.values() for address in addresses}
    rows = session.execute(
        select(Authorization.id, Authorization.resource_uri, Authorization.authorization_uri).where(
            Authorization.provider == provider,
            Authorization.status == AuthStatus.AUTHORIZED,
            or_(Authorization.resource_uri.in_(keys), Authorization.authorization_uri.in_(keys)),
        )
    ).all()
    owner_of = {place: row.id for row in rows for place in row[1:] if place is not None}
    found = []
    for notice, addresses in below.items():
        owner = next((owner_of[place] for place in addresses if place in owner_of), None)
        if owner is not None:
            found.append((notice, owner))
    return found


def _uid(notice: Notice, authorization_id: UUID) -> str:
    """Name the notification of a batch, which has no name of its own, by its address and owner."""
    return f"{authorization_id}:{hashlib.sha256(notice.uri.encode()).hexdigest()}"


def _with_parents(address: str) -> list[str]:
    """Return an address and those it lies below, down to its host."""
    found = [address.rstrip("/")]
    while found[-1].count("/") > _HOST_SLASHES:
        found.append(found[-1].rpartition("/")[0])
    return found


def _wake_all(
    session: Session,
    authorization_ids: Collection[UUID],
    *,
    reason: str,
    now: datetime,
    rest: timedelta = timedelta(0),
    moves: Callable[[WorkOrder], bool] = lambda _: True,
) -> int:
    """Bring open orders forward, those that ``moves`` allows, or open them; return how many."""
    # Locked in one order: two notifications at once neither open two orders nor block each other.
    rows = session.execute(
        select(Authorization.id, Authorization.last_sync)
        .where(Authorization.id.in_(authorization_ids))
        .order_by(Authorization.id)
        .with_for_update(key_share=True)
    ).all()
    first: dict[UUID, WorkOrder] = {}
    for order in session.scalars(
        select(WorkOrder)
        .where(
            WorkOrder.authorization_id.in_(authorization_ids),
            WorkOrder.done_at.is_(None),
            WorkOrder.kind.in_(work.COLLECTING),
        )
        .order_by(WorkOrder.authorization_id, WorkOrder.not_before)
        .with_for_update()
    ):
        first.setdefault(order.authorization_id, order)
    woken = 0
    for identity, last_sync in rows:
        at = max(now, last_sync + rest) if last_sync else now
        waiting = first.get(identity)
        if waiting is None:
            work.open_collection(session, identity, reason=reason, now=now).not_before = at
        elif moves(waiting):
            # A new number of attempts is a new run for the sensor: the last may still be under way.
            waiting.attempts += 1
            waiting.not_before = min(waiting.not_before, at)
        else:
            continue
        woken += 1
    return woken
