"""The UtilityAPI client: what it asks, what it follows, and what it never does twice."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import httpx2
import pytest

from dcarbon.domain.errors import (
    AuthorizationDeclined,
    ClientCredentialsRejected,
    ContractViolation,
    DCarbonError,
    InvalidInput,
    OutcomeUnknown,
    PaymentRequired,
    ProviderThrottled,
    ProviderUnavailable,
    ReauthorizationRequired,
    ResourceMissing,
    UnreadablePayload,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.transport import Transport
from dcarbon.providers.utilityapi.client import (
    CollectionOrder,
    Form,
    UtilityApiClient,
    hosted_form_url,
)
from dcarbon.providers.utilityapi.returns import return_error

BASE = "https://utilityapi.example/api/v2"
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 8, tzinfo=UTC)
Handler = Callable[[httpx2.Request], httpx2.Response]
Open = Callable[[Handler], UtilityApiClient]


@pytest.fixture
def client() -> Iterator[Open]:
    opened: list[Transport] = []

    def build(handler: Handler) -> UtilityApiClient:
        transport = Transport(BASE, transport=httpx2.MockTransport(handler))
        opened.append(transport)
        return UtilityApiClient(transport, Secret("api-t0ken"))

    yield build
    for transport in opened:
        transport.close()


class Provider:
    """Gives prepared answers in order, the last one for ever, and records the requests."""

    def __init__(self, *answers: httpx2.Response | type[httpx2.RequestError]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, type):
            raise answer("api-t0ken", request=request)
        return httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def body(self) -> Any:
        return json.loads(self.requests[-1].content)


def ok(body: object) -> httpx2.Response:
    return httpx2.Response(200, json=body)


def page(following: object = None) -> httpx2.Response:
    return ok({"intervals": [], "next": following})


def test_a_form_is_made_of_what_is_given(client: Open) -> None:
    url = "https://utilityapi.example/authorize/sunbeam?f=1"
    provider = Provider(ok({"uid": 560118, "url": url, "brand_new": {}}))

    form = client(provider).create_form(
        utility="PG&E", customer_email="pat@household.example", scope={"expires": "3y"}
    )

    assert form == Form("560118", url)
    request = provider.requests[0]
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/forms")
    assert request.headers["authorization"] == "Bearer api-t0ken"
    assert request.headers["content-type"] == "application/json"
    assert provider.body == {
        "utility": "PG&E",
        "customer_email": "pat@household.example",
        "scope": {"expires": "3y"},
    }


def test_a_renewal_names_the_authorization(client: Open) -> None:
    provider = Provider(ok({"uid": "1", "url": "http://127.0.0.1:8080/authorize?f=1"}))

    client(provider).create_form(authorization_uid="402118", template_uid="71120")

    assert provider.body == {"authorization_uid": "402118", "template_uid": "71120"}


@pytest.mark.parametrize("url", ["http://evil.example/f", "javascript:alert(1)", "", "https://[x"])
def test_a_form_to_which_no_browser_should_go_is_refused(client: Open, url: str) -> None:
    with pytest.raises(ContractViolation) as caught:
        client(Provider(ok({"uid": "1", "url": url}))).create_form()

    assert caught.value.code == "insecure_url"


def test_the_hosted_forms_address_is_appended_to() -> None:
    url = hosted_form_url(
        "https://utilityapi.example/authorize/sunbeam?f=1",
        redirect_uri="https://us.example/return?a=1",
        state="s&t",
        utility="PG&E",
    )

    assert url.startswith("https://utilityapi.example/authorize/sunbeam?f=1&")
    assert "utility=PG%26E" in url
    assert parse_qs(urlsplit(url).query) == {
        "f": ["1"],
        "redirect_uri": ["https://us.example/return?a=1"],
        "state": ["s&t"],
        "utility": ["PG&E"],
    }


def test_a_form_without_a_query_gets_one() -> None:
    url = hosted_form_url("https://x.example/f", redirect_uri="https://us.example/r", state="s")

    assert url.startswith("https://x.example/f?redirect_uri=")


def test_a_test_submission_returns_the_referral(client: Open) -> None:
    provider = Provider(ok({"referral": 330914}))

    referral = client(provider).test_submit("56/01", utility="DEMO", scenario="residential")

    assert referral == "330914"
    assert provider.requests[0].url.raw_path == b"/api/v2/forms/56%2F01/test-submit"
    assert provider.body == {"utility": "DEMO", "scenario": "residential"}


def test_authorizations_are_asked_for_by_referral(client: Open) -> None:
    provider = Provider(ok({"authorizations": [], "next": None}))

    (payload,) = client(provider).authorizations_by_referral("330&914")

    assert str(provider.requests[0].url) == f"{BASE}/authorizations?referrals=330%26914"
    assert json.loads(payload.content) == {"authorizations": [], "next": None}


def test_meters_are_asked_for_on_every_page(client: Open) -> None:
    following = f"{BASE}/meters?authorizations=402118&after=9"
    provider = Provider(ok({"meters": [], "next": following}), ok({"meters": []}))

    pages = list(client(provider).meters("402118"))

    assert len(pages) == 2
    assert str(provider.requests[1].url) == following
    assert provider.requests[1].headers["authorization"] == "Bearer api-t0ken"


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (lambda c: c.authorization("402118"), "GET", "/authorizations/402118"),
        (lambda c: c.meter("8812014"), "GET", "/meters/8812014"),
        (
            lambda c: c.meter("8812014", expand_blocks=True),
            "GET",
            "/meters/8812014?expand_meter_blocks=true",
        ),
        (lambda c: c.revoke("402118"), "POST", "/authorizations/402118/revoke"),
        (lambda c: list(c.events()), "GET", "/events?is_delivered=false"),
        (lambda c: list(c.events(after="ab")), "GET", "/events?is_delivered=false&after=ab"),
    ],
)
def test_every_resource_has_its_request(
    client: Open, call: Callable[[UtilityApiClient], object], method: str, path: str
) -> None:
    provider = Provider(ok({"uid": "1"}))

    call(client(provider))

    request = provider.requests[0]
    assert (request.method, str(request.url)) == (method, f"{BASE}{path}")


@pytest.mark.parametrize("uid", ["", ".", ".."])
def test_an_identifier_that_would_leave_its_path_is_refused(client: Open, uid: str) -> None:
    provider = Provider(ok({}))

    with pytest.raises(InvalidInput):
        client(provider).meter(uid)

    assert provider.requests == []


def test_intervals_are_asked_for_in_utc(client: Open) -> None:
    provider = Provider(page())
    zone = ZoneInfo("America/Los_Angeles")

    pages = client(provider).interval_pages(
        "8812014",
        datetime(2026, 3, 1, tzinfo=zone),
        datetime(2026, 3, 9, tzinfo=zone),
    )

    assert len(list(pages)) == 1
    assert dict(provider.requests[0].url.params) == {
        "meters": "8812014",
        "start": "2026-03-01T08:00:00Z",
        "end": "2026-03-09T07:00:00Z",
    }


@pytest.mark.parametrize(
    ("start", "end"),
    [(END, START), (START, START), (START.replace(tzinfo=None), END), (START, datetime.min)],  # noqa: DTZ901
)
def test_a_range_that_makes_no_sense_asks_nothing(
    client: Open, start: datetime, end: datetime
) -> None:
    provider = Provider(page())

    with pytest.raises(InvalidInput):
        client(provider).interval_pages("1", start, end)

    assert provider.requests == []


def test_pages_are_followed_to_the_end_although_one_is_empty(client: Open) -> None:
    second, third = f"{BASE}/intervals?after=2&x=a%2Fb", f"{BASE}/intervals?after=3"
    provider = Provider(page(second), page(third), ok({"intervals": []}))

    pages = list(client(provider).interval_pages("1", START, END))

    assert len(pages) == 3
    assert [str(request.url) for request in provider.requests[1:]] == [second, third]


@pytest.mark.parametrize(
    "following",
    ["https://evil.example/api/v2/intervals", "http://utilityapi.example/api/v2/intervals"],
)
def test_the_token_is_never_sent_elsewhere(client: Open, following: str) -> None:
    provider = Provider(page(following))
    pages = client(provider).interval_pages("1", START, END)

    next(pages)
    with pytest.raises(ContractViolation) as caught:
        next(pages)

    assert caught.value.code in {"foreign_url", "insecure_url"}
    assert len(provider.requests) == 1


def test_pages_in_a_circle_end(client: Open) -> None:
    provider = Provider(page(f"{BASE}/intervals?after=2"))

    assert len(list(client(provider).interval_pages("1", START, END))) == 2


def test_a_page_that_names_itself_ends(client: Open) -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        return page(str(request.url))

    assert len(list(client(handler).interval_pages("1", START, END))) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"intervals": [', "malformed_json"),
        (b"<html>", "malformed_json"),
        (b'{"next": 5}', "unexpected_json"),
        (b"[]", "unexpected_json"),
    ],
)
def test_a_page_that_cannot_be_read_is_given_before_it_is_complained_about(
    client: Open, content: bytes, code: str
) -> None:
    provider = Provider(httpx2.Response(200, content=content))
    pages = client(provider).interval_pages("1", START, END)

    assert next(pages).content == content
    with pytest.raises(UnreadablePayload) as caught:
        next(pages)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx2.Response(202, headers={"Retry-After": "9"}), ProviderUnavailable),
        (httpx2.Response(204), ContractViolation),
        (httpx2.Response(400, json={"error": "invalid_param"}), ContractViolation),
        (httpx2.Response(400, content=b"<html>"), ContractViolation),
        (httpx2.Response(401), ClientCredentialsRejected),
        (httpx2.Response(403), ClientCredentialsRejected),
        (httpx2.Response(404, json={"error": "not_found", "status_code": 404}), ResourceMissing),
        (httpx2.Response(429, content=b"<html>", headers={"Retry-After": "9"}), ProviderThrottled),
        (httpx2.Response(503, headers={"Retry-After": "9"}), ProviderUnavailable),
        (httpx2.Response(504), ProviderUnavailable),
    ],
)
def test_every_answer_says_who_acts(
    client: Open, answer: httpx2.Response, kind: type[DCarbonError]
) -> None:
    with pytest.raises(kind) as caught:
        client(Provider(answer)).meter("1")

    assert type(caught.value) is kind
    if "Retry-After" in answer.headers:
        assert isinstance(caught.value, ProviderUnavailable)
        assert caught.value.retry_after == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("slug", "code"),
    [
        ("invalid_param", "invalid_param"),
        ("required_param_missing", "required_param_missing"),
        ("pat@household.example", "request_refused"),
        (5, "request_refused"),
    ],
)
def test_the_slug_of_a_refusal_is_a_hint_only(client: Open, slug: object, code: str) -> None:
    body = {"error": slug, "error_description": "pat@household.example"}

    with pytest.raises(ContractViolation) as caught:
        client(Provider(httpx2.Response(400, json=body))).meter("1")

    assert caught.value.code == code
    assert "pat" not in str(caught.value)


def test_an_order_tells_which_meters_were_dropped(client: Open) -> None:
    provider = Provider(ok({"success": True, "meters": [8812014], "collection_duration": 3}))

    order = client(provider).historical_collection(["8812014", "8812015"], months=3)

    assert order == CollectionOrder(accepted=("8812014",), dropped=("8812015",))
    assert provider.requests[0].url.path == "/api/v2/meters/historical-collection"
    assert provider.body == {"meters": ["8812014", "8812015"], "collection_duration": 3}


def test_monitoring_is_ordered_with_its_frequency(client: Open) -> None:
    provider = Provider(ok({"success": True, "meters": ["1"], "frequency": "monthly"}))

    order = client(provider).ongoing_monitoring(["1"], frequency="monthly")

    assert order.dropped == ()
    assert provider.requests[0].url.path == "/api/v2/meters/ongoing-monitoring"
    assert provider.body == {"meters": ["1"], "frequency": "monthly"}


def test_an_order_without_a_balance_is_an_administrators(client: Open) -> None:
    provider = Provider(httpx2.Response(402, json={"error": "payment"}))

    with pytest.raises(PaymentRequired):
        client(provider).historical_collection(["1"])

    assert len(provider.requests) == 1


def test_an_order_for_revoked_meters_only_is_the_customers(client: Open) -> None:
    provider = Provider(httpx2.Response(400, json={"error": "expired_or_revoked"}))

    with pytest.raises(ReauthorizationRequired):
        client(provider).historical_collection(["1"])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx2.ReadTimeout, OutcomeUnknown),
        (httpx2.RemoteProtocolError, OutcomeUnknown),
        (httpx2.Response(500), OutcomeUnknown),
        (httpx2.Response(504), OutcomeUnknown),
        (httpx2.Response(202), OutcomeUnknown),
        (httpx2.ConnectError, ProviderUnavailable),
        (httpx2.ConnectTimeout, ProviderUnavailable),
        (httpx2.Response(429), ProviderThrottled),
    ],
)
def test_an_order_that_may_have_arrived_is_told_apart_and_sent_once(
    client: Open, answer: Any, kind: type[DCarbonError]
) -> None:
    provider = Provider(answer)

    with pytest.raises(kind) as caught:
        client(provider).historical_collection(["1"])

    assert type(caught.value) is kind
    assert len(provider.requests) == 1
    assert "api-t0ken" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("months", [0, -1, 37])
def test_an_order_out_of_range_is_not_sent(client: Open, months: int) -> None:
    provider = Provider(ok({}))

    with pytest.raises(InvalidInput):
        client(provider).historical_collection(["1"], months=months)
    with pytest.raises(InvalidInput):
        client(provider).historical_collection([])

    assert provider.requests == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("access_denied", AuthorizationDeclined),
        ("access_invalid", AuthorizationDeclined),
        ("access_locked", AuthorizationDeclined),
        ("incomplete_registration", AuthorizationDeclined),
        ("utility_down", ProviderUnavailable),
        ("server_error", ProviderUnavailable),
        ("temporarily_unavailable", ProviderUnavailable),
        ("unauthorized_client", ClientCredentialsRejected),
        ("invalid_scope", ContractViolation),
        ("invalid_request", ContractViolation),
        ("<script>", ContractViolation),
    ],
)
def test_every_error_of_the_hosted_form_says_who_acts(error: str, kind: type[DCarbonError]) -> None:
    failure = return_error(error, "Pat Example")

    assert type(failure) is kind
    assert failure.display_message
    assert "Pat" not in str(failure)
    assert "<script>" not in str(failure) + failure.code + failure.display_message


def test_the_client_does_not_show_its_token(client: Open) -> None:
    assert "api-t0ken" not in repr(client(Provider(ok({}))))
