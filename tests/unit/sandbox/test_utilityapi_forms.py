"""Templates, forms and the hosted form a customer walks through."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.unit.sandbox.utilityapi_world import BASE, World, world

RETURN = "https://127.0.0.1:5443/utilityapi/return"


def fields(page: TestResponse) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    return {name: value.replace("&amp;", "&") for name, value in found}


def walk(
    api: World,
    form_url: str,
    *,
    utility: str = "PG&E",
    login: str = "sunny",
    password: str = "sunny",
    answer: str = "agree",
    **query: str,
) -> TestResponse:
    """Go through the hosted form as a browser would, to the redirect or the last page."""
    parts = urlsplit(form_url)
    given = {key: value[0] for key, value in parse_qs(parts.query).items()} | query
    first = api.http.get(parts.path, query_string={**given, "utility": utility})
    signed_in = api.http.post(
        parts.path, data={**fields(first), "login": login, "password": password}
    )
    return api.http.post(parts.path, data={**fields(signed_in), "answer": answer})


def returned(response: TestResponse) -> dict[str, str]:
    assert response.status_code == 303, response.text
    return {k: v[0] for k, v in parse_qs(urlsplit(response.headers["Location"]).query).items()}


def test_there_is_a_template_to_start_with() -> None:
    api = world()

    template = api.call("GET", "/templates")["templates"][0]

    assert template["base_url"] == f"{BASE}/authorize/sandbox"
    assert api.call("GET", f"/templates/{template['uid']}") == template


def test_a_form_made_without_body_has_documented_defaults() -> None:
    api = world()

    form = api.call("POST", "/forms")

    assert re.fullmatch(rf"{BASE}/authorize/sandbox\?f=[0-9a-f-]{{36}}", form["url"])
    assert (form["customer_email"], form["utility"], form["scope"]) == ("", None, {})
    assert form["template_uid"] == api.call("GET", "/templates")["templates"][0]["uid"]
    assert isinstance(form["uid"], str)
    assert api.event_types() == ["form_created"]


def test_a_form_can_be_changed_and_deleted() -> None:
    api = world()
    uid = api.call("POST", "/forms", {"utility": "SCE"})["uid"]
    api.wait(60)

    changed = api.call("PATCH", f"/forms/{uid}", {"is_archived": True, "customer_email": None})

    assert (changed["is_archived"], changed["utility"], changed["customer_email"]) == (
        True,
        "SCE",
        "",
    )
    assert changed["updated"] > changed["created"]
    assert api.call("DELETE", f"/forms/{uid}") == {"success": True}
    assert api.get(f"/forms/{uid}").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "text"},
        {"scope": []},
        {"scope": {"expires": 3}},
        {"scope": {"expires": "9999-12-31T23:59:59-14:00"}},
        {"scope": {"expires": ""}},
        {"scope": {"ongoing_end": "tomorrow"}},
        {"scope": {"ongoing_end": "0001-01-01T00:00:00Z"}},
        {"utility": 5},
        {"customer_email": ["x"]},
        {"template_uid": "9"},
        {"authorization_uid": "9"},
    ],
)
def test_bad_form_parameters_are_refused(body: dict[str, Any]) -> None:
    response = world().open("POST", "/forms", json=body)

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_param")


def test_agreeing_sends_the_customer_back_with_referral_and_state() -> None:
    api = world()
    form = api.call("POST", "/forms", {"utility": "PG&E"})

    back = walk(api, form["url"], redirect_uri=RETURN, state="x&y=ü")

    answer = returned(back)
    assert back.headers["Location"].startswith(RETURN + "?")
    assert answer["state"] == "x&y=ü"
    assert "error" not in answer
    api.wait()
    api.wait()
    found = api.call("GET", f"/authorizations?referrals={answer['referral']}")["authorizations"]
    assert [(one["utility"], one["is_test"], one["form_uid"]) for one in found] == [
        ("PG&E", False, form["uid"])
    ]


def test_declining_sends_the_customer_back_with_access_denied() -> None:
    api = world()

    answer = returned(
        walk(api, api.call("POST", "/forms")["url"], redirect_uri=RETURN, answer="decline")
    )

    assert answer["error"] == "access_denied"
    assert answer["error_description"] == "User declined authorization"
    api.wait()
    found = api.call("GET", f"/authorizations?referrals={answer['referral']}")["authorizations"]
    assert (found[0]["is_declined"], found[0]["declined"] is not None) == (True, True)
    assert "authorization_declined" in api.event_types()


def test_the_decline_fault_turns_a_yes_into_a_no() -> None:
    api = world()
    api.faults.add("decline", provider="utilityapi")

    url = api.call("POST", "/forms")["url"]

    assert returned(walk(api, url, redirect_uri=RETURN))["error"] == "access_denied"
    assert "error" not in returned(walk(api, url, redirect_uri=RETURN))


@pytest.mark.parametrize(
    ("utility", "login", "password"),
    [
        ("PG&E", "sunny", "wrong"),
        ("LADWP", "sunny", "sunny"),
        ("PG&E", "nobody", ""),
        ("PG&E", "UAPI_TEST_nonsense", ""),
        ("PG&E", "test", "test"),
    ],
    ids=["wrong_password", "other_utility", "nobody", "no_scenario", "demo_only"],
)
def test_a_login_the_utility_does_not_know_is_asked_for_again(
    utility: str, login: str, password: str
) -> None:
    api = world()
    data = {"step": "login", "utility": utility, "login": login, "password": password}

    page = api.http.post("/authorize/sandbox", data=data)

    assert page.status_code == 422
    assert "did not accept" in page.text
    assert "answer" not in page.text


def test_demo_takes_test_and_test() -> None:
    api = world()
    url = api.call("POST", "/forms")["url"]

    answer = returned(
        walk(api, url, utility="DEMO", login="test", password="test", redirect_uri=RETURN)
    )

    assert "error" not in answer


@pytest.mark.parametrize(
    ("scenario", "error"),
    [("residential", None), ("badlogin", "access_invalid"), ("websitedown", "utility_down")],
)
def test_scenario_logins_work_at_any_utility(scenario: str, error: str | None) -> None:
    api = world()
    url = api.call("POST", "/forms")["url"]

    answer = returned(
        walk(api, url, utility="XCEL", login=f"UAPI_TEST_{scenario}", redirect_uri=RETURN)
    )

    assert answer.get("error") == error
    assert answer["referral"]


def test_the_first_page_offers_the_utilities() -> None:
    page = world().http.get("/authorize/sandbox")

    assert page.status_code == 200
    assert '<option value="PG&amp;E">' in page.text


def test_a_preset_utility_leads_to_its_login_with_the_email_filled_in() -> None:
    api = world()
    form = api.call("POST", "/forms", {"utility": "SDG&E", "customer_email": "pat@x.example"})
    parts = urlsplit(form["url"])

    page = api.http.get(f"{parts.path}?{parts.query}")
    overridden = api.http.get(f"{parts.path}?{parts.query}&email=sam@x.example")

    assert "Sign in at SDG&amp;E" in page.text
    assert "pat@x.example" in page.text
    assert "sam@x.example" in overridden.text


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "javascript:alert(1)", "http://127.0.0.1@evil.example/"]
)
def test_an_unregistered_return_address_is_refused(address: str) -> None:
    page = world().http.get("/authorize/sandbox", query_string={"redirect_uri": address})

    assert page.status_code == 400
    assert address not in page.text


def test_a_registered_return_address_is_the_default_one() -> None:
    api = world(redirect_uris=["https://app.example/back?via=sandbox"])

    back = walk(api, api.call("POST", "/forms")["url"])

    assert back.headers["Location"].startswith("https://app.example/back?via=sandbox&referral=")


def test_without_redirect_the_form_ends_on_a_page() -> None:
    api = world()

    page = walk(api, api.call("POST", "/forms")["url"], redirect_uri=RETURN, noredirect="1")

    assert page.status_code == 200
    assert "Thank you" in page.text


@pytest.mark.parametrize("change", [{"disabled": True}, {"is_archived": True}])
def test_a_closed_form_cannot_be_used(change: dict[str, bool]) -> None:
    api = world()
    form = api.call("POST", "/forms")
    api.call("PATCH", f"/forms/{form['uid']}", change)

    parts = urlsplit(form["url"])

    assert api.http.get(f"{parts.path}?{parts.query}").status_code == 400


def test_a_consent_key_is_good_once() -> None:
    api = world()
    data = {"step": "login", "utility": "PG&E", "login": "sunny", "password": "sunny"}
    answer = {**fields(api.http.post("/authorize/sandbox", data=data)), "answer": "agree"}

    first, second = (api.http.post("/authorize/sandbox", data=answer) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 400)


def test_what_a_visitor_writes_is_escaped() -> None:
    page = world().http.get("/authorize/sandbox", query_string={"utility": "<script>x</script>"})

    assert "<script>" not in page.text


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "required_param_missing"),
        ({"utility": "DEMO"}, "required_param_missing"),
        ({"scenario": "residential"}, "required_param_missing"),
        ({"utility": "DEMO", "scenario": "nonsense"}, "invalid_param"),
        ({"utility": 7, "scenario": "residential"}, "invalid_param"),
        ({"utility": "DEMO", "scenario": ["residential"]}, "invalid_param"),
    ],
)
def test_test_submit_refuses_bad_parameters(body: dict[str, Any], error: str) -> None:
    api = world()
    uid = api.call("POST", "/forms")["uid"]

    response = api.open("POST", f"/forms/{uid}/test-submit", json=body)

    assert (response.status_code, response.get_json()["error"]) == (400, error)
