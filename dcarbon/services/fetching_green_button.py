"""Fetching one customer's data from a Green Button custodian, synchronous or announced later."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.domain.errors import AccessTokenRejected, ContractViolation, ResourceMissing
from dcarbon.providers.green_button import atom, espi
from dcarbon.providers.green_button.client import Accepted, GreenButtonClient, Outcome, Payload
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.providers.profile import Quirk
from dcarbon.services import grants
from dcarbon.services.fetching import Fetched, Step, Waiting
from dcarbon.services.runtime import Runtime

GIVE_UP_WAITING_AFTER = timedelta(hours=24)
"""Then the resources are walked one by one (green-button reference 4.4)."""

_NEGLIGIBLE = timedelta(days=1)
_PREPARING = "the utility prepares the data and will notify us"
_READY = "the utility announced the data before it accepted the request"

_NOT_YET = timedelta(minutes=10)
"""After a notification that came too early, or was not the custodian's."""

_Window = tuple[datetime, datetime]
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
    awaited = _open_batch(runtime, authorization.id)
    if awaited is not None and awaited.notified_at is not None:
        rest = yield from _announced(runtime, authorization, awaited, start, end)
        if rest is not None:
            yield from _batch(runtime, authorization, *rest)
        return
    profile = runtime.providers.profile(authorization.provider)
    if awaited is not None and awaited.accepted_at is not None:
        give_up = awaited.accepted_at + GIVE_UP_WAITING_AFTER
        if runtime.now() < give_up:
            yield Waiting(_PREPARING, give_up)
            return
        yield from _walked(runtime, authorization, start, end)
        _close_batch(runtime, awaited.id)
    elif profile.has(Quirk.USAGE_POINT_BATCH_AT_ONCE):
        yield from _walked(runtime, authorization, start, end)
    else:
        yield from _batch(runtime, authorization, start, end)


def _batch(
    runtime: Runtime, authorization: Authorization, start: datetime, end: datetime
) -> Iterator[Step]:
    uri = authorization.resource_uri or ""
    # Written before the request is sent: a notification can overtake the 202 it belongs to.
    batch_id = _expect_batch(runtime, authorization, uri, start, end)
    ask: _Ask = lambda client: client.usage(uri, start, end, now=runtime.now())  # noqa: E731
    for outcome in _asked(runtime, authorization, ask):
        if isinstance(outcome, Accepted):
            yield _accepted(runtime, batch_id, outcome)
            return
        yield from _fetched([outcome])
    _close_batch(runtime, batch_id)


def _accepted(runtime: Runtime, batch_id: UUID, outcome: Accepted) -> Waiting:
    """Note what is being prepared; later windows are asked for when this one has come."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        row = session.get_one(AwaitedBatch, batch_id, with_for_update=True)
        row.accepted_at = now
        if outcome.window is not None:
            row.window_start, row.window_end = outcome.window
        if row.notified_at is not None:
            return Waiting(_READY, now)
    return Waiting(_PREPARING, now + GIVE_UP_WAITING_AFTER)


def _walked(
    runtime: Runtime, authorization: Authorization, start: datetime, end: datetime
) -> Iterator[Fetched]:
    """Yield the resources one by one, each to be read with the describing ones that came before.

    Interval blocks alone have no unit. Whoever reads a payload again gives it the payloads without
    interval blocks that landed before it in the same walk.
    """
    uri, now = authorization.resource_uri or "", runtime.now()
    walk: _Ask = lambda client: client.walk(uri, start, end, now=now)  # noqa: E731
    context: tuple[bytes, ...] = ()
    for outcome in _asked(runtime, authorization, walk):
        for fetched in _fetched([outcome]):
            yield replace(fetched, parse=partial(espi.parse, context=context))
            content = fetched.raw.content
            if not atom.holds(content, "IntervalBlock") and content not in context:
                context = (*context, content)


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
    runtime: Runtime,
    authorization: Authorization,
    awaited: AwaitedBatch,
    start: datetime,
    end: datetime,
) -> Generator[Step, None, _Window | None]:
    """Yield what notifications named; return what of ``[start, end)`` is still to be asked for."""
    outcomes = _asked(runtime, authorization, partial(_all_announced, awaited))
    try:
        for outcome in outcomes:
            if isinstance(outcome, Accepted):
                yield Waiting("the utility still prepares the data", runtime.now() + _NOT_YET)
                return None
            yield from _fetched([outcome])
    except ResourceMissing:
        # Prepared answers are kept for some days only: this one has to be asked for anew.
        _close_batch(runtime, awaited.id)
        return start, end
    if not _close_batch(runtime, awaited.id, notified_url=awaited.notified_url):
        yield Waiting("the utility announced more of the data", runtime.now())
        return None
    return _rest(awaited, start, end)


def _all_announced(awaited: AwaitedBatch, client: GreenButtonClient) -> Iterator[Outcome]:
    for uri in (awaited.notified_url or awaited.request_url).split():
        yield from client.announced(uri)


def _rest(awaited: AwaitedBatch, start: datetime, end: datetime) -> _Window | None:
    """Return what of ``[start, end)`` the announced batch was not asked for.

    Hours that passed while waiting are left to the next sync: asking for them now would mean
    waiting again, and again.
    """
    if awaited.window_start is None or awaited.window_end is None:
        return None
    if start < awaited.window_start - _NEGLIGIBLE:
        return start, end
    rest = max(start, awaited.window_end)
    return (rest, end) if end - rest > _NEGLIGIBLE else None


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
    now = runtime.now()
    existing = _open_batch(runtime, authorization.id)
    with runtime.sessions.begin() as session:
        if existing is not None:  # an earlier request failed: it may be under way all the same
            row = session.get_one(AwaitedBatch, existing.id)
            row.window_start, row.window_end, row.requested_at = start, end, now
            return row.id
        row = AwaitedBatch(
            id=new_id(),
            authorization_id=authorization.id,
            request_url=uri,
            url_key=uri.partition("?")[0].rstrip("/"),
            window_start=start,
            window_end=end,
            requested_at=now,
        )
        session.add(row)
        return row.id


def _close_batch(runtime: Runtime, batch_id: UUID, *, notified_url: str | None = None) -> bool:
    """Close a batch; not one for which other addresses than ``notified_url`` were announced."""
    with runtime.sessions.begin() as session:
        row = session.get_one(AwaitedBatch, batch_id, with_for_update=True)
        if notified_url is not None and row.notified_url != notified_url:
            return False
        row.fetched_at = runtime.now()
        return True
