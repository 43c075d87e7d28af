"""Fetching one customer's data from UtilityAPI: meters, the order to collect them, their readings.

Collection costs money, so it is ordered once for a meter that was never activated, and never for
one the provider is still working on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from math import ceil
from pathlib import Path

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.errors import ContractViolation, OutcomeUnknown
from dcarbon.providers.columns import READINGS, ParsedPayload
from dcarbon.providers.transport import RawPayload
from dcarbon.providers.utilityapi import parse
from dcarbon.providers.utilityapi.client import MAX_COLLECTION_MONTHS, UtilityApiClient
from dcarbon.providers.utilityapi.parse import MeterState
from dcarbon.services import authorizations
from dcarbon.services.fetching import LOOK_AGAIN, Fetched, Step, Waiting
from dcarbon.services.runtime import Runtime

_LOOKS_AT_ONCE = 6
_PAUSE_S = 1.5
"""The provider asks for at most one such call a second (utilityapi reference 3)."""


def fetch(
    runtime: Runtime, authorization: Authorization, start: datetime, end: datetime
) -> Iterator[Step]:
    """Yield meters, then intervals of ``[start, end)``; wait where the provider still works."""
    if authorization.external_id is None:
        raise ContractViolation("the authorization has no uid", code="no_external_id")
    client = authorizations.utilityapi_client(runtime)
    uid = authorization.external_id
    pages, states = _look(client, uid)
    months = min(MAX_COLLECTION_MONTHS, max(1, ceil((runtime.now() - start).days / 30)))
    if states and _order(client, states, months=months):
        pages, states = _look(client, uid)
    for _ in range(_LOOKS_AT_ONCE):
        if states and not any(state.status == "pending" for state in states):
            break
        time.sleep(_PAUSE_S)
        pages, states = _look(client, uid)
        if states and _order(client, states, months=months):
            pages, states = _look(client, uid)
    yield from (_fetched(page, "utilityapi_meters", _meters) for page in pages)
    if not states or any(state.status == "pending" for state in states):
        yield Waiting("the provider still collects", runtime.now() + LOOK_AGAIN)
    for state in states:
        if state.status != "pending" and state.is_activated:
            for page in client.interval_pages(state.uid, start, end):
                yield _fetched(page, "utilityapi_intervals", _intervals)


def _look(client: UtilityApiClient, uid: str) -> tuple[list[RawPayload], list[MeterState]]:
    pages = list(client.meters(uid))
    return pages, [state for page in pages for state in parse.parse_meter_states(page.content)]


def _order(client: UtilityApiClient, states: list[MeterState], *, months: int) -> bool:
    """Order collection of the meters that never had one. True when something was ordered."""
    new = [s.uid for s in states if not s.is_activated and s.status != "pending"]
    if not new:
        return False
    try:
        client.historical_collection(new, months=months)
    except OutcomeUnknown:
        # The order may stand: the meters' status will say so, and ordering again may cost twice.
        return True
    return True


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
