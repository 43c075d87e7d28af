"""The one way out: what is refused before it is sent, and what every status becomes."""

from __future__ import annotations

import gzip
import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

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
from dcarbon.providers.limits import RateLimiter, RateLimits
from dcarbon.providers.transport import Transport, parse_retry_after, without_secrets

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BASE = "https://api.utility.example/espi"
Handler = Callable[[httpx2.Request], httpx2.Response]


def opened(handler: Handler, **options: Any) -> Transport:
    return Transport(BASE, transport=httpx2.MockTransport(handler), now=lambda: NOW, **options)


def answering(status: int, **options: Any) -> Handler:
    return lambda _: httpx2.Response(status, **options)


def test_an_answer_becomes_a_payload_with_what_arrived() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["accept"] == "application/json"
        return httpx2.Response(
            200, content=b"{}", headers={"Content-Type": "Application/JSON; charset=utf-8"}
        )

    with opened(handler) as transport:
        response = transport.request("GET", "meters", accept="application/json")

    payload = response.payload()
    assert payload.url == f"{BASE}/meters"
    assert payload.media_type == "application/json"
    assert (payload.content, payload.status, payload.received_at) == (b"{}", 200, NOW)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://api.utility.example/espi/meters", "insecure_url"),
        ("https://evil.example/espi", "foreign_url"),
        ("//evil.example/espi", "foreign_url"),
        ("https://api.utility.example:8443/espi", "foreign_url"),
        ("https://api.utility.example.evil.example/", "foreign_url"),
        ("https://api.utility.example@evil.example/", "foreign_url"),
        ("https://us:pw@api.utility.example/espi", "foreign_url"),
        ("https://[bad/espi", "foreign_url"),
        ("https://api.utility.example:0x50/", "foreign_url"),
        ("ftp://api.utility.example/espi", "insecure_url"),
        ("file:///etc/passwd", "insecure_url"),
    ],
)
def test_an_address_elsewhere_is_refused_and_nothing_is_sent(url: str, code: str) -> None:
    sent: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200)

    with opened(handler) as transport, pytest.raises(ContractViolation) as caught:
        transport.request("GET", url, accept="*/*")

    assert caught.value.code == code
    assert sent == []


@pytest.mark.parametrize(
    "base", ["http://api.utility.example", "ftp://x", "https://", "https://a:b@x.example", "no"]
)
def test_a_base_that_is_not_https_is_a_setting_error(base: str) -> None:
    with pytest.raises(SettingsInvalid):
        Transport(base)


def test_a_second_allowed_origin_is_reached() -> None:
    with opened(answering(200), allowed_origins=["https://login.utility.example/token"]) as t:
        response = t.request("GET", "https://LOGIN.utility.example:443/token", accept="*/*")

    assert response.status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["https://evil.example/", f"{BASE}/other"])
def test_redirects_are_refused(status: int, to: str) -> None:
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        return httpx2.Response(status, headers={"Location": to})

    with opened(handler) as transport, pytest.raises(ContractViolation) as caught:
        transport.request("GET", "x", accept="*/*")

    assert caught.value.code == "unexpected_redirect"
    assert seen == [f"{BASE}/x"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ContractViolation),
        (401, ClientCredentialsRejected),
        (402, PaymentRequired),
        (403, ClientCredentialsRejected),
        (404, ResourceMissing),
        (405, ContractViolation),
        (408, ProviderUnavailable),
        (410, ResourceMissing),
        (418, ContractViolation),
        (429, ProviderThrottled),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
        (504, ProviderUnavailable),
        (599, ProviderUnavailable),
    ],
)
def test_every_status_becomes_the_error_of_who_acts(status: int, kind: type[DCarbonError]) -> None:
    with opened(answering(status, content=b"<html>secret</html>")) as transport:  # noqa: SIM117
        with pytest.raises(kind) as caught:
            transport.request("GET", "x", accept="*/*")

    assert type(caught.value) is kind
    assert "secret" not in str(caught.value)
    assert str(status) in str(caught.value)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 0 ", timedelta()),
        ("Sun, 01 Mar 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("Sun, 01 Mar 2026 12:01:30 -0000", timedelta(seconds=90)),
        ("Sun, 01 Mar 2026 11:00:00 GMT", timedelta()),
        ("Sunday, 01-Mar-26 12:01:30 GMT", timedelta(seconds=90)),
        ("99999999999999999999", timedelta(days=7)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=7)),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, wait: timedelta | None) -> None:
    assert parse_retry_after(value, now=NOW) == wait


def test_throttling_carries_the_time_the_provider_named() -> None:
    with opened(answering(429, headers={"Retry-After": "7"})) as transport:  # noqa: SIM117
        with pytest.raises(ProviderThrottled) as caught:
            transport.request("GET", "x", accept="*/*")

    assert caught.value.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize(
    ("failure", "arrived"),
    [
        (httpx2.ConnectError, False),
        (httpx2.ConnectTimeout, False),
        (httpx2.PoolTimeout, False),
        (httpx2.ReadTimeout, True),
        (httpx2.WriteTimeout, True),
        (httpx2.ReadError, True),
        (httpx2.RemoteProtocolError, True),
    ],
)
def test_a_broken_way_is_the_providers_and_says_whether_the_request_may_have_arrived(
    failure: type[httpx2.RequestError],
    arrived: bool,  # noqa: FBT001
) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise failure("token s3cret-token in the message", request=request)

    with opened(handler) as transport, pytest.raises(ProviderUnavailable) as caught:
        transport.request(
            "GET", "x?code=s3cret-token", accept="*/*", headers={"Authorization": "s3cret-token"}
        )

    assert caught.value.may_have_arrived is arrived
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


