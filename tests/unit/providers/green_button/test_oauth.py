"""OAuth at a data custodian: what is sent, what is read, and who acts when it fails."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest

from dcarbon.domain.errors import (
    AuthorizationDeclined,
    ClientCredentialsRejected,
    ClientTokenRejected,
    ContractViolation,
    DCarbonError,
    ProviderThrottled,
    ProviderUnavailable,
    ReauthorizationRequired,
    ResourceMissing,
    SettingsInvalid,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.oauth import (
    OAuthClient,
    authorization_url,
    callback_code,
    callback_error,
    derived_customer_uri,
)
from dcarbon.providers.profiles import (
    ClientAuth,
    ProviderCredentials,
    TokenStyle,
    UtilityProfile,
    profile,
    with_overrides,
)
from dcarbon.providers.transport import Transport

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ROOT = "https://utility.example/sce"
RESOURCE = f"{ROOT}/DataCustodian/espi/1_1/resource"
PROFILE = with_overrides(
    profile("sce"), {"base_url": ROOT, "scope": "FB=4_5;HistoryLength=94608000"}
)
PGE = with_overrides(profile("pge"), {"base_url": "https://utility.example/pge"})
CREDENTIALS = ProviderCredentials(client_id="our-id", client_secret=Secret("our-s3cret"))
TOKENS: dict[str, Any] = {
    "access_token": "acc3ss",
    "token_type": "Bearer",
    "expires_in": 3600,
    "refresh_token": "r3fresh",
    "scope": "FB=4_5",
    "resourceURI": f"{RESOURCE}/Batch/Subscription/5",
    "authorizationURI": f"{RESOURCE}/Authorization/5",
    "customerResourceURI": f"{RESOURCE}/Batch/RetailCustomer/5",
}
Handler = Callable[[httpx2.Request], httpx2.Response]


class Custodian:
    """Records requests and gives one prepared answer."""

    def __init__(self, status: int = 200, **answer: Any) -> None:
        self.status, self.answer = status, answer or {"json": TOKENS}
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(self.status, **self.answer)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.requests[-1].content.decode(), keep_blank_values=True))


Open = Callable[..., OAuthClient]


@pytest.fixture
def client() -> Iterator[Open]:
    opened: list[Transport] = []

    def build(
        handler: Handler,
        *,
        of: UtilityProfile = PROFILE,
        credentials: ProviderCredentials = CREDENTIALS,
    ) -> OAuthClient:
        transport = Transport(
            of.resource_url,
            allowed_origins=of.fetched_urls(),
            transport=httpx2.MockTransport(handler),
        )
        opened.append(transport)
        return OAuthClient(transport, of, credentials)

    yield build
    for transport in opened:
        transport.close()


def exchange(oauth: OAuthClient, **options: Any) -> Any:
    return oauth.exchange_code(
        Secret("c0de"), redirect_uri="https://us.example/cb", now=NOW, **options
    )


def test_the_authorization_address_encodes_the_scope() -> None:
    url = authorization_url(
        PROFILE, client_id="our id", redirect_uri="https://us.example/cb?a=1", state="s&t"
    )

    assert url.startswith(f"{ROOT}/DataCustodian/oauth/authorize?")
    assert "scope=FB%3D4_5%3BHistoryLength%3D94608000" in url
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": ["our id"],
        "redirect_uri": ["https://us.example/cb?a=1"],
        "scope": ["FB=4_5;HistoryLength=94608000"],
        "state": ["s&t"],
    }


def test_pge_is_sent_no_scope() -> None:
    url = authorization_url(PGE, client_id="x", redirect_uri="https://us.example/cb", state="s")

    assert "scope" not in parse_qs(urlsplit(url).query)


def test_a_code_challenge_is_sent_only_where_it_is_accepted() -> None:
    # Verifier and challenge of RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    asked = {"client_id": "x", "redirect_uri": "https://us.example/cb", "state": "s"}

    accepting = authorization_url(
        replace(PROFILE, accepts_pkce=True), code_verifier=verifier, **asked
    )
    other = authorization_url(PROFILE, code_verifier=verifier, **asked)

    query = parse_qs(urlsplit(accepting).query)
    assert query["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
    assert query["code_challenge_method"] == ["S256"]
    assert "code_challenge" not in other


def test_the_callbacks_code_has_two_names_at_pge() -> None:
    assert callback_code({"code": "a"}, PROFILE) == Secret("a")
    assert callback_code({"authorization_code": "b"}, PGE) == Secret("b")
    assert callback_code({"authorization_code": "b"}, PROFILE) is None
    assert callback_code({"code": ""}, PGE) is None


def test_a_code_is_exchanged_with_basic_authentication(client: Open) -> None:
    custodian = Custodian()

    tokens = exchange(client(custodian))

    request = custodian.requests[0]
    assert request.method == "POST"
    assert str(request.url) == f"{ROOT}/DataCustodian/oauth/token"
    expected = base64.b64encode(b"our-id:our-s3cret").decode()
    assert request.headers["authorization"] == f"Basic {expected}"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert custodian.form == {
        "grant_type": "authorization_code",
        "code": "c0de",
        "redirect_uri": "https://us.example/cb",
    }
    assert tokens.access_token == Secret("acc3ss")
    assert tokens.refresh_token == Secret("r3fresh")
    assert tokens.expires_at == NOW + timedelta(hours=1)
    assert tokens.scope == "FB=4_5"
    assert tokens.resource_uri == f"{RESOURCE}/Batch/Subscription/5"
    assert tokens.authorization_uri == f"{RESOURCE}/Authorization/5"
    assert tokens.customer_resource_uri == f"{RESOURCE}/Batch/RetailCustomer/5"


def test_the_query_style_sends_an_empty_body(client: Open) -> None:
    custodian = Custodian()

    exchange(client(custodian, of=replace(PROFILE, token_style=TokenStyle.QUERY)))

    request = custodian.requests[0]
    assert request.content == b""
    assert dict(request.url.params)["code"] == "c0de"
    assert request.headers["authorization"].startswith("Basic ")


def test_the_post_style_names_the_client_in_the_body_only(client: Open) -> None:
    custodian = Custodian()

    exchange(client(custodian, of=replace(PROFILE, client_auth=ClientAuth.POST)))

    assert "authorization" not in custodian.requests[0].headers
    assert custodian.form["client_id"] == "our-id"
    assert custodian.form["client_secret"] == "our-s3cret"


def test_the_code_verifier_goes_along_where_it_is_accepted(client: Open) -> None:
    custodian = Custodian()

    exchange(client(custodian, of=replace(PROFILE, accepts_pkce=True)), code_verifier=Secret("v"))

    assert custodian.form["code_verifier"] == "v"


def test_an_exchange_without_refresh_token_would_not_last(client: Open) -> None:
    answer = {name: value for name, value in TOKENS.items() if name != "refresh_token"}

    with pytest.raises(ContractViolation) as caught:
        exchange(client(Custodian(json=answer)))

    assert caught.value.code == "no_refresh_token"


def test_no_scope_in_the_answer_means_the_one_asked_for(client: Open) -> None:
    answer = {name: value for name, value in TOKENS.items() if name != "scope"}

    tokens = exchange(client(Custodian(json=answer)))

    assert tokens.scope == "FB=4_5;HistoryLength=94608000"


def test_a_refresh_replays_exactly_the_granted_scope(client: Open) -> None:
    custodian = Custodian(json=TOKENS | {"refresh_token": "n3w"})

    tokens = client(custodian).refresh(Secret("old"), granted_scope="FB=4;x=1;", now=NOW)

    assert custodian.form == {
        "grant_type": "refresh_token",
        "refresh_token": "old",
        "scope": "FB=4;x=1;",
    }
    assert tokens.refresh_token == Secret("n3w")


def test_a_refresh_without_a_granted_scope_sends_none_and_keeps_the_old_token(client: Open) -> None:
    custodian = Custodian(json={"access_token": "a", "expires_in": 60})

    tokens = client(custodian).refresh(Secret("old"), granted_scope=None, now=NOW)

    assert "scope" not in custodian.form
    assert tokens.refresh_token == Secret("old")
    assert (tokens.scope, tokens.resource_uri) == (None, None)


def test_a_client_token_is_read_under_pges_name(client: Open) -> None:
    answer = {"token_type": "Bearer", "client_access_token": "cl1ent", "expires_in": "3600"}

    tokens = client(Custodian(json=answer)).client_credentials(now=NOW)

    assert tokens.access_token == Secret("cl1ent")
    assert tokens.refresh_token is None
    assert tokens.expires_at == NOW + timedelta(hours=1)


def test_a_client_token_is_read_from_xml(client: Open) -> None:
    xml = (
        b'<?xml version="1.0" encoding="UTF-8"?><ns:Response xmlns:ns="urn:x">'
        b"<client_access_token>cl1ent</client_access_token><expires_in>1800</expires_in>"
        b"<token_type>Bearer</token_type><scope>5+6+7</scope></ns:Response>"
    )
    custodian = Custodian(content=xml, headers={"Content-Type": "application/xml"})

    tokens = client(custodian).client_credentials(now=NOW, scope="FB=36_40")

    assert tokens.access_token == Secret("cl1ent")
    assert tokens.expires_at == NOW + timedelta(minutes=30)
    assert custodian.form["scope"] == "FB=36_40"


def test_pges_missing_customer_address_is_derived(client: Open) -> None:
    base = "https://utility.example/pge/GreenButtonConnect/espi/1_1/resource"
    answer = TOKENS | {"resourceURI": f"{base}/Batch/Subscription/77", "customerResourceURI": None}

    tokens = exchange(client(Custodian(json=answer), of=PGE))

    assert tokens.customer_resource_uri == f"{base}/Batch/RetailCustomer/77"


def test_elsewhere_a_missing_customer_address_stays_missing(client: Open) -> None:
    tokens = exchange(client(Custodian(json=TOKENS | {"customerResourceURI": 7})))

    assert tokens.customer_resource_uri is None


@pytest.mark.parametrize(
    ("resource", "customer"),
    [
        ("https://u.example/r/Batch/Subscription/5", "https://u.example/r/Batch/RetailCustomer/5"),
        ("https://u.example/r/Subscription/5/?x=1", "https://u.example/r/Batch/RetailCustomer/5"),
        ("https://u.example/r/Batch/Bulk/5", None),
        ("https://u.example/r/Subscription/5/UsagePoint/6", None),
    ],
)
def test_a_customer_address_is_derived_from_a_subscription(
    resource: str, customer: str | None
) -> None:
    assert derived_customer_uri(resource) == customer


@pytest.mark.parametrize(
    ("life", "seconds"),
    [
        (60, 60),
        ("60", 60),
        (60.0, 60),
        (None, 3600),
        ("soon", 3600),
        (-5, 3600),
        (0, 3600),
        (True, 3600),
        ([1], 3600),
        (10**400, 3600),
        ("inf", 3600),
        ("nan", 3600),
    ],
)
def test_an_odd_life_does_not_cost_the_customer_the_grant(
    client: Open, life: object, seconds: int
) -> None:
    tokens = exchange(client(Custodian(json=TOKENS | {"expires_in": life})))

    assert tokens.expires_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("kind", ["bearer", "BEARER", "", None])
def test_the_token_type_is_read_in_any_case(client: Open, kind: str | None) -> None:
    assert exchange(client(Custodian(json=TOKENS | {"token_type": kind}))).access_token


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"json": TOKENS | {"access_token": None}}, "token_response_incomplete"),
        ({"json": TOKENS | {"access_token": ""}}, "token_response_incomplete"),
        ({"json": TOKENS | {"access_token": 5}}, "token_response_incomplete"),
        ({"json": TOKENS | {"access_token": "a\r\nX-Evil: 1"}}, "token_response_incomplete"),
        ({"json": TOKENS | {"token_type": "mac"}}, "token_response_incomplete"),
        ({"json": []}, "token_response_unreadable"),
        ({"content": b""}, "token_response_unreadable"),
        ({"content": b'{"access_token": "s3cret-cut'}, "token_response_unreadable"),
        ({"content": b"<html>s3cret"}, "token_response_unreadable"),
        ({"content": b"\xff\xfe\x00s3cret"}, "token_response_unreadable"),
        ({"content": b"[" * 60_000}, "token_response_unreadable"),
        ({"content": b" " * 100_000 + b"{}"}, "token_response_unreadable"),
        (
            {
                "content": b'<!DOCTYPE r [<!ENTITY e "s3cret">]>'
                b"<r><access_token>&e;</access_token></r>"
            },
            "token_response_unreadable",
        ),
    ],
)
def test_an_answer_that_is_no_token_is_a_contract_violation(
    client: Open, answer: dict[str, Any], code: str
) -> None:
    with pytest.raises(ContractViolation) as caught:
        exchange(client(Custodian(**answer)))

    assert caught.value.code == code
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "invalid_client"}, ClientCredentialsRejected),
        (400, {"error": "invalid_client"}, ClientCredentialsRejected),
        (400, {"error": "unauthorized_client"}, ClientCredentialsRejected),
        (401, {}, ClientCredentialsRejected),
        (401, {"error": "whatever"}, ClientCredentialsRejected),
        (400, {"error": "invalid_grant"}, ReauthorizationRequired),
        (403, {"error": "access_denied"}, ReauthorizationRequired),
        (403, {}, ReauthorizationRequired),
        (400, {"error": "invalid_scope"}, ContractViolation),
        (400, {"error": "invalid_request"}, ContractViolation),
        (400, {"error": "unsupported_grant_type"}, ContractViolation),
        (400, {"error": "something_new"}, ContractViolation),
        (400, {}, ContractViolation),
        (200, {"error": "invalid_grant"}, ReauthorizationRequired),
        (405, {"error": "invalid_request"}, ContractViolation),
        (400, {"error": "temporarily_unavailable"}, ProviderUnavailable),
        (500, {"error": "invalid_grant"}, ProviderUnavailable),
        (503, {}, ProviderUnavailable),
        (429, {"error": "invalid_grant"}, ProviderThrottled),
        (404, {}, ResourceMissing),
    ],
)
def test_a_refused_refresh_says_who_acts(
    client: Open, status: int, body: dict[str, str], kind: type[DCarbonError]
) -> None:
    described = body | {"error_description": "token r3fresh of Pat Example is bad"}

    with pytest.raises(kind) as caught:
        client(Custodian(status, json=described)).refresh(
            Secret("r3fresh"), granted_scope=None, now=NOW
        )

    assert type(caught.value) is kind
    shown = "".join(traceback.format_exception(caught.value))
    assert "r3fresh" not in shown
    assert "Pat" not in shown


@pytest.mark.parametrize("error", ["invalid_grant", "access_denied", "invalid_client"])
def test_no_customer_is_asked_when_our_own_token_is_refused(client: Open, error: str) -> None:
    with pytest.raises(ClientCredentialsRejected):
        client(Custodian(400, json={"error": error})).client_credentials(now=NOW)


def test_pges_missing_certificate_is_an_administrators(client: Open) -> None:
    with pytest.raises(ClientCredentialsRejected):
        exchange(client(Custodian(400, content=b"Invalid Certificate"), of=PGE))


def test_missing_credentials_are_named_before_anything_is_sent(client: Open) -> None:
    custodian = Custodian()

    with pytest.raises(SettingsInvalid) as caught:
        exchange(client(custodian, credentials=ProviderCredentials(client_id="x")))

    assert "client_secret" in caught.value.display_message
    assert custodian.requests == []


def test_credentials_that_cannot_be_sent_are_not_shown(client: Open) -> None:
    odd = ProviderCredentials(client_id="x", client_secret=Secret("s3cret-ü"))

    with pytest.raises(SettingsInvalid) as caught:
        exchange(client(Custodian(), credentials=odd))

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("access_denied", AuthorizationDeclined),
        ("invalid_request", ContractViolation),
        ("invalid_client", ClientCredentialsRejected),
        ("invalid_grant", ReauthorizationRequired),
        ("unauthorized_client", ClientCredentialsRejected),
        ("unsupported_grant_type", ContractViolation),
        ("invalid_scope", ContractViolation),
        ("invalid_redirect_uri", ClientCredentialsRejected),
        ("invalid_client_metadata", ClientCredentialsRejected),
        ("invalid_client_id", ClientCredentialsRejected),
        ("unsupported_response_type", ContractViolation),
        ("server_error", ProviderUnavailable),
        ("temporarily_unavailable", ProviderUnavailable),
        ("<script>", ContractViolation),
        ("", ContractViolation),
    ],
)
def test_every_callback_error_says_who_acts(error: str, kind: type[DCarbonError]) -> None:
    failure = callback_error(error, "Pat Example declined")

    assert type(failure) is kind
    assert "Pat" not in str(failure)
    assert "<script>" not in str(failure) + failure.code + failure.display_message


def test_an_authorization_is_ended_with_our_own_token(client: Open) -> None:
    custodian = Custodian(200, content=b"")

    client(custodian).revoke_authorization(f"{RESOURCE}/Authorization/5", Secret("cl1ent"))

    request = custodian.requests[0]
    assert (request.method, str(request.url)) == ("DELETE", f"{RESOURCE}/Authorization/5")
    assert request.headers["authorization"] == "Bearer cl1ent"


@pytest.mark.parametrize("status", [204, 404, 410])
def test_an_authorization_that_is_gone_is_ended(client: Open, status: int) -> None:
    custodian = Custodian(status, content=b"")

    client(custodian).revoke_authorization(f"{RESOURCE}/Authorization/5", Secret("c"))

    assert len(custodian.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, ClientTokenRejected), (503, ProviderUnavailable), (405, ContractViolation)],
)
def test_an_authorization_that_could_not_be_ended_is_an_error(
    client: Open, status: int, kind: type[DCarbonError]
) -> None:
    with pytest.raises(kind):
        client(Custodian(status, content=b"")).revoke_authorization(
            f"{RESOURCE}/Authorization/5", Secret("c")
        )


def test_an_authorization_elsewhere_is_not_sent_our_token(client: Open) -> None:
    custodian = Custodian()

    with pytest.raises(ContractViolation):
        client(custodian).revoke_authorization("https://evil.example/Authorization/5", Secret("c"))

    assert custodian.requests == []


def test_a_token_is_revoked_where_there_is_an_endpoint(client: Open) -> None:
    custodian = Custodian(200, content=b"")
    of = replace(PROFILE, revoke_url=f"{ROOT}/DataCustodian/oauth/revoke")

    revoked = client(custodian, of=of).revoke_token(Secret("r3fresh"))

    assert revoked
    assert custodian.form == {"token": "r3fresh", "token_type_hint": "refresh_token"}
    assert custodian.requests[0].headers["authorization"].startswith("Basic ")


def test_without_an_endpoint_nothing_is_revoked(client: Open) -> None:
    custodian = Custodian()

    assert not client(custodian).revoke_token(Secret("r3fresh"))
    assert custodian.requests == []


def test_tokens_do_not_show_themselves(client: Open) -> None:
    tokens = exchange(client(Custodian()))

    assert "acc3ss" not in repr(tokens)
    assert "r3fresh" not in repr(tokens)
