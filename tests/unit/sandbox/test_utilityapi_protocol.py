"""Tokens, errors, lists and leniency: the parts of the protocol every endpoint shares."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dcarbon_sandbox.app import Options, create_app
from dcarbon_sandbox.state import SandboxState
from tests.unit.sandbox.utilityapi_world import BASE, BEARER, NOW, world

TOKEN = BEARER["Authorization"].removeprefix("Bearer ")
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d")
PATHS = ["/forms", "/meters/1", "/intervals?meters=1", "/files/supported_utilities_json", "/events"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer é"},
        {"X-Api-Key": TOKEN},
    ],
    ids=["none", "wrong", "basic", "empty", "not_ascii", "api_key"],
)
def test_without_the_token_every_endpoint_answers_401_with_an_error_object(
    path: str, headers: dict[str, str]
) -> None:
    response = world().http.get(f"/api/v2{path}", headers=headers)

    assert response.status_code == 401
    assert response.get_json().keys() == {"error", "error_description", "url"}
    assert response.get_json()["error"] == "unauthorized"


def test_the_token_is_also_taken_from_the_query() -> None:
    assert world().http.get(f"/api/v2/forms?access_token={TOKEN}").status_code == 200


def test_the_token_can_be_changed() -> None:
    api = world(token="another")

    assert api.get("/forms").status_code == 401
    assert api.get("/forms", headers={"Authorization": "Bearer another"}).status_code == 200


def test_there_is_no_oauth_on_the_json_api() -> None:
    assert world().open("POST", "/oauth/token").status_code == 404


def test_an_unknown_path_answers_404_in_the_recorded_shape() -> None:
    response = world().get("/nothing/here")

    expected = {"error": "not_found", "error_description": "Resource not found", "status_code": 404}
    assert (response.status_code, response.get_json()) == (404, expected)


@pytest.mark.parametrize(
    "path", ["/forms/9", "/templates/9", "/authorizations/9", "/meters/9", "/events/9"]
)
def test_an_unknown_object_answers_404_with_an_error_object(path: str) -> None:
    response = world().get(path)

    assert (response.status_code, response.get_json()["error"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "kwargs"),
    [
        ("/authorizations/?access_token=" + TOKEN, {}),
        ("/authorizations?is_archived=false", {}),
        ("/authorizations?start=&end=&allow_mixed=true&limit=5", {}),
        ("/authorizations", {"headers": {"Accept": "application/atom+xml"}}),
    ],
    ids=["trailing_slash", "only_is_archived", "unknown_parameters", "accept_atom"],
)
def test_odd_but_known_requests_are_answered_with_json(path: str, kwargs: dict[str, Any]) -> None:
    response = world().get(path, **kwargs)

    assert response.status_code == 200
    assert response.mimetype == "application/json"
    assert response.get_json() == {"authorizations": [], "next": None}


@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"data": b"", "content_type": "application/json"},
        {"data": '{"utility":"SCE"}', "content_type": "text/plain"},
    ],
    ids=["nothing", "json_but_empty", "text_plain"],
)
def test_a_form_can_be_created_with_lenient_bodies(kwargs: dict[str, Any]) -> None:
    assert world().open("POST", "/forms", **kwargs).status_code == 200


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"text"', b"\xff", b"[" * 5000, b'{"utility":"\\ud800"}', b'{"a":NaN}']
)
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    response = world().open("POST", "/forms", data=body, content_type="application/json")

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_param")


def test_lists_page_with_absolute_next_that_keeps_the_filters() -> None:
    api = world(page_sizes={"forms": 2})
    made = [api.call("POST", "/forms")["uid"] for _ in range(5)]

    page = api.call("GET", "/forms?is_archived=false&extra=a%26b")
    found, urls = [form["uid"] for form in page["forms"]], []
    while page["next"]:
        urls.append(page["next"])
        page = api.follow(page["next"])
        found += [form["uid"] for form in page["forms"]]

    assert found == made[::-1]
    assert all(url.startswith(f"{BASE}/api/v2/forms?is_archived=false") for url in urls)
    assert all("extra=a%26b" in url for url in urls)


def test_list_filters_may_be_joined_or_repeated() -> None:
    api = world()
    first, second, _ = (api.call("POST", "/forms")["uid"] for _ in range(3))

    joined = api.call("GET", f"/forms?uids={first},{second}")
    repeated = api.call("GET", f"/forms?uids={first}&uids={second}")

    assert joined == repeated
    assert len(joined["forms"]) == 2


@pytest.mark.parametrize(
    "query", ["is_archived=maybe", "limit=0", "limit=-1", "limit=x", "after=nothing"]
)
def test_a_bad_filter_value_is_refused(query: str) -> None:
    assert world().get(f"/forms?{query}").status_code == 400


def test_platform_times_have_six_decimals_and_utc() -> None:
    form = world(NOW.replace(microsecond=0)).call("POST", "/forms")

    assert form["created"] == "2025-11-10T18:00:00.000000+00:00"


def test_every_time_anywhere_has_six_decimals_and_an_offset() -> None:
    api = world()
    uid = api.collected()[0]
    texts = [api.get(f"/{path}").text for path in (f"meters/{uid}", f"intervals?meters={uid}")]

    for text in [*texts, api.get("/authorizations?include=meters").text]:
        times = re.findall(r'"(\d{4}-\d\d-\d\dT[^"]*)"', text)
        assert times
        assert all(STAMP.fullmatch(time) for time in times)


def test_browsers_of_other_origins_may_ask() -> None:
    api = world()

    answers = [
        api.get("/forms"),
        api.http.get("/api/experimental/utility-lookup?q=gas"),
        api.http.options("/api/v2/forms"),
    ]

    assert [answer.headers["Access-Control-Allow-Origin"] for answer in answers] == ["*"] * 3
    assert "Authorization" in answers[2].headers["Access-Control-Allow-Headers"]


def test_the_lookup_finds_utilities_by_name_without_a_token() -> None:
    found = world().http.get("/api/experimental/utility-lookup?q=gas&include_unsupported=true")

    assert [item["id"] for item in found.get_json()["utilities"]] == ["PG&E", "SDG&E"]


def test_the_supported_utilities_are_listed() -> None:
    listed = world().call("GET", "/files/supported_utilities_json")["utilities"]

    assert {"PG&E", "SCE", "SDG&E", "DEMO"} <= {item["utility"] for item in listed}


@pytest.mark.parametrize("name", ["billing-accounts", "billing-summaries"])
def test_accounting_lists_are_empty(name: str) -> None:
    api = world()

    assert api.call("GET", f"/accounting/{name}") == {name.replace("-", "_"): [], "next": None}
    assert api.get(f"/accounting/{name}/1").status_code == 404


@pytest.mark.parametrize(
    ("kind", "status"), [("throttled", 429), ("error", 500), ("unavailable", 503)]
)
def test_injected_faults_answer_without_json(kind: str, status: int) -> None:
    api = world()
    api.faults.providers_of = lambda _path: frozenset({"utilityapi"})
    api.faults.install(api.http.application)
    api.faults.add(kind, provider="utilityapi")

    response = api.get("/meters")

    assert response.status_code == status
    assert response.mimetype != "application/json"
    assert ("Retry-After" in response.headers) == (status == 429)
    assert api.get("/meters").status_code == 200


def test_a_gateway_timeout_with_an_empty_body_can_be_injected() -> None:
    api = world()
    api.faults.install(api.http.application)
    api.faults.add("status", parameters={"status": 504, "body": ""})

    response = api.get("/intervals?meters=1")

    assert (response.status_code, response.data) == (504, b"")


def test_the_whole_sandbox_serves_this_api_over_https_and_its_form_to_browsers() -> None:
    app = create_app(
        SandboxState(),
        base_url=lambda: "https://127.0.0.1:8443",
        pages_url=lambda: "http://127.0.0.1:8480",
        options=Options(utilityapi={"token": "chosen"}),
        background=False,
    )
    client, headers = app.test_client(), {"Authorization": "Bearer chosen"}

    form = client.post("/api/v2/forms", headers=headers, base_url="https://127.0.0.1:8443")
    plain = client.get("/api/v2/forms", headers=headers, base_url="http://127.0.0.1:8480")
    url = form.get_json()["url"]

    assert url.startswith("http://127.0.0.1:8480/authorize/sandbox?f=")
    assert client.get(url).status_code == 200
    assert plain.status_code == 403
    app.extensions["sandbox"].close()
