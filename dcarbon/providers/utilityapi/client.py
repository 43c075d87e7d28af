"""UtilityAPI v2: forms, authorizations, meters, intervals and events, as bytes for landing.

Orders of collection cost money: they are never a side effect of reading and never repeated blindly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    ContractViolation,
    DCarbonError,
    InvalidInput,
    OutcomeUnknown,
    PaymentRequired,
    ProviderThrottled,
    ProviderUnavailable,
    ReauthorizationRequired,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers import ranges
from dcarbon.providers.profile import LOOPBACK_HOSTS
from dcarbon.providers.transport import RawPayload, Response, Transport, classify_status
from dcarbon.providers.utilityapi import wire
from dcarbon.providers.utilityapi.webhooks import verify_webhook

__all__ = [
    "CollectionOrder",
    "Form",
    "UtilityApiClient",
    "hosted_form_url",
    "verify_webhook",
]

MAX_PAGES = 10_000
MAX_COLLECTION_MONTHS = 36

Frequency = Literal["off", "daily", "weekly", "monthly"]


@dataclass(frozen=True, slots=True)
class Form:
    """An authorization form; ``url`` is for the customer's browser and already has a query."""

    uid: str
    url: str


@dataclass(frozen=True, slots=True)
class CollectionOrder:
    """What became of an order: revoked and expired meters are dropped without a word."""

    accepted: tuple[str, ...]
    dropped: tuple[str, ...]


class _Page(msgspec.Struct, gc=False):
    next: str | None = None


class _Form(msgspec.Struct):
    uid: str | int
    url: str


class _Submitted(msgspec.Struct):
    referral: str | int


class _Ordered(msgspec.Struct):
    meters: list[str | int]


_PAGE = msgspec.json.Decoder(_Page)
_FORM = msgspec.json.Decoder(_Form)
_SUBMITTED = msgspec.json.Decoder(_Submitted)
_ORDERED = msgspec.json.Decoder(_Ordered)
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class UtilityApiClient:
    """One API token's view of UtilityAPI; the caller owns and closes ``transport``.

    Every method raises :class:`ProviderUnavailable` (also for 202: not ready yet, ask again),
    :class:`ClientCredentialsRejected` for a refused token, :class:`ResourceMissing` for what is
    gone or not ours, :class:`ContractViolation` for anything else unexpected.
    """

    transport: Transport
    api_token: Secret = field(repr=False)
    newer_token: Callable[[Secret], Secret | None] | None = field(default=None, repr=False)
    """Asked when the token is refused: an administrator may have set another one meanwhile."""

    def check_token(self) -> None:
        """Make one cheap call, to see whether the token is taken."""
        self._get("authorizations", {"is_archived": "false", "limit": "1"})

    def create_form(
        self,
        *,
        utility: str | None = None,
        customer_email: str | None = None,
        scope: Mapping[str, object] | None = None,
        template_uid: str | None = None,
        authorization_uid: str | None = None,
    ) -> Form:
        """Make a form; with ``authorization_uid`` it renews that authorization (reference 6)."""
        given: dict[str, object | None] = {
            "utility": utility,
            "customer_email": customer_email,
            "scope": dict(scope) if scope else None,
            "template_uid": template_uid,
            "authorization_uid": authorization_uid,
        }
        body = {name: value for name, value in given.items() if value is not None}
        form = wire.decode(_FORM, self._send("POST", "forms", body).content)
        if not _is_for_browsers(form.url):
            raise ContractViolation("the form's address is not HTTPS", code="insecure_url")
        return Form(str(form.uid), form.url)

    def test_submit(self, form_uid: str, *, utility: str, scenario: str) -> str:
        """Submit a form as a test customer and return the referral (reference 8)."""
        body = {"utility": utility, "scenario": scenario}
        response = self._send("POST", f"forms/{_segment(form_uid)}/test-submit", body)
        return str(wire.decode(_SUBMITTED, response.content).referral)

    def authorizations_by_referral(self, referral: str) -> Iterator[RawPayload]:
        """Yield the authorizations of a referral; none right after submission (reference 5)."""
        return self._pages("authorizations", {"referrals": referral})

    def authorization(self, uid: str) -> RawPayload:
        return self._get(f"authorizations/{_segment(uid)}")

    def revoke(self, uid: str) -> RawPayload:
        """End an authorization for good: the provider deletes its data (reference 9).

        May be repeated. Land everything first.
        """
        return self._send("POST", f"authorizations/{_segment(uid)}/revoke").payload()

    def meters(self, authorization_uid: str) -> Iterator[RawPayload]:
        """Yield every page of an authorization's meters."""
        return self._pages("meters", {"authorizations": authorization_uid})

    def meter(self, uid: str, *, expand_blocks: bool = False) -> RawPayload:
        """Fetch one meter; ``expand_blocks`` makes the provider look up what it has not yet."""
        query = {"expand_meter_blocks": "true"} if expand_blocks else {}
        return self._get(f"meters/{_segment(uid)}", query)

    def historical_collection(
        self, meters: Sequence[str], *, months: int | None = None
    ) -> CollectionOrder:
        """Order the past ``months`` (1 to 36) of some meters. Costs money (reference 11, 19).

        Raises :class:`PaymentRequired` without a balance, :class:`ReauthorizationRequired` when
        every meter is revoked or expired, :class:`OutcomeUnknown` when the order may have arrived:
        look at the meters' status before ordering again. Never order for a pending meter.
        """
        if months is not None and not 1 <= months <= MAX_COLLECTION_MONTHS:
            raise InvalidInput("months are 1 to 36")
        body: dict[str, object] = {"meters": list(meters)}
        if months is not None:
            body["collection_duration"] = months
        return self._order("meters/historical-collection", body, meters)

    def ongoing_monitoring(self, meters: Sequence[str], *, frequency: Frequency) -> CollectionOrder:
        """Order, change or (``off``) end the regular refresh of some meters; billed per meter.

        Errors are those of :meth:`historical_collection`.
        """
        body = {"meters": list(meters), "frequency": frequency}
        return self._order("meters/ongoing-monitoring", body, meters)

    def interval_pages(
        self, meter_uid: str, start: datetime, end: datetime
    ) -> Iterator[RawPayload]:
        """Yield each page of a meter's intervals in ``[start, end)``, as it arrived.

        Whole objects may reach beyond the range (reference 13). Raises :class:`InvalidInput` for
        naive or reversed times.
        """
        first, last = ranges.checked(start, end)
        query = {"meters": meter_uid, "start": ranges.zulu(first), "end": ranges.zulu(last)}
        return self._pages("intervals", query)

    def events(self, *, after: str | None = None) -> Iterator[RawPayload]:
        """Yield pages of events not marked as delivered, newest first (reference 16)."""
        query = {"is_delivered": "false"}
        return self._pages("events", query | ({"after": after} if after else {}))

    def _get(self, path: str, query: Mapping[str, str] | None = None) -> RawPayload:
        return self._send("GET", path, query=query).payload()

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[RawPayload]:
        """Follow ``next``, verbatim, as long as it is new; the transport refuses other origins."""
        page = self._get(path, query)
        seen = {page.url}
        for _ in range(MAX_PAGES):
            yield page
            following = wire.decode(_PAGE, page.content).next
            if not following:
                return
            address = str(self.transport.address(following))
            if address in seen:
                return
            seen.add(address)
            page = self._get(address)
        raise ContractViolation("pages without end", code="endless_pages")

    def _order(
        self, path: str, body: Mapping[str, object], meters: Sequence[str]
    ) -> CollectionOrder:
        if not meters:
            raise InvalidInput("no meters to order for")
        try:
            response = self._send("POST", path, body)
        except ProviderThrottled:
            raise
        except ProviderUnavailable as error:
            if not error.may_have_arrived:
                raise
            raise OutcomeUnknown(
                "an order may have been carried out", retry_after=error.retry_after
            ) from error
        accepted = {str(uid) for uid in wire.decode(_ORDERED, response.content).meters}
        return CollectionOrder(
            accepted=tuple(uid for uid in meters if uid in accepted),
            dropped=tuple(uid for uid in meters if uid not in accepted),
        )

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> Response:
        try:
            return self._send_with(self.api_token, method, path, body, query)
        except PaymentRequired:
            raise
        except ClientCredentialsRejected:
            newer = self.newer_token(self.api_token) if self.newer_token else None
            if newer is None:
                raise
        return self._send_with(newer, method, path, body, query)

    def _send_with(
        self,
        token: Secret,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        query: Mapping[str, str] | None,
    ) -> Response:
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        return self.transport.request(
            method,
            path,
            accept="application/json",
            params=query,
            headers=headers,
            content=msgspec.json.encode(body) if body is not None else None,
            classify=_classify,
        )


