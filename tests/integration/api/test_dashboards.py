"""Facilities by the API: lists with filters and pages, changes, endings, and one's own account."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization
from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.people import ApiToken
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from dcarbon_api.facilities.messages import AuthorizationsAnswer, FacilitiesAnswer, FacilityAnswer
from tests.integration.api.conftest import Resident, bearer, said, settle

LEAST = {"name": "Barn", "account_kind": "commercial", "role": "owner_operator"}


def _authorized(runtime: Runtime, facility_id: UUID, status: str = "authorized") -> UUID:
    identity = new_id()
    with runtime.sessions.begin() as session:
        session.add(
            Authorization(
                id=identity,
                facility_id=facility_id,
                method="utilityapi",
                provider="utilityapi",
                utility="LADWP",
                status=status,
                external_id="402118",
                shard=0,
                authorized_at=runtime.now(),
            )
        )
        facility = session.get_one(Facility, facility_id)
        facility.auth_method, facility.auth_provider = "utilityapi", "LADWP"
        facility.auth_id, facility.auth_status = "402118", status
    return identity


def test_a_list_goes_on_where_it_ended(client: FlaskClient, ann: Resident) -> None:
    for n in range(4):
        client.post("/facilities", headers=ann.headers, json={**LEAST, "name": f"Barn {n}"})

    first = client.get("/facilities?limit=3", headers=ann.headers)
    following = said(first)["next"]
    second = client.get(f"/facilities?limit=3&after={following}", headers=ann.headers)

    pages = [FacilitiesAnswer.model_validate_json(each.data) for each in (first, second)]
    assert [f.name for page in pages for f in page.facilities] == [
        "Barn 3",
        "Barn 2",
        "Barn 1",
        "Barn 0",
        "Home",
    ]
    assert pages[1].next is None


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "after=x",
        "after=%00",
        "after=" + "A" * 60,
        "role=king",
        "status=gone",
        "page=2",
    ],
)
def test_a_list_asked_for_wrongly_is_refused(
    client: FlaskClient, ann: Resident, query: str
) -> None:
    assert client.get(f"/facilities?{query}", headers=ann.headers).status_code == 422


def test_filters_narrow_the_list(client: FlaskClient, runtime: Runtime, ann: Resident) -> None:
    body = {**LEAST, "name": "Barn", "city": "Fresno", "role": "owner"}
    client.post("/facilities", headers=ann.headers, json=body)
    _authorized(runtime, ann.facility_id)

    def names(query: str) -> list[str]:
        found = said(client.get(f"/facilities?{query}", headers=ann.headers))
        return [each["name"] for each in found["facilities"]]

    assert names("search=fresno") == ["Barn"]
    assert names("search=ladwp") == ["Home"]
    assert names("role=operator") == ["Home"]
    assert names("status=authorized") == ["Home"]
    assert names("status=none") == ["Barn"]
    assert names("search=fresno&status=authorized") == []


def test_details_are_changed_and_the_rest_stays(client: FlaskClient, ann: Resident) -> None:
    place = f"/facilities/{ann.facility_id}"

    changed = client.patch(
        place, headers=ann.headers, json={"name": "House", "system_size_kw": "5", "installer": None}
    )

    facility = FacilityAnswer.model_validate_json(changed.data)
    assert (facility.name, str(facility.system_size_kw)) == ("House", "5")
    assert said(client.get(place, headers=ann.headers)) == said(changed)


def test_a_detail_that_will_not_do_is_named_in_words(client: FlaskClient, ann: Resident) -> None:
    response = client.patch(
        f"/facilities/{ann.facility_id}", headers=ann.headers, json={"system_size_kw": "lots"}
    )

    assert (response.status_code, said(response)["code"]) == (422, "answers_invalid")
    (problem,) = said(response)["errors"]
    assert problem["field"] == "system_size_kw"
    assert problem["problem"].startswith("Please give")


def test_ending_an_authorization_stops_access_and_asks_the_provider(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    identity = _authorized(runtime, ann.facility_id)

    ended = client.post(
        f"/authorizations/{identity}/revoke", headers=ann.headers, json={"reason": "moved"}
    )
    again = client.post(f"/authorizations/{identity}/revoke", headers=ann.headers, json={})
    listed = client.get(f"/facilities/{ann.facility_id}/authorizations", headers=ann.headers)

    assert (ended.status_code, said(ended)["is_ending_at_provider"]) == (200, True)
    assert (again.status_code, said(again)["code"]) == (409, "invalid_transition")
    (row,) = AuthorizationsAnswer.model_validate_json(listed.data).authorizations
    assert (row.status, row.is_ending_at_provider) == ("revoked", True)
    assert row.reason_code == "ending_at_provider"
    with runtime.sessions() as session:
        order = session.scalars(select(WorkOrder)).one()
    assert (order.kind, order.reason) == ("revoke", "moved")


def test_an_owner_may_end_what_only_the_operator_may_change(
    client: FlaskClient, runtime: Runtime
) -> None:
    owner = settle(runtime, "owner@example.org", role="owner")
    identity = _authorized(runtime, owner.facility_id)
    place = f"/facilities/{owner.facility_id}/provider-change"

    preview = client.get(place, headers=owner.headers)
    change = client.post(place, headers=owner.headers, json={})
    collect = client.post(f"/facilities/{owner.facility_id}/collection", headers=owner.headers)
    retry = client.post(
        f"/facilities/{owner.facility_id}/authorizations/retry", headers=owner.headers
    )
    ended = client.post(f"/authorizations/{identity}/revoke", headers=owner.headers, json={})

    assert {each.status_code for each in (preview, change, collect, retry)} == {403}
    assert said(change)["code"] == "operator_needed"
    assert ended.status_code == 200


def test_a_change_of_provider_is_shown_done_and_seen(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    identity = _authorized(runtime, ann.facility_id)
    place = f"/facilities/{ann.facility_id}"

    preview = said(client.get(f"{place}/provider-change", headers=ann.headers))
    collecting = client.post(f"{place}/collection", headers=ann.headers)
    changed = client.post(
        f"{place}/provider-change", headers=ann.headers, json={"new_utility": "PG&E"}
    )
    facility = said(client.get(place, headers=ann.headers))
    nothing = client.post(f"{place}/provider-change", headers=ann.headers, json={})
    started = client.post(
        "/green-button/start",
        headers=ann.headers,
        json={"facility_id": str(ann.facility_id), "provider": "pge"},
    )

    assert (preview["can_change"], preview["utility"]) == (True, "LADWP")
    assert (preview["is_behind"], preview["ends_at_provider"]) == (True, True)
    assert (collecting.status_code, said(collecting)["progress"]) == (202, {"state": "waiting"})
    assert [each["authorization_id"] for each in said(changed)["revoked"]] == [str(identity)]
    assert (facility["auth_status"], facility["auth_id"], facility["utility"]) == (
        "pending",
        None,
        None,
    )
    assert facility["previous"]["utility"] == "LADWP"
    assert facility["previous"]["is_ending_at_provider"] is True
    assert (nothing.status_code, said(nothing)["code"]) == (409, "nothing_to_change")
    assert started.status_code == 200


def test_a_failed_authorization_is_started_again_and_keeps_its_identity(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    start = {"facility_id": str(ann.facility_id), "provider": "pge"}
    began = said(client.post("/green-button/start", headers=ann.headers, json=start))
    state = began["redirectUrl"].partition("state=")[2].partition("&")[0]
    client.get(f"/green-button/callback?state={state}&error=access_denied")
    failed = said(client.get(f"/facilities/{ann.facility_id}", headers=ann.headers))

    retried = client.post(
        f"/facilities/{ann.facility_id}/authorizations/retry", headers=ann.headers
    )
    after = said(client.get(f"/facilities/{ann.facility_id}", headers=ann.headers))

    assert (failed["auth_status"], failed["reason_code"]) == ("failed", "authorization_declined")
    assert retried.status_code == 200
    assert after["auth_status"] == "pending"
    assert after["authorization_id"] == failed["authorization_id"]


def test_nothing_chosen_cannot_be_started_again(client: FlaskClient, ann: Resident) -> None:
    retried = client.post(
        f"/facilities/{ann.facility_id}/authorizations/retry", headers=ann.headers
    )

    assert (retried.status_code, said(retried)["code"]) == (409, "utility_not_chosen")


def test_everything_of_somebody_elses_facility_is_404(
    client: FlaskClient, runtime: Runtime, ann: Resident, ben: Resident
) -> None:
    identity = _authorized(runtime, ben.facility_id)
    place = f"/facilities/{ben.facility_id}"

    answers = [
        client.patch(place, headers=ann.headers, json={"name": "Mine"}),
        client.get(f"{place}/authorizations", headers=ann.headers),
        client.post(f"{place}/authorizations/retry", headers=ann.headers),
        client.post(f"{place}/collection", headers=ann.headers),
        client.get(f"{place}/provider-change", headers=ann.headers),
        client.post(f"{place}/provider-change", headers=ann.headers, json={}),
        client.get(f"{place}/invitation", headers=ann.headers),
        client.post(f"/authorizations/{identity}/revoke", headers=ann.headers, json={}),
        client.post(f"/authorizations/{new_id()}/revoke", headers=ann.headers, json={}),
    ]

    assert {each.status_code for each in answers} == {404}


def test_a_person_reads_their_account_and_makes_and_ends_tokens(
    client: FlaskClient, ann: Resident
) -> None:
    account = said(client.get("/account", headers=ann.headers))
    made = client.post(
        "/account/tokens", headers=ann.headers, json={"name": "Export", "scopes": ["read"]}
    )
    new = {"Authorization": f"Bearer {said(made)['secret']}"}
    works = client.get("/facilities", headers=new)
    listed = said(client.get("/account/tokens", headers=ann.headers))["tokens"]
    gone = client.delete(f"/account/tokens/{said(made)['id']}", headers=ann.headers)
    refused = client.get("/facilities", headers=new)

    assert account["email"] == "ann@example.org"
    assert (made.status_code, works.status_code, gone.status_code) == (201, 200, 204)
    assert [each["name"] for each in listed] == ["Export", "test"]
    assert all("secret" not in each for each in listed)
    assert refused.status_code == 401


def test_a_token_makes_none_that_may_do_more(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    writer = bearer(runtime, ann.person_id, scopes=["write"])

    refused = client.post(
        "/account/tokens", headers=writer, json={"name": "More", "scopes": ["read", "write"]}
    )

    assert (refused.status_code, said(refused)["code"]) == (422, "scope_not_yours")


@pytest.mark.parametrize("wanted", [{}, {"days": 3660}], ids=["for_ever", "ten_years"])
def test_a_token_makes_none_that_lasts_longer(
    client: FlaskClient, runtime: Runtime, ann: Resident, wanted: dict[str, int]
) -> None:
    brief = bearer(runtime, ann.person_id, expires_in=timedelta(hours=1))
    asked = {"name": "Longer", "scopes": ["read"]}

    made = said(client.post("/account/tokens", headers=brief, json={**asked, **wanted}))
    by_one_without_end = said(client.post("/account/tokens", headers=ann.headers, json=asked))

    assert datetime.fromisoformat(made["expires_at"]) == runtime.now() + timedelta(hours=1)
    assert by_one_without_end["expires_at"] is None


def test_somebody_elses_tokens_and_sessions_are_404(
    client: FlaskClient, runtime: Runtime, ann: Resident, ben: Resident
) -> None:
    with runtime.sessions() as session:
        (of_ben,) = session.scalars(select(ApiToken.id).where(ApiToken.person_id == ben.person_id))

    answers = [
        client.delete(f"/account/tokens/{of_ben}", headers=ann.headers),
        client.delete(f"/account/sessions/{new_id()}", headers=ann.headers),
    ]

    assert {each.status_code for each in answers} == {404}
    assert said(client.get("/account/sessions", headers=ann.headers)) == {"sessions": []}


def test_a_browser_gets_the_page_and_a_program_the_json_at_the_same_address(
    client: FlaskClient, ann: Resident
) -> None:
    page = client.get("/facilities", headers={**ann.headers, "Accept": "text/html"})
    answer = client.get("/facilities", headers={**ann.headers, "Accept": "*/*"})

    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")


@pytest.mark.parametrize(("hops", "expected"), [(0, "127.0.0.1"), (1, "203.0.113.9")])
def test_behind_known_proxies_the_audit_log_has_the_person_s_address(
    runtime: Runtime, ann: Resident, hops: int, expected: str
) -> None:
    behind = replace(
        runtime, settings=runtime.settings.model_copy(update={"trusted_proxies": hops})
    )
    headers = {**ann.headers, "X-Forwarded-For": "198.51.100.7, 203.0.113.9"}

    create_app(behind).test_client().post("/facilities", headers=headers, json=LEAST)

    with runtime.sessions() as session:
        newest = select(AuditEntry.ip).order_by(AuditEntry.seq.desc()).limit(1)
        assert str(session.scalar(newest)) == expected