class Trickle(httpx2.SyncByteStream):
    """A body in pieces; breaks off with ``failure`` at its end if one is given."""

    def __init__(self, pieces: list[bytes], failure: Exception | None = None) -> None:
        self.pieces, self.failure, self.taken = pieces, failure, 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self.taken += 1
            yield piece
        if self.failure is not None:
            raise self.failure


def test_reading_stops_at_the_size_cap() -> None:
    body = Trickle([b"x" * 100] * 50)

    with opened(answering(200, stream=body), max_bytes=1_000) as transport:  # noqa: SIM117
        with pytest.raises(ContractViolation) as caught:
            transport.request("GET", "x", accept="*/*")

    assert caught.value.code == "response_too_large"
    assert body.taken == 11


def test_a_small_body_that_unpacks_to_a_large_one_is_stopped_too() -> None:
    packed = gzip.compress(b"\0" * 50_000_000)
    handler = answering(200, stream=Trickle([packed]), headers={"Content-Encoding": "gzip"})

    with opened(handler, max_bytes=1_000_000) as transport:  # noqa: SIM117
        with pytest.raises(ContractViolation) as caught:
            transport.request("GET", "x", accept="*/*")

    assert caught.value.code == "response_too_large"


@pytest.mark.parametrize(
    "body",
    [
        Trickle([b"abc"], httpx2.ReadError("cut")),
        Trickle([b"not gzip at all"]),
    ],
    ids=["cut", "garbled"],
)
def test_a_body_that_breaks_off_is_no_answer(body: Trickle) -> None:
    handler = answering(200, stream=body, headers={"Content-Encoding": "gzip"})

    with opened(handler) as transport, pytest.raises(ProviderUnavailable):
        transport.request("GET", "x", accept="*/*")


def test_a_body_that_trickles_for_ever_is_given_up() -> None:
    ticks = iter(range(0, 100_000, 200))

    handler = answering(200, stream=Trickle([b"x"] * 50))
    with (
        opened(handler, monotonic=lambda: float(next(ticks))) as transport,
        pytest.raises(ProviderUnavailable),
    ):
        transport.request("GET", "x", accept="*/*")


def test_a_cookie_of_one_request_is_not_sent_with_the_next() -> None:
    seen: list[str | None] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("cookie"))
        return httpx2.Response(200, headers={"Set-Cookie": "session=one-customers; Path=/"})

    with opened(handler) as transport:
        transport.request("GET", "x", accept="*/*")
        transport.request("GET", "x", accept="*/*")

    assert seen == [None, None]


def test_parameters_are_added_to_a_query_that_is_there() -> None:
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        return httpx2.Response(200)

    with opened(handler) as transport:
        transport.request("GET", "Bulk/1?correlationID=7", accept="*/*", params={"a": "b&c"})

    assert seen == [f"{BASE}/Bulk/1?correlationID=7&a=b%26c"]


def test_stored_addresses_hold_no_secret() -> None:
    url = "https://us:pw@x.example/p?code=c0de&refresh_token=r1&published-min=2026#frag"

    assert without_secrets(url) == "https://x.example/p?published-min=2026"


def test_nothing_is_logged_of_an_address_with_a_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), opened(answering(200)) as transport:
        transport.request("POST", "token?code=c0de-in-query", accept="*/*")

    assert "c0de-in-query" not in caplog.text


def test_a_header_that_cannot_be_sent_is_refused_without_showing_it() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.LocalProtocolError("Illegal header value b'bad-s3cret'")

    with opened(handler) as transport, pytest.raises(ContractViolation) as caught:
        transport.request("GET", "x", accept="*/*")

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_used_up_limit_sends_nothing() -> None:
    sent: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(200)

    limiter = RateLimiter(RateLimits(per_day=1))
    with opened(handler, limiter=limiter) as transport:
        transport.request("GET", "x", accept="*/*")
        with pytest.raises(ProviderThrottled):
            transport.request("GET", "x", accept="*/*")

    assert len(sent) == 1


def test_a_classifier_may_want_what_is_an_error_elsewhere() -> None:
    with opened(answering(404)) as transport:
        response = transport.request("GET", "x", accept="*/*", classify=lambda _: None)

    assert response.status == 404


def test_a_wsgi_application_can_stand_in_for_the_network() -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["PATH_INFO"].encode()]

    wsgi = httpx2.WSGITransport(application)
    with Transport(BASE, transport=wsgi) as transport:
        response = transport.request("GET", "hello", accept="*/*")

    assert response.content == b"/espi/hello"
