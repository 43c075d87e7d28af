"""Green Button Connect resources of one customer, as bytes for the landing zone.

Does not parse readings, store, retry or refresh: a refused token is raised, once, to the service.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus

import httpx2

from dcarbon.domain.errors import (
    AccessTokenRejected,
    ClientCredentialsRejected,
    ClientTokenRejected,
    ContractViolation,
    DCarbonError,
    ResourceMissing,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers import ranges
from dcarbon.providers.green_button import atom, oauth_errors
from dcarbon.providers.profile import Quirk, UtilityProfile
from dcarbon.providers.transport import (
    Classifier,
    RawPayload,
    Response,
    Transport,
    classify_status,
    without_secrets,
)

ACCEPT = "application/atom+xml, application/xml;q=0.9"
MAX_PAGES = 1_000
"""A custodian that has more pages than this for one window is looping."""

_SHARED = ("ReadingType", "LocalTimeParameters")
"""Resources that usage points have in common."""
_PENDING = b"unprocessed batch request"

_Window = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Payload:
    """The data are here."""

    raw: RawPayload


@dataclass(frozen=True, slots=True)
class Empty:
    """Asked and answered: nothing in this range."""

    url: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """The data are being made; a notification will name where. Never ask the same again before."""

    request_url: str
    location: str | None
    retry_after: timedelta | None
    transaction_id: str | None
    window: _Window | None = None
    """Meter time ``[start, end)`` that was asked for, where the request had one."""


Outcome = Payload | Empty | Accepted


@dataclass(frozen=True, slots=True)
class GreenButtonClient:
    """One customer's view of one custodian; the caller owns and closes ``transport``.

    Every method raises :class:`AccessTokenRejected` for 401 and 403 (:class:`ClientTokenRejected`
    where our own token opens the resource): refresh once and repeat. Also
    :class:`ProviderUnavailable` and :class:`ContractViolation` of the transport.
    """

    transport: Transport
    profile: UtilityProfile
    access_token: Secret = field(repr=False)

    def usage(
        self, resource_uri: str, start: datetime, end: datetime, *, now: datetime
    ) -> Iterator[Outcome]:
        """Yield what the subscription holds for meter time ``[start, end)``, window by window.

        The range is clamped to the utility's history and to ``now``; whole days make repeats hit
        the same prepared job (green-button reference 4.2, 4.4). Raises :class:`InvalidInput` for
        naive or reversed times, at the first step.
        """
        for window in self._windows(start, end, now):
            for outcome in self._pages(resource_uri, published(*window)):
                if isinstance(outcome, Accepted):
                    yield replace(outcome, window=window)
                else:
                    yield outcome

    def resource(self, uri: str) -> Outcome:
        """Fetch one address as it is, with the customer's token."""
        return self._get(uri)

    def usage_points(self, resource_uri: str) -> Outcome:
        """Fetch the list of a subscription's usage points: small, and answered at once (reference
        4.1, FB 32).
        """
        return self._get(f"{_subscription(resource_uri)[1]}/UsagePoint")

    def announced(self, uri: str) -> Iterator[Outcome]:
        """Yield what a notification named, address as it is, and the pages it goes on with."""
        yield from self._pages(uri, {}, numbered=False)

    def customer(self, uri: str) -> Outcome:
        """Fetch the retail customer data (green-button reference 4.1, FB 46)."""
        return self._get(uri)

    def authorization(self, uri: str, client_token: Secret) -> Outcome:
        """Fetch an Authorization, or the feed of them, with our own token (reference 4.7)."""
        return self._get(uri, client_token=client_token)

    def service_status(self, client_token: Secret) -> Outcome:
        """Fetch ReadServiceStatus (reference 4.6)."""
        uri = f"{self.profile.resource_url}/ReadServiceStatus"
        return self._get(uri, client_token=client_token)

    def bulk(self, uri: str, client_token: Secret) -> Outcome:
        """Fetch a bulk resource or file that a notification named (reference 4.1, FB 35)."""
        return self._get(uri, client_token=client_token)

    def walk(
        self, resource_uri: str, start: datetime, end: datetime, *, now: datetime
    ) -> Iterator[Outcome]:
        """Yield the subscription resource by resource: the way out when a batch never comes.

        Usage points first; then for each its batch where the utility answers that at once, else its
        meter readings and their interval blocks (reference 4.1, FB 32; 4.4). Reading types and
        local time, which give blocks their meaning, come before the first that lack them.
        """
        windows = list(self._windows(start, end, now))
        root, subscription = _subscription(resource_uri)
        points = self._get(f"{subscription}/UsagePoint")
        yield points
        shared = [f"{root}/{kind}" for kind in _SHARED]
        for point in _ids(points, "UsagePoint"):
            batch = f"{root}/Batch{subscription.removeprefix(root)}/UsagePoint/{point}"
            pending = list(windows)
            if self.profile.has(Quirk.USAGE_POINT_BATCH_AT_ONCE):
                pending = yield from self._batches(batch, windows, shared)
            if pending:
                yield from self._once(shared)
                yield from self._readings(f"{subscription}/UsagePoint/{point}", pending)

    def _batches(
        self, uri: str, windows: list[_Window], shared: list[str]
    ) -> Generator[Outcome, None, list[_Window]]:
        """Yield what is answered at once; return the windows that are not."""
        unanswered: list[_Window] = []
        for window in windows:
            outcome = self._get(uri, published(*window))
            if isinstance(outcome, Accepted):
                unanswered.append(window)
                continue
            if isinstance(outcome, Payload) and _lacks_meaning(outcome.raw):
                yield from self._once(shared)
            yield outcome
        return unanswered

    def _once(self, uris: list[str]) -> Iterator[Outcome]:
        """Yield what is at addresses that were not asked for yet."""
        while uris:
            yield from self._if_there(uris.pop(0))

    def _readings(self, point: str, windows: list[_Window]) -> Iterator[Outcome]:
        readings = self._get(f"{point}/MeterReading")
        yield readings
        for reading in _ids(readings, "MeterReading"):
            for window in windows:
                blocks = f"{point}/MeterReading/{reading}/IntervalBlock"
                yield from self._pages(blocks, published(*window))

    def _if_there(self, uri: str) -> Iterator[Outcome]:
        try:
            yield self._get(uri)
        except ResourceMissing:
            return

    def _windows(self, start: datetime, end: datetime, now: datetime) -> Iterator[_Window]:
        start, end = ranges.checked(start, end)
        if days := self.profile.history_limit_days:
            start = max(start, now - timedelta(days=days))
        last = min(end, now)
        length = timedelta(days=self.profile.request_window_days or 100_000)
        while start < last:
            following = min(start + length, last)
            yield start, following
            start = following

    def _pages(
        self, uri: str, query: Mapping[str, str], *, numbered: bool = True
    ) -> Iterator[Outcome]:
        """Yield the pages of one feed: by ``next`` links, else counted where the profile says."""
        address: str | None = uri
        parameters = dict(query)
        if numbered and (size := self.profile.page_size):
            parameters |= {"start-index": "1", "max-results": str(size)}
        previous: RawPayload | None = None
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            if address is None or (address in seen and not parameters):
                return
            outcome = self._get(address, parameters)
            yield outcome
            # A custodian that does not know start-index answers with the same page for ever.
            if not isinstance(outcome, Payload) or _same(outcome.raw, previous):
                return
            previous = outcome.raw
            seen.add(previous.url)
            address, parameters = self._following(previous, uri, parameters)
        raise ContractViolation("pages without end", code="endless_pages")

    def _following(
        self, page: RawPayload, uri: str, parameters: dict[str, str]
    ) -> tuple[str | None, dict[str, str]]:
        if href := atom.next_page(page.content):
            return str(self.transport.address(str(httpx2.URL(page.url).join(href)))), {}
        size = self.profile.page_size
        if not size or "start-index" not in parameters or atom.count_entries(page.content) < size:
            return None, {}
        index = int(parameters["start-index"]) + size
        return uri, parameters | {"start-index": str(index)}

    def _get(
        self,
        uri: str,
        query: Mapping[str, str] | None = None,
        *,
        client_token: Secret | None = None,
    ) -> Outcome:
        token = client_token or self.access_token
        response = self.transport.request(
            "GET",
            uri,
            accept=ACCEPT,
            params=query,
            headers={"Authorization": f"Bearer {token.reveal()}"},
            classify=_with_client_token if client_token else _with_access_token,
        )
        return _outcome(response)