def hosted_form_url(
    form_url: str, *, redirect_uri: str, state: str, utility: str | None = None
) -> str:
    """Return a form's address with where to send the customer afterwards (reference 7).

    Parameters are appended: the address already has a query of its own.
    """
    added = {"redirect_uri": redirect_uri, "state": state}
    if utility:
        added["utility"] = utility
    return f"{form_url}{'&' if '?' in form_url else '?'}{urlencode(added)}"


def _classify(response: Response) -> DCarbonError | None:
    if response.status == HTTPStatus.ACCEPTED:
        return ProviderUnavailable("not ready yet", retry_after=response.retry_after())
    if response.status == HTTPStatus.NO_CONTENT:
        return ContractViolation("an answer without a body", code="unexpected_json")
    if response.status == HTTPStatus.BAD_REQUEST:
        return _refused(response)
    return classify_status(response)


def _refused(response: Response) -> DCarbonError:
    # The slug is only a hint; whatever it is, the status alone says that the request was wrong.
    try:
        body = wire.decode(_ANY, response.content)
    except ContractViolation:
        body = None
    slug = body.get("error") if isinstance(body, dict) else None
    if slug == "expired_or_revoked":
        return ReauthorizationRequired("every meter is expired or revoked")
    known = slug if slug in {"invalid_param", "required_param_missing"} else "request_refused"
    return ContractViolation(f"the provider answered 400 {known}", code=known)


def _segment(uid: str) -> str:
    """Return an opaque uid as one path segment, whatever is in it."""
    if uid.strip(".") == "":
        raise InvalidInput("not an identifier")
    return quote(uid, safe="")


def _is_for_browsers(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    # Plain HTTP only to this machine, as the sandbox's hosted form is.
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme, host in LOOPBACK_HOSTS) == ("http", True)
    )
