"""OAuth at a data custodian: what is sent, what is read, and who acts when it fails."""

from __future__ import annotations

import base64
import traceback
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dcarbon.domain.errors import (
    ContractViolation,
)
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.oauth import (
    authorization_url,
    callback_code,
)
from dcarbon.providers.green_button.token_response import derived_customer_uri
from dcarbon.providers.profiles import (
    ClientAuth,
    TokenStyle,
)
from tests.unit.providers.green_button.custodian import (
    NOW,
    PGE,
    PROFILE,
    RESOURCE,
    ROOT,
    TOKENS,
    Custodian,
    Open,
    exchange,
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
