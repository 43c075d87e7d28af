"""The only way out to a utility: TLS, known origins, no redirects, a size cap, status to error.

What a status means for a customer's token is the protocol's to say: clients pass a classifier.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from types import MappingProxyType
from typing import Self

import httpx2

from dcarbon.domain import correlation
from dcarbon.domain.errors import (
    ClientCredentialsRejected,
    ContractViolation,
    DCarbonError,
    PaymentRequired,
    ProviderThrottled,
    ProviderUnavailable,
    ResourceMissing,
    SettingsInvalid,
)
from dcarbon.providers import request_log
from dcarbon.providers.breaker import Breaker
from dcarbon.providers.limits import RateLimiter

MAX_RESPONSE_BYTES = 256 * 1024 * 1024
MAX_RETRY_AFTER = timedelta(days=7)
TIMEOUT = httpx2.Timeout(connect=10.0, read=60.0, write=30.0, pool=60.0)
WHOLE_RESPONSE_S = 600.0
"""Read time-outs start anew with every byte; this bounds a response that only trickles."""

_SECRET_PARAMETERS = frozenset(
    {"access_token", "client_secret", "code", "code_verifier", "refresh_token", "token"}
)
_GOOD = frozenset({200, 201, 202, 203, 204})
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_ERRORS: Mapping[int, type[DCarbonError]] = MappingProxyType(
    {
        401: ClientCredentialsRejected,
        402: PaymentRequired,
        403: ClientCredentialsRejected,
        404: ResourceMissing,
        410: ResourceMissing,
    }
)
_RETRY_AFTER_DIGITS = 9


@dataclass(frozen=True, slots=True)
class RawPayload:
    """One response as it arrived, for the landing zone. ``url`` holds no secrets."""

    url: str
    media_type: str
    content: bytes = field(repr=False)
    status: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of a provider. ``url`` holds no secrets; header names ignore case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    url: str
    received_at: datetime

    def payload(self) -> RawPayload:
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        return RawPayload(
            self.url,
            media_type or "application/octet-stream",
            self.content,
            self.status,
            self.received_at,
        )

    def retry_after(self) -> timedelta | None:
        """Return how long the provider asks us to wait, if it says so in a way we can read."""
        return parse_retry_after(self.headers.get("retry-after"), now=self.received_at)


Classifier = Callable[[Response], DCarbonError | None]
"""Says what a status means: the error to raise, or ``None`` for an answer the client wants."""


class Transport:
    """One provider's HTTPS client; safe to share between threads, closed by its owner.

    ``base_url`` is what relative addresses follow; requests go to its origin and to
    ``allowed_origins`` only. ``transport`` replaces the network, for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        allowed_origins: Iterable[str] = (),
        ca_file: Path | None = None,
        client_certificate: Path | None = None,
        client_key: Path | None = None,
        limiter: RateLimiter | None = None,
        breaker: Breaker | None = None,
        max_bytes: int = MAX_RESPONSE_BYTES,
        max_connections: int = 8,
        timeout: httpx2.Timeout = TIMEOUT,
        transport: httpx2.BaseTransport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise :class:`SettingsInvalid` for an address that is not HTTPS or an unusable file."""
        addresses = (base_url, *allowed_origins)
        self._origins = frozenset(_configured_origin(address) for address in addresses)
        self._base = httpx2.URL(base_url.rstrip("/") + "/")
        self._limiter = limiter
        self._breaker = breaker
        self._max_bytes = max_bytes
        self._now = now
        self._monotonic = monotonic
        # The library logs every address with its query at INFO, and a query may hold a code.
        for library in ("httpx2", "httpcore2"):
            logging.getLogger(library).setLevel(logging.WARNING)
        self._http = httpx2.Client(
            verify=_tls(ca_file, client_certificate, client_key),
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            limits=httpx2.Limits(
                max_connections=max_connections, max_keepalive_connections=max_connections
            ),
            transport=transport,
            headers={"User-Agent": "dcarbon"},
        )
        # One client serves many customers: a cookie of one must not travel with another's request.
        self._http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def address(self, url: str) -> httpx2.URL:
        """Return ``url``, absolute or following the base, once it is known to be allowed.

        Raises :class:`ContractViolation` (``insecure_url``, ``foreign_url``) for any other.
        """
        try:
            target = self._base.join(url)
            origin = _origin(target)
        except (httpx2.InvalidURL, ValueError):
            raise ContractViolation("not an address", code="foreign_url") from None
        if target.scheme != "https":
            raise ContractViolation("the address is not HTTPS", code="insecure_url")
        if origin not in self._origins or target.userinfo:
            raise ContractViolation("the address is on another host", code="foreign_url")
        return target

    def request(
        self,
        method: str,
        url: str,
        *,
        accept: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        classify: Classifier | None = None,
    ) -> Response:
        """Send one request and return the whole answer. ``params`` are added to the query.

        Raises what ``classify`` (default :func:`classify_status`) makes of the status,
        :class:`ProviderUnavailable` for time-outs and broken connections,
        :class:`ProviderPaused` while the provider is left alone, :class:`ContractViolation` for
        addresses, redirects and sizes that are refused.
        """
        target = self.address(url)
        if params:
            target = target.copy_merge_params(dict(params))
        if self._breaker is not None:
            self._breaker.require_open()
        if self._limiter is not None:
            self._limiter.acquire()
        given = {"Accept": accept, **_named(), **(headers or {})}
        with request_log.line(method, target.host) as told:
            response = self._send_watched(self._breaker, method, target, given, content)
            told.status, told.size = response.status, len(response.content)
        if error := (classify or classify_status)(response):
            raise error
        return response

    def _send_watched(
        self,
        breaker: Breaker | None,
        method: str,
        url: httpx2.URL,
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Response:
        """Send, and tell the breaker. What a status means for one customer is no matter of its."""
        if breaker is None:
            return self._send(method, url, headers, content)
        is_probe = breaker.enter()
        try:
            response = self._send(method, url, headers, content)
        except ProviderUnavailable as error:
            breaker.failed(error, is_probe=is_probe)
            raise
        if _is_down(response.status):
            said = ProviderUnavailable(
                f"answered {response.status}", retry_after=response.retry_after()
            )
            breaker.failed(said, is_probe=is_probe)
        else:
            breaker.answered()
        return response

    def _send(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], content: bytes | None
    ) -> Response:
        # ``from None`` throughout: the library's exceptions carry the request with its headers.
        try:
            with self._http.stream(method, url, headers=headers, content=content) as answer:
                body = self._read(answer)
                return Response(
                    status=answer.status_code,
                    headers=answer.headers,
                    content=body,
                    url=without_secrets(url),
                    received_at=self._now(),
                )
        except (httpx2.ConnectTimeout, httpx2.ConnectError, httpx2.PoolTimeout):
            raise ProviderUnavailable(
                f"no connection to {url.host}", may_have_arrived=False
            ) from None
        except httpx2.TimeoutException:
            raise ProviderUnavailable(f"{url.host} took too long") from None
        except httpx2.LocalProtocolError:
            raise ContractViolation(f"request to {url.host} cannot be sent") from None
        except (httpx2.HTTPError, httpx2.StreamError):
            raise ProviderUnavailable(f"{url.host} cut the connection") from None

    def _read(self, answer: httpx2.Response) -> bytes:
        """Read the body, decoded, while it stays within the cap and the time for it."""
        deadline = self._monotonic() + WHOLE_RESPONSE_S
        chunks: list[bytes] = []
        size = 0
        for chunk in answer.iter_bytes():
            size += len(chunk)
            if size > self._max_bytes:
                raise ContractViolation(
                    f"answer larger than {self._max_bytes} bytes", code="response_too_large"
                )
            if self._monotonic() > deadline:
                raise ProviderUnavailable("the answer trickled in too slowly")
            chunks.append(chunk)
        return b"".join(chunks)


def classify_status(response: Response) -> DCarbonError | None:
    """Return the error a status stands for when its protocol does not say otherwise."""
    status = response.status
    if status in _GOOD:
        return None
    detail = f"{httpx2.URL(response.url).host} answered {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderThrottled(detail, retry_after=response.retry_after())
    if _is_down(status):
        return ProviderUnavailable(detail, retry_after=response.retry_after())
    if kind := _ERRORS.get(status):
        return kind(detail)
    redirected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    code = "unexpected_redirect" if redirected else "request_refused"
    return ContractViolation(detail, code=code)


def _named() -> dict[str, str]:
    """Return the id by which the provider's support can find a request of ours, if it has one."""
    correlation_id = correlation.current()
    return {correlation.HEADER: correlation_id} if correlation_id else {}