def published(start: datetime, end: datetime) -> dict[str, str]:
    """Return the query for meter time ``[start, end)``: UTC, whole seconds (reference 4.2)."""
    return {"published-min": ranges.zulu(start), "published-max": ranges.zulu(end)}


def _outcome(response: Response) -> Outcome:
    if response.status == HTTPStatus.NO_CONTENT:
        return Empty(response.url)
    if response.status == HTTPStatus.OK:
        return Payload(response.payload())
    headers = response.headers
    location = headers.get("location") or headers.get("content-location")
    return Accepted(
        request_url=response.url,
        location=without_secrets(location) if location else None,
        retry_after=response.retry_after(),
        transaction_id=headers.get("x-transaction"),
    )


def _lacks_meaning(page: RawPayload) -> bool:
    has_blocks = atom.holds(page.content, "IntervalBlock")
    return has_blocks and not all(atom.holds(page.content, kind) for kind in _SHARED)


def _same(page: RawPayload, previous: RawPayload | None) -> bool:
    return previous is not None and page.content == previous.content


def _classifier(refused: type[DCarbonError]) -> Classifier:
    def classify(response: Response) -> DCarbonError | None:
        if response.status in {HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT}:
            return None
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return refused(f"the custodian answered {response.status}")
        if response.status == HTTPStatus.BAD_REQUEST:
            # An identical batch is under way: as good as 202 (reference 4.3).
            if _PENDING in response.content[:4096].lower():
                return None
            if oauth_errors.is_certificate_refusal(response):
                return ClientCredentialsRejected("the client certificate was refused")
        error = classify_status(response)
        return error or ContractViolation(f"unexpected status {response.status}")

    return classify


_with_access_token = _classifier(AccessTokenRejected)
_with_client_token = _classifier(ClientTokenRejected)


def _ids(outcome: Outcome, kind: str) -> tuple[str, ...]:
    return atom.resource_ids(outcome.raw.content, kind) if isinstance(outcome, Payload) else ()


def _subscription(resource_uri: str) -> tuple[str, str]:
    """Return the resource root and the subscription's own address, without ``Batch`` and query."""
    path = resource_uri.partition("?")[0].rstrip("/")
    root, found, identifier = path.partition("/Subscription/")
    if not found or not identifier or "/" in identifier:
        raise ContractViolation("not the address of a subscription", code="not_a_subscription")
    root = root.removesuffix("/Batch")
    return root, f"{root}/Subscription/{identifier}"
