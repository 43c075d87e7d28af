"""OAuth at a data custodian when it fails or ends: who acts, and what is never shown."""

from __future__ import annotations

import traceback
from dataclasses import replace

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
    callback_error,
)
from dcarbon.providers.profiles import (
    ProviderCredentials,
)
from tests.unit.providers.green_button.custodian import (
    NOW,
    PGE,
    PROFILE,
    RESOURCE,
    ROOT,
    Custodian,
    Open,
    exchange,
)


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
