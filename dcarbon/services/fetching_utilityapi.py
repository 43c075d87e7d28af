"""Fetching one customer's data from UtilityAPI: meters, the order to collect them, their readings.

What has to be ordered first, and costs money, stands in ``utilityapi_orders``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path

from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.errors import (
    ConsentRevoked,
    ContractViolation,
    DCarbonError,
    ProviderUnavailable,
    ReauthorizationRequired,
    UnreadablePayload,
)
from dcarbon.domain.states import AuthStatus
from dcarbon.providers.columns import READINGS, ParsedPayload
from dcarbon.providers.transport import RawPayload
from dcarbon.providers.utilityapi import parse, wire
from dcarbon.providers.utilityapi.client import UtilityApiClient
from dcarbon.providers.utilityapi.parse import AuthorizationFacts, MeterState, Note
from dcarbon.services import authorizations, work
from dcarbon.services.fetching import LOOK_AGAIN, Fetched, Step, Waiting
from dcarbon.services.runtime import Runtime
from dcarbon.services.utilityapi_orders import CUSTOMER_MENDS, Orders

_LOOKS_AT_ONCE = 6
_PAUSE_S = 1.5
"""The provider asks for at most one such call a second (utilityapi reference 3)."""


@dataclass(slots=True)
class _Look:
    """What the provider shows now: meters, or why there are none; ``error`` ends the looking."""

    pages: list[RawPayload] = field(default_factory=list)
    states: list[MeterState] = field(default_factory=list)
    authorization: AuthorizationFacts | None = None
    """Looked at only where there is no meter."""
    is_incomplete: bool = False
    """The provider left meters out of an order."""
    error: DCarbonError | None = None

    @property
    def things(self) -> Sequence[MeterState | AuthorizationFacts]:
        if self.states:
            return self.states
        return [self.authorization] if self.authorization is not None else []

    @property
    def is_under_way(self) -> bool:
        return any(each.status == "pending" for each in self.things)

    def ready_at(self, now: datetime) -> datetime:
        """Return when the provider expects to be ready with the first, at least a moment away."""
        etas = [
            eta
            for each in self.things
            if each.status == "pending"
            for note in each.notes
            if (eta := wire.moment(note.extra.get("eta"))) is not None and eta > now
        ]
        earliest = min(etas, default=now)
        return min(max(earliest, now + LOOK_AGAIN), now + work.LONGEST_WAIT)


@dataclass(slots=True)
class Meters:
    """A customer's meters at UtilityAPI. ``since`` is how far back collection is ordered.

    ``is_final`` fetches although access has ended here: nothing is ordered any more.
    """

    runtime: Runtime
    authorization: Authorization
    since: datetime
    is_final: bool = False
    _look: _Look = field(default_factory=_Look)

    @property
    def parts(self) -> tuple[str, ...]:
        """The uids of the meters whose readings are there."""
        states = self._look.states
        return tuple(s.uid for s in states if s.status != "pending" and s.is_activated)

    def look(self) -> Iterator[Step]:
        """Yield the meters, after ordering what was never ordered; wait where it is under way."""
        if self.authorization.external_id is None:
            raise ContractViolation("the authorization has no uid", code="no_external_id")
        now = self.runtime.now()
        uid = self.authorization.external_id
        if self.is_final:
            self._look = _looked(self._client, uid)
        else:
            frequency = self.runtime.settings.monitoring_frequency
            orders = Orders(self._client, self.since, now, frequency, self._is_in_force)
            self._look = _look_until_settled(self._client, uid, orders)
        yield from (_fetched(page, "utilityapi_meters", _meters) for page in self._look.pages)
        if self._look.is_under_way:
            again_at = self._look.ready_at(now)
            yield Waiting("the provider still works", again_at, is_polled=True)

    def readings(self, part: str, start: datetime, end: datetime) -> Iterator[Step]:
        """Yield the intervals of one meter in ``[start, end)``."""
        try:
            for page in self._client.interval_pages(part, start, end):
                yield _fetched(page, "utilityapi_intervals", _intervals)
        except UnreadablePayload:
            # The page is landed and marked. It alone knew the next one; other meters go on.
            return

    def describe(self) -> Iterator[Step]:
        """Yield nothing: the meters came first."""
        return iter(())

    def conclude(self, *, is_silent: bool) -> None:
        """Raise :class:`ReauthorizationRequired` when the customer has to act,
        :class:`ProviderUnavailable` while the provider itself tries again.
        """
        look = self._look
        has_doubts = is_silent or look.is_incomplete or self._is_over
        if look.error is None and look.authorization is None and has_doubts:
            # Meters of a consent that has ended may stay listed, and never have data again.
            look.authorization = _authorization(self._client, self.authorization.external_id or "")
        if problem := look.error or _problem(look):
            raise problem

    def _is_in_force(self) -> bool:
        """Say whether the consent still is in force here: it may end while the provider works."""
        with self.runtime.sessions() as session:
            status = session.scalar(
                select(Authorization.status).where(Authorization.id == self.authorization.id)
            )
        return status == AuthStatus.AUTHORIZED and not self._is_over

    @property
    def _is_over(self) -> bool:
        ends = self.authorization.consent_ends_at
        return ends is not None and ends <= self.runtime.now()

    @property
    def _client(self) -> UtilityApiClient:
        return authorizations.utilityapi_client(self.runtime)


def _look_until_settled(client: UtilityApiClient, uid: str, orders: Orders) -> _Look:
    """Look at the meters and order what is missing; stay a while for quick answers.

    A refused order is the look's error: meters that are known land all the same.
    """
    look = _looked(client, uid)
    for remaining in reversed(range(_LOOKS_AT_ONCE)):
        try:
            while look.error is None and orders.place(look.states):
                look = _looked(client, uid)
        except DCarbonError as error:
            look.error = error
        if look.error is not None or not look.is_under_way or not remaining:
            break
        time.sleep(_PAUSE_S)
        look = _looked(client, uid)
    look.is_incomplete = bool(orders.dropped)
    return look


def _looked(client: UtilityApiClient, uid: str) -> _Look:
    look = _meters_now(client, uid)
    if look.states or look.error is not None:
        return look
    facts = _authorization(client, uid)
    if facts is not None and facts.status != "pending":
        # The search for meters may have ended between the two requests.
        look = _meters_now(client, uid)
    look.authorization = None if look.states else facts
    return look


def _authorization(client: UtilityApiClient, uid: str) -> AuthorizationFacts | None:
    return next(iter(parse.parse_authorizations(client.authorization(uid).content)), None)


def _meters_now(client: UtilityApiClient, uid: str) -> _Look:
    look = _Look()
    try:
        for page in client.meters(uid):
            look.pages.append(page)
            look.states += parse.parse_meter_states(page.content)
    except UnreadablePayload as error:
        # The page lands all the same: what could not be read is kept.
        look.error = error
    return look


def _problem(look: _Look) -> DCarbonError | None:
    """Return what stands in the way although everything that is there was fetched."""
    facts = look.authorization
    if facts is not None and facts.is_revoked:
        return ConsentRevoked("the provider says that the authorization is revoked")
    if facts is not None and facts.is_expired:
        return ReauthorizationRequired("the authorization has expired", code="consent_ended")
    if facts is not None and facts.is_declined:
        return ReauthorizationRequired("the authorization was declined")
    notes = [each.notes for each in look.things if each.status == "errored"]
    return _no_access(tuple(chain.from_iterable(notes))) if notes else None


def _no_access(notes: tuple[Note, ...]) -> DCarbonError:
    kinds = {note.type for note in notes}
    if found := sorted(CUSTOMER_MENDS & kinds):
        return ReauthorizationRequired(f"the provider has no access: {found[0]}", code=found[0])
    return ProviderUnavailable("the provider could not collect and tries again")


def _fetched(
    page: RawPayload, parser: str, read: Callable[[bytes | Path], ParsedPayload]
) -> Fetched:
    return Fetched(page, parser, read)


def _meters(content: bytes | Path) -> ParsedPayload:
    return ParsedPayload(
        meters=parse.parse_meters(_bytes(content)), channels=(), readings=READINGS.empty_table()
    )


def _intervals(content: bytes | Path) -> ParsedPayload:
    return parse.parse_intervals(_bytes(content))


def _bytes(content: bytes | Path) -> bytes:
    return content.read_bytes() if isinstance(content, Path) else content
