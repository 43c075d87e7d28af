"""Fetching one customer's data from UtilityAPI: meters, the order to collect them, their readings.

Collection costs money, so it is ordered once for a meter that was never activated, and never for
one the provider is still working on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from math import ceil
from pathlib import Path

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.errors import (
    ContractViolation,
    DCarbonError,
    OutcomeUnknown,
    ProviderUnavailable,
    ReauthorizationRequired,
    UnreadablePayload,
)
from dcarbon.providers.columns import READINGS, ParsedPayload
from dcarbon.providers.transport import RawPayload
from dcarbon.providers.utilityapi import parse
from dcarbon.providers.utilityapi.client import MAX_COLLECTION_MONTHS, UtilityApiClient
from dcarbon.providers.utilityapi.parse import AuthorizationFacts, MeterState, Note
from dcarbon.services import authorizations
from dcarbon.services.fetching import LOOK_AGAIN, Fetched, Step, Waiting
from dcarbon.services.runtime import Runtime

_LOOKS_AT_ONCE = 6
_PAUSE_S = 1.5
"""The provider asks for at most one such call a second (utilityapi reference 3)."""
_CUSTOMER_MENDS = frozenset({"access_invalid", "access_locked"})
"""Notes that say that only the customer can restore access (utilityapi reference 9, 10)."""


@dataclass(slots=True)
class _Look:
    """What the provider shows now: meters, or why there are none; ``error`` ends the looking."""

    pages: list[RawPayload] = field(default_factory=list)
    states: list[MeterState] = field(default_factory=list)
    authorization: AuthorizationFacts | None = None
    """Looked at only where there is no meter."""
    error: DCarbonError | None = None

    @property
    def things(self) -> Sequence[MeterState | AuthorizationFacts]:
        if self.states:
            return self.states
        return [self.authorization] if self.authorization is not None else []

    @property
    def is_under_way(self) -> bool:
        return any(each.status == "pending" for each in self.things)


def fetch(
    runtime: Runtime, authorization: Authorization, start: datetime, end: datetime
) -> Iterator[Step]:
    """Yield meters, then intervals of ``[start, end)``; wait where the provider still works.

    What is there is yielded before anything is raised: :class:`ReauthorizationRequired` when the
    customer has to act, :class:`ProviderUnavailable` while the provider itself tries again.
    """
    if authorization.external_id is None:
        raise ContractViolation("the authorization has no uid", code="no_external_id")
    client = authorizations.utilityapi_client(runtime)
    months = min(MAX_COLLECTION_MONTHS, max(1, ceil((runtime.now() - start).days / 30)))
    look = _look_until_settled(client, authorization.external_id, months=months)
    yield from (_fetched(page, "utilityapi_meters", _meters) for page in look.pages)
    if look.is_under_way:
        yield Waiting("the provider still works", runtime.now() + LOOK_AGAIN)
    for state in look.states:
        if state.status != "pending" and state.is_activated:
            yield from _intervals_of(client, state.uid, start, end)
    if problem := look.error or _problem(look):
        raise problem


def _look_until_settled(client: UtilityApiClient, uid: str, *, months: int) -> _Look:
    """Look at the meters and order what was never ordered; stay a while for quick answers.

    A refused order is the look's error: meters that are known land all the same.
    """
    look = _looked(client, uid)
    ordered: set[str] = set()
    for remaining in reversed(range(_LOOKS_AT_ONCE)):
        try:
            if look.error is None and _order(client, look.states, ordered, months=months):
                look = _looked(client, uid)
        except DCarbonError as error:
            look.error = error
        if look.error is not None or not look.is_under_way or not remaining:
            break
        time.sleep(_PAUSE_S)
        look = _looked(client, uid)
    return look


def _looked(client: UtilityApiClient, uid: str) -> _Look:
    look = _meters_now(client, uid)
    if look.states or look.error is not None:
        return look
    found = parse.parse_authorizations(client.authorization(uid).content)
    facts = next(iter(found), None)
    if facts is not None and facts.status != "pending":
        # The search for meters may have ended between the two requests.
        look = _meters_now(client, uid)
    look.authorization = None if look.states else facts
    return look


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


def _order(
    client: UtilityApiClient, states: list[MeterState], ordered: set[str], *, months: int
) -> bool:
    """Order collection of the meters that never had one. True when something was ordered."""
    idle = [s.uid for s in states if not s.is_activated and s.status != "pending"]
    new = [uid for uid in idle if uid not in ordered]
    if not new:
        return False
    ordered.update(new)
    try:
        client.historical_collection(new, months=months)
    except OutcomeUnknown:
        # The order may stand: the meters' status will say so, and ordering again may cost twice.
        return True
    return True


def _problem(look: _Look) -> DCarbonError | None:
    """Return what stands in the way although everything that is there was fetched."""
    facts = look.authorization
    if facts is not None and (facts.is_revoked or facts.is_expired or facts.is_declined):
        return ReauthorizationRequired("the authorization has ended at the provider")
    notes = [each.notes for each in look.things if each.status == "errored"]
    return _no_access(tuple(chain.from_iterable(notes))) if notes else None


def _no_access(notes: tuple[Note, ...]) -> DCarbonError:
    kinds = {note.type for note in notes}
    if found := sorted(_CUSTOMER_MENDS & kinds):
        return ReauthorizationRequired(f"the provider has no access: {found[0]}", code=found[0])
    return ProviderUnavailable("the provider could not collect and tries again")


def _intervals_of(
    client: UtilityApiClient, uid: str, start: datetime, end: datetime
) -> Iterator[Fetched]:
    try:
        for page in client.interval_pages(uid, start, end):
            yield _fetched(page, "utilityapi_intervals", _intervals)
    except UnreadablePayload:
        # The page is landed and marked. It alone knew the next one; other meters go on.
        return


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
