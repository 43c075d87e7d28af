"""Fetching one customer's data from a Green Button custodian, synchronous or announced later."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from dcarbon.db.authorizations import Authorization
from dcarbon.db.payloads import AwaitedBatch
from dcarbon.domain.errors import AccessTokenRejected, ContractViolation, ResourceMissing
from dcarbon.providers.green_button import atom, espi
from dcarbon.providers.green_button.client import Accepted, GreenButtonClient, Outcome, Payload
from dcarbon.providers.green_button.scope import parse_scope
from dcarbon.providers.profile import Quirk
from dcarbon.services import awaited_batches, grants
from dcarbon.services.fetching import EVERY_METER, Fetched, Step, Waiting
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


@dataclass(slots=True)
class Subscription:
    """A customer's data at a custodian. ``is_final`` fetches although access has ended here."""

    runtime: Runtime
    authorization: Authorization
    is_final: bool = False
    parts: tuple[str, ...] = (EVERY_METER,)
    _walks: bool = False
    """An announcement never came: the rest is not asked for in a way that needs one."""

    def look(self) -> Iterator[Step]:
        """Yield nothing: the readings say which meters there are."""
        if self.authorization.resource_uri is None:
            raise ContractViolation("the grant named no resource", code="no_resource_uri")
        return iter(())

    def readings(self, part: str, start: datetime, end: datetime) -> Iterator[Step]:  # noqa: ARG002 — there is one part
        """Yield usage data of ``[start, end)``, or wait for the custodian to prepare them."""
        awaited = awaited_batches.open_of(self.runtime, self.authorization.id)
        if awaited is not None and awaited.notified_at is not None:
            rest = yield from _announced(self, awaited, start, end)
            if rest is not None:
                yield from _batch(self, *rest)
            return
        profile = self.runtime.providers.profile(self.authorization.provider)
        if awaited is not None and awaited.accepted_at is not None:
            give_up = awaited.accepted_at + GIVE_UP_WAITING_AFTER
            if self.runtime.now() < give_up:
                yield Waiting(_PREPARING, give_up)
                return
            yield from _walked(self, start, end)
            awaited_batches.close(self.runtime, awaited.id)
            self._walks = True
        elif self._walks or profile.has(Quirk.USAGE_POINT_BATCH_AT_ONCE):
            yield from _walked(self, start, end)
        else:
            yield from _batch(self, start, end, awaited)

    def describe(self) -> Iterator[Step]:
        """Yield what customer data say about the meters, where the scope covers them."""
        uri = self.authorization.customer_resource_uri
        scope = parse_scope(self.authorization.granted_scope or "")
        if uri is None or not scope.covers_customer():
            return
        ask: _Ask = lambda client: iter([client.customer(uri)])  # noqa: E731
        try:
            for fetched in _fetched(_asked(self, ask)):
                yield replace(fetched, describes_only=True)
        except (ResourceMissing, AccessTokenRejected):
            # Customer data are a scope of their own: without them meters are known by id only.
            return

    def conclude(self, *, is_silent: bool) -> None:
        """Raise nothing: a custodian that refuses says so at once."""


def _batch(
    source: Subscription, start: datetime, end: datetime, failed: AwaitedBatch | None = None
) -> Iterator[Step]:
    """Ask for a batch; one that ``failed`` before may be under way all the same."""
    runtime, uri = source.runtime, source.authorization.resource_uri or ""
    # Written before the request is sent: a notification can overtake the 202 it belongs to.
    batch_id = awaited_batches.expect(runtime, source.authorization, start, end, failed)
    ask: _Ask = lambda client: client.usage(uri, start, end, now=runtime.now())  # noqa: E731
    for outcome in _asked(source, ask):
        if isinstance(outcome, Accepted):
            now = runtime.now()
            if awaited_batches.accepted(runtime, batch_id, outcome):
                yield Waiting(_READY, now)
            else:
                yield Waiting(_PREPARING, now + GIVE_UP_WAITING_AFTER)
            return
        yield from _fetched([outcome])
    awaited_batches.close(runtime, batch_id)


def _walked(source: Subscription, start: datetime, end: datetime) -> Iterator[Fetched]:
    """Yield the resources one by one, each to be read with the describing ones that came before.

    Interval blocks alone have no unit. Whoever reads a payload again gives it the payloads without
    interval blocks that landed before it in the same walk.
    """
    uri, now = source.authorization.resource_uri or "", source.runtime.now()
    walk: _Ask = lambda client: client.walk(uri, start, end, now=now)  # noqa: E731
    context: tuple[bytes, ...] = ()
    for outcome in _asked(source, walk):
        for fetched in _fetched([outcome]):
            yield replace(fetched, parse=partial(espi.parse, context=context))
            content = fetched.raw.content
            if not atom.holds(content, "IntervalBlock") and content not in context:
                context = (*context, content)


def _announced(
    source: Subscription, awaited: AwaitedBatch, start: datetime, end: datetime
) -> Generator[Step, None, _Window | None]:
    """Yield what notifications named; return what of ``[start, end)`` is still to be asked for."""
    runtime = source.runtime
    outcomes = _asked(source, partial(_all_announced, awaited))
    try:
        for outcome in outcomes:
            if isinstance(outcome, Accepted):
                yield Waiting("the utility still prepares the data", runtime.now() + _NOT_YET)
                return None
            yield from _fetched([outcome])
    except ResourceMissing:
        # Prepared answers are kept for some days only: this one has to be asked for anew.
        awaited_batches.close(runtime, awaited.id)
        return start, end
    if not awaited_batches.close(runtime, awaited.id, notified_url=awaited.notified_url):
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


def _asked(source: Subscription, ask: _Ask) -> Iterator[Outcome]:
    """Ask with a good token; when it is refused all the same, once more with a fresh one."""
    runtime, authorization, final = source.runtime, source.authorization, source.is_final
    transport = runtime.providers.transport(authorization.provider)
    profile = runtime.providers.profile(authorization.provider)
    token = grants.access_token(runtime, authorization.id, is_final=final)
    try:
        yield from ask(GreenButtonClient(transport, profile, token))
    except AccessTokenRejected:
        token = grants.access_token(runtime, authorization.id, refused=token, is_final=final)
        yield from ask(GreenButtonClient(transport, profile, token))


def _fetched(outcomes: Iterator[Outcome] | list[Outcome]) -> Iterator[Fetched]:
    for outcome in outcomes:
        if isinstance(outcome, Payload):
            yield Fetched(outcome.raw, "espi", espi.parse)
