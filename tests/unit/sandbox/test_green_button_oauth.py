"""The OAuth behaviour a certification harness checks (green-button reference 3.12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask

from tests.unit.sandbox.custodian import CALLBACK, ROOT, ThirdParty


def location(response: Any) -> dict[str, str]:
    assert response.status_code == 302, response.text
    target = response.headers["Location"]
    assert target.startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(target).query))


@pytest.mark.parametrize("code", ["pge", "sce", "sdge", "generic"])
def test_each_utility_grants_tokens_and_says_where_the_data_is(app: Flask, code: str) -> None:
    party = ThirdParty(app, code)

    token = party.authorize()

    assert token["token_type"] == "Bearer"
    assert token["expires_in"] == 3600
    assert token["resourceURI"].startswith(f"{ROOT}/{code}/")
    assert token["authorizationURI"].startswith(f"{ROOT}/{code}/")
    assert ("customerResourceURI" in token) is (code != "pge")
    assert party.get(token["authorizationURI"], party.client_token()).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "FB=4_99999"}, "invalid_scope"),
        ({"scope": "FB=four"}, "invalid_scope"),
        ({"scope": "FB=4 5"}, "invalid_scope"),
        ({"scope": "FB=4;" + "x" * 260 + "=1"}, "invalid_scope"),
    ],
)
def test_a_bad_request_of_a_known_client_is_sent_back(
    generic: ThirdParty, changes: dict[str, str | None], error: str
) -> None:
    answer = location(generic.visit(None, **changes))

    assert answer["error"] == error
    assert answer["state"] == "opaque"


@pytest.mark.parametrize(("code", "status"), [("generic", 401), ("pge", 400)])
@pytest.mark.parametrize("client_id", [None, "somebody-else"])
def test_an_unknown_client_gets_a_page_and_no_redirect(
    app: Flask, code: str, status: int, client_id: str | None
) -> None:
    response = ThirdParty(app, code).visit(client_id=client_id)

    assert response.status_code == status
    assert "Location" not in response.headers


@pytest.mark.parametrize(
    "uri", ["https://evil.example/cb", "http://127.0.0.1.evil.example/", "http://127.0.0.1/#f"]
)
def test_an_unregistered_redirect_address_gets_a_page(generic: ThirdParty, uri: str) -> None:
    response = generic.visit(redirect_uri=uri)

    assert response.status_code == 400
    assert "Location" not in response.headers


def test_a_denial_is_sent_back_as_access_denied(generic: ThirdParty) -> None:
    answer = generic.decide(decision="deny")

    assert answer["error"] == "access_denied"
    assert answer["state"] == "opaque"


def test_a_customer_can_go_back_without_signing_in(generic: ThirdParty) -> None:
    assert location(generic.visit({"step": "cancel"}))["error"] == "access_denied"


def test_a_wrong_password_keeps_the_customer_on_the_sign_in_page(generic: ThirdParty) -> None:
    response = generic.visit({"step": "login", "username": "sunny", "password": "wrong"})

    assert response.status_code == 422
    assert "No customer with these details" in response.text


def test_a_guest_decides_with_account_and_zip(generic: ThirdParty) -> None:
    generic.visit({"step": "guest", "account": "7700000201", "postal_code": "95000"})

    assert "Robin Sample" in generic.visit().text


def test_pge_refuses_an_end_date_that_is_past(pge: ThirdParty) -> None:
    answer = location(pge.visit(scope="MinAuthEndDate=1;PreferredAuthEndDate=2"))

    assert answer["error"] == "invalid_request"


def test_the_granted_scope_leaves_out_what_the_customer_refused(generic: ThirdParty) -> None:
    scope = "FB=1_3_4_5_15_16_51_53;IntervalDuration=900;HistoryLength=63072000;Custom=kept"

    token = generic.authorize(groups=["usage"], scope=scope)

    assert token["scope"] == ("FB=1_3_4_5;IntervalDuration=900;HistoryLength=63072000;Custom=kept")


def test_pge_puts_the_chosen_data_into_its_scope(pge: ThirdParty) -> None:
    answer = pge.decide("warm", groups=["usage", "basic"])

    assert answer["scope"].startswith(
        "FB=1_3_8_13_14_18_19_31_32_35_37_38_39_4_5_10_15_46_47;AdditionalScope=Usage_Basic;"
    )
    assert ";AccountCollection=2;" in answer["scope"]


@pytest.mark.parametrize("basic", [None, "nonsense", "somebody:secret"])
def test_the_token_endpoint_wants_the_registered_client(
    generic: ThirdParty, basic: str | None
) -> None:
    response = generic.post_token(basic, grant_type="client_credentials")

    assert response.status_code == 401
    assert response.get_json()["error"] == "invalid_client"


def test_a_wrong_secret_is_an_invalid_client(generic: ThirdParty) -> None:
    response = generic.post_token(
        f"{generic.profile.client_id}:wrong", grant_type="client_credentials"
    )

    assert response.status_code == 401


def test_credentials_in_header_and_body_are_refused(generic: ThirdParty) -> None:
    response = generic.post_token(
        grant_type="client_credentials", client_id=generic.profile.client_id
    )

    assert response.status_code == 400
    assert response.get_json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": "made-up"}, "invalid_grant"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:5000/other"}, "invalid_grant"),
    ],
)
def test_a_bad_code_exchange_is_refused(
    generic: ThirdParty, changes: dict[str, str | None], error: str
) -> None:
    code = generic.decide()["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK} | changes

    response = generic.post_token(**{k: v for k, v in form.items() if v is not None})

    assert response.status_code == 400
    assert response.get_json()["error"] == error


def test_a_code_works_once(generic: ThirdParty) -> None:
    form = {
        "grant_type": "authorization_code",
        "code": generic.decide()["code"],
        "redirect_uri": CALLBACK,
    }

    statuses = [generic.post_token(**form).status_code for _ in range(2)]

    assert statuses == [200, 400]


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (600, 400)])
def test_a_code_lives_ten_minutes(generic: ThirdParty, seconds: int, status: int) -> None:
    code = generic.decide()["code"]
    generic.sandbox.clock.advance(timedelta(seconds=seconds))

    response = generic.post_token(grant_type="authorization_code", code=code, redirect_uri=CALLBACK)

    assert response.status_code == status


def test_pge_takes_the_parameters_in_the_query_of_an_empty_post(pge: ThirdParty) -> None:
    code = pge.decide()["code"]
    query = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    headers = dict(
        pge.app.test_request_context(
            auth=(pge.profile.client_id, pge.profile.client_secret)
        ).request.headers
    )

    response = pge.call(
        "POST",
        ROOT + pge.profile.token_path,
        query=query,
        headers={"Authorization": headers["Authorization"]},
    )

    assert response.status_code == 200


def test_the_token_endpoint_refuses_get_in_pges_words(pge: ThirdParty) -> None:
    response = pge.call("GET", ROOT + pge.profile.token_path)

    assert response.status_code == 405
    assert response.get_json() == {
        "error": "invalid_request",
        "error_description": "GET not permitted",
    }


@pytest.mark.parametrize(("verifier", "status"), [("v" * 43, 200), ("w" * 43, 400), (None, 400)])
def test_pkce_is_honoured_when_used(generic: ThirdParty, verifier: str | None, status: int) -> None:
    challenge = create_s256_code_challenge("v" * 43)
    code = generic.decide(code_challenge=challenge, code_challenge_method="S256")["code"]
    proof = {"code_verifier": verifier} if verifier else {}

    response = generic.post_token(
        grant_type="authorization_code", code=code, redirect_uri=CALLBACK, **proof
    )

    assert response.status_code == status


def test_a_refresh_gives_new_tokens_for_the_same_grant(generic: ThirdParty) -> None:
    token = generic.authorize()

    fresh = generic.post_token(
        grant_type="refresh_token", refresh_token=token["refresh_token"], scope=token["scope"]
    ).get_json()

    assert fresh["access_token"] != token["access_token"]
    assert fresh["refresh_token"] != token["refresh_token"]
    assert fresh["resourceURI"] == token["resourceURI"]
    assert fresh["scope"] == token["scope"]


@pytest.mark.parametrize(
    "form", [{}, {"refresh_token": "made-up"}, {"refresh_token": "own", "scope": "FB=4"}]
)
def test_a_bad_refresh_is_refused(generic: ThirdParty, form: dict[str, str]) -> None:
    token = generic.authorize()
    if form.get("refresh_token") == "own":
        form = form | {"refresh_token": token["refresh_token"]}

    assert generic.post_token(grant_type="refresh_token", **form).status_code == 400


@pytest.mark.parametrize(
    ("switches", "second"), [({}, 200), ({"one_time_refresh": True}, 400)], ids=["many", "once"]
)
def test_a_refresh_token_may_be_good_once_only(
    generic: ThirdParty, switches: dict[str, bool], second: int
) -> None:
    token = generic.authorize()
    generic.sandbox.store.change_switches(generic.profile, switches)
    form = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}

    statuses = [generic.post_token(**form).status_code for _ in range(2)]

    assert statuses == [200, second]


def test_a_refresh_token_ends_after_a_year(generic: ThirdParty) -> None:
    token = generic.authorize()
    generic.sandbox.clock.advance(timedelta(days=365))

    response = generic.post_token(grant_type="refresh_token", refresh_token=token["refresh_token"])

    assert response.get_json()["error"] == "invalid_grant"


def test_client_credentials_give_no_refresh_token(generic: ThirdParty) -> None:
    answer = generic.post_token(grant_type="client_credentials", scope="FB=34_35").get_json()

    assert "refresh_token" not in answer
    assert {"access_token", "token_type", "expires_in", "scope", "resourceURI"} <= set(answer)
    assert "authorizationURI" in answer


def test_pge_names_its_client_token_otherwise(pge: ThirdParty) -> None:
    answer = pge.post_token(grant_type="client_credentials").get_json()

    assert "access_token" not in answer
    assert answer["client_access_token"]


def test_tokens_can_come_as_xml(pge: ThirdParty) -> None:
    pge.sandbox.store.change_switches(pge.profile, {"token_format": "xml"})

    response = pge.post_token(grant_type="client_credentials")

    assert response.mimetype == "application/xml"
    assert "<client_access_token>" in response.text


def test_revoking_a_token_ends_the_grant(generic: ThirdParty) -> None:
    token = generic.authorize()
    auth = (generic.profile.client_id, generic.profile.client_secret)

    revoked = generic.call(
        "POST",
        ROOT + generic.profile.revoke_path,
        data={"token": token["refresh_token"]},
        auth=auth,
    )

    assert revoked.status_code == 200
    assert generic.get(token["resourceURI"], token["access_token"]).status_code == 401
    refresh = generic.post_token(grant_type="refresh_token", refresh_token=token["refresh_token"])
    assert refresh.get_json()["error"] == "invalid_grant"


def test_authorizing_again_at_pge_ends_the_earlier_subscription(pge: ThirdParty) -> None:
    first = pge.authorize()

    second = pge.authorize()

    assert second["resourceURI"] != first["resourceURI"]
    assert pge.get(first["resourceURI"], first["access_token"]).status_code == 403


def test_the_scope_screen_sends_the_choice_back(app: Flask) -> None:
    sce = ThirdParty(app, "sce")
    query = {
        "ThirdPartyID": sce.profile.client_id,
        "scope": "FB=4",
        "return_to": CALLBACK,
        "chosen": "1",
    }

    response = sce.browser.get(sce.profile.scope_screen_path, query_string=query)

    assert response.status_code == 303
    assert response.headers["Location"] == f"{CALLBACK}?scope=FB%3D4&DataCustodianID=SCE"


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": 'http://é"/\\'},
        {"redirect_uri": "http://[::1"},
        {"response_type": 'cö"de'},
        {"client_id": "é\x00"},
    ],
)
def test_odd_characters_get_a_page_and_no_redirect(
    generic: ThirdParty, changes: dict[str, str | None]
) -> None:
    response = generic.visit(None, **changes)

    assert response.status_code in {400, 401}
    assert "This request cannot be served" in response.text


def test_credentials_that_are_not_text_are_an_invalid_client(generic: ThirdParty) -> None:
    response = generic.call(
        "POST",
        ROOT + generic.profile.token_path,
        headers={"Authorization": "Basic //79"},
        data={"grant_type": "client_credentials"},
    )

    assert response.status_code == 401
    assert response.get_json()["error"] == "invalid_client"
