"""Fetching one customer's data from a Green Button custodian, synchronous or announced later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.domain.errors import AccessTokenRejected, ContractViolation, ResourceMissing
from dcarbon.providers.green_button import espi
from dcarbon.providers.green_button.client import Accepted, GreenButtonClient, Outcome, Payload
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.providers.profile import Quirk
from dcarbon.services import grants
from dcarbon.services.fetching import Fetched, Step, Waiting
from dcarbon.services.runtime import Runtime

GIVE_UP_WAITING_AFTER = timedelta(hours=24)
"""Then the resources are walked one by one (green-button reference 4.4)."""

_Ask = Callable[[GreenButtonClient], Iterator[Outcome]]


def fetch(
    runtime: Runtime, authorization: Authorization, start: datetime, end: datetime
) -> Iterator[Step]:
    """Yield usage data of ``[start, end)``, then what customer data say about its meters."""
    if authorization.resource_uri is None:
        raise ContractViolation("the grant named no resource", code="no_resource_uri")
    yield from _usage(runtime, authorization, start, end)
    yield from _customer(runtime, authorization)


def _usage(
    runtime: Runtime, authorization: Authorization, start: datetime, end: datetime
) -> Iterator[Step]:
    uri, now = authorization.resource_uri or "", runtime.now()
    awaited = _open_batch(runtime, authorization.id)
    if awaited is not None and awaited.notified_at is not None:
        yield from _announced(runtime, authorization, awaited)
        return
    if awaited is not None and awaited.accepted_at is not None:
        give_up = awaited.accepted_at + GIVE_UP_WAITING_AFTER
        if now < give_up:
            yield Waiting("the utility prepares the data and will notify us", give_up)
            return
        _close_batch(runtime, awaited.id)
    profile = runtime.providers.profile(authorization.provider)
    if awaited is not None or profile.has(Quirk.USAGE_POINT_BATCH_AT_ONCE):
        walk: _Ask = lambda client: client.walk(uri, start, end, now=now)  # noqa: E731
        yield from _fetched(_asked(runtime, authorization, walk))
        return
    yield from _batch(runtime, authorization, start, end)


def _batch(
    runtime: Runtime, authorization: Authorization, start: datetime, end: datetime
) -> Iterator[Step]:
    uri = authorization.resource_uri or ""
    # Written before the request is sent: a notification can overtake the 202 it belongs to.
    batch_id = _expect_batch(runtime, authorization, uri, start, end)
    ask: _Ask = lambda client: client.usage(uri, start, end, now=runtime.now())  # noqa: E731
    accepted = False
    for outcome in _asked(runtime, authorization, ask):
        if isinstance(outcome, Accepted):
            accepted = True
            break
        yield from _fetched([outcome])
    if not accepted:
        _close_batch(runtime, batch_id)
        return
    now = runtime.now()
    with runtime.sessions.begin() as session:
        session.get_one(AwaitedBatch, batch_id).accepted_at = now
    yield Waiting("the utility prepares the data and will notify us", now + GIVE_UP_WAITING_AFTER)


def _customer(runtime: Runtime, authorization: Authorization) -> Iterator[Step]:
    uri = authorization.customer_resource_uri
    scope = parse_scope(authorization.granted_scope or "")
    if uri is None or not scope.covers_customer():
        return
    ask: _Ask = lambda client: iter([client.customer(uri)])  # noqa: E731
    try:
        for fetched in _fetched(_asked(runtime, authorization, ask)):
            yield replace(fetched, describes_only=True)
    except (ResourceMissing, AccessTokenRejected):
        # Customer data are a scope of their own: without them meters are known by id only.
        return


def _announced(
    runtime: Runtime, authorization: Authorization, awaited: AwaitedBatch
) -> Iterator[Step]:
    uri = awaited.notified_url or awaited.request_url
    ask: _Ask = lambda client: iter([client.resource(uri)])  # noqa: E731
    for outcome in _asked(runtime, authorization, ask):
        if isinstance(outcome, Accepted):
            yield Waiting("the utility still prepares the data", runtime.now())
            return
        yield from _fetched([outcome])
    _close_batch(runtime, awaited.id)


def _asked(runtime: Runtime, authorization: Authorization, ask: _Ask) -> Iterator[Outcome]:
    """Ask with a good token; when it is refused all the same, once more with a fresh one."""
    transport = runtime.providers.transport(authorization.provider)
    profile = runtime.providers.profile(authorization.provider)
    token = grants.access_token(runtime, authorization.id)
    try:
        yield from ask(GreenButtonClient(transport, profile, token))
    except AccessTokenRejected:
        token = grants.access_token(runtime, authorization.id, refused=token)
        yield from ask(GreenButtonClient(transport, profile, token))


def _fetched(outcomes: Iterator[Outcome] | list[Outcome]) -> Iterator[Fetched]:
    for outcome in outcomes:
        if isinstance(outcome, Payload):
            yield Fetched(outcome.raw, "espi", espi.parse)


def _open_batch(runtime: Runtime, authorization_id: UUID) -> AwaitedBatch | None:
    with runtime.sessions() as session:
        return session.scalar(
            select(AwaitedBatch)
            .where(
                AwaitedBatch.authorization_id == authorization_id,
                AwaitedBatch.fetched_at.is_(None),
            )
            .order_by(AwaitedBatch.id.desc())
            .limit(1)
        )


def _expect_batch(
    runtime: Runtime, authorization: Authorization, uri: str, start: datetime, end: datetime
) -> UUID:
    existing = _open_batch(runtime, authorization.id)
    if existing is not None:
        return existing.id
    with runtime.sessions.begin() as session:
        row = AwaitedBatch(
            id=new_id(),
            authorization_id=authorization.id,
            request_url=uri,
            url_key=uri.partition("?")[0],
            window_start=start,
            window_end=end,
            requested_at=runtime.now(),
        )
        session.add(row)
        return row.id


def _close_batch(runtime: Runtime, batch_id: UUID) -> None:
    with runtime.sessions.begin() as session:
        session.get_one(AwaitedBatch, batch_id).fetched_at = runtime.now()