def _is_down(status: int) -> bool:
    return status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Read a ``Retry-After`` header, seconds or HTTP date (RFC 9110 10.2.3); at most a week."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        seconds = int(text) if len(text) <= _RETRY_AFTER_DIGITS else MAX_RETRY_AFTER.total_seconds()
        return min(timedelta(seconds=seconds), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta()), MAX_RETRY_AFTER)


def without_secrets(url: httpx2.URL | str) -> str:
    """Return the address without credentials, fragment and query parameters that are secrets."""
    address = httpx2.URL(url)
    clean = address.copy_with(username=None, password=None, fragment=None)
    for name in _SECRET_PARAMETERS.intersection(clean.params):
        clean = clean.copy_remove_param(name)
    return str(clean)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return (url.scheme, url.host.lower(), url.port or 443)


def _configured_origin(address: str) -> tuple[str, str, int]:
    try:
        url = httpx2.URL(address)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme != "https" or not url.host or url.userinfo:
        message = "A provider's address must be https://host[:port]/path without credentials."
        raise SettingsInvalid(message, display_message=message)
    return _origin(url)


def _tls(ca_file: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    context = httpx2.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if ca_file is not None:
            context.load_verify_locations(cafile=ca_file)
        if certificate is not None:
            context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ssl.SSLError):
        message = "A certificate, key or authority file is missing or cannot be read."
        raise SettingsInvalid(message, display_message=message) from None
    return context


def _no_password() -> str:
    """Keep OpenSSL from asking on the terminal for the password of an encrypted key."""
    return ""
