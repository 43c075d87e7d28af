"""Facilities by the API: register, list, read, and nobody else's."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from dcarbon.db.base import new_id
from dcarbon.services.runtime import Runtime
from dcarbon_api.facilities.messages import FacilitiesAnswer, FacilityAnswer
from tests.integration.api import pages
from tests.integration.api.conftest import Resident, bearer, said

LEAST = {"name": "Barn", "account_kind": "commercial", "role": "owner_operator"}


def test_a_registered_facility_can_be_read_at_its_location(
    client: FlaskClient, ann: Resident
) -> None:
    body = {**LEAST, "system_size_kw": "49.5", "commercial_operation_date": "2024-05-01"}

    created = client.post("/facilities", headers=ann.headers, json=body)
    read = client.get(created.headers["Location"], headers=ann.headers)

    assert created.status_code == 201
    assert read.json == created.json
    facility = FacilityAnswer.model_validate_json(read.data)
    assert (facility.name, str(facility.system_size_kw)) == ("Barn", "49.5")
    assert facility.auth_status is None


def test_a_person_sees_their_own_facilities_newest_first(
    client: FlaskClient, ann: Resident, ben: Resident
) -> None:
    newer = said(client.post("/facilities", headers=ann.headers, json=LEAST))["id"]

    response = client.get("/facilities", headers=ann.headers)

    found = FacilitiesAnswer.model_validate_json(response.data).facilities
    assert [str(each.id) for each in found] == [newer, str(ann.facility_id)]


def test_somebody_elses_facility_is_404_like_an_unknown_one(
    client: FlaskClient, ann: Resident, ben: Resident
) -> None:
    others = client.get(f"/facilities/{ben.facility_id}", headers=ann.headers)
    unknown = client.get(f"/facilities/{new_id()}", headers=ann.headers)

    assert (others.status_code, unknown.status_code) == (404, 404)
    assert said(others)["code"] == said(unknown)["code"] == "not_found"


def test_an_address_that_is_no_uuid_is_404(client: FlaskClient, ann: Resident) -> None:
    assert client.get("/facilities/7", headers=ann.headers).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"role": "king"}, "role"),
        ({"account_kind": 1}, "account_kind"),
        ({"system_size_kw": "many"}, "system_size_kw"),
        ({"system_size_kw": -1}, "system_size_kw"),
        ({"system_size_kw": "1e400"}, "system_size_kw"),
        ({"commercial_operation_date": "2024-02-31"}, "commercial_operation_date"),
        ({"person_id": "ann"}, "person_id"),
        ({"is_admin": True}, "is_admin"),
    ],
    ids=str,
)
def test_a_member_that_does_not_fit_is_named(
    client: FlaskClient, ann: Resident, change: dict[str, object], field: str
) -> None:
    response = client.post("/facilities", headers=ann.headers, json={**LEAST, **change})

    assert response.status_code == 422
    assert [each["field"] for each in said(response)["errors"]] == [field]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "America"])
def test_an_unknown_time_zone_is_refused(client: FlaskClient, ann: Resident, zone: str) -> None:
    response = client.post("/facilities", headers=ann.headers, json={**LEAST, "time_zone": zone})

    assert (response.status_code, said(response)["code"]) == (422, "invalid_input")


def test_a_person_nobody_knows_has_no_facility(client: FlaskClient, runtime: Runtime) -> None:
    admin = pages.person(runtime, "ada@example.org", is_admin=True)
    body = {**LEAST, "person_id": str(new_id())}

    refused = client.post("/facilities", headers=bearer(runtime, admin.id), json=body)

    assert (refused.status_code, said(refused)["code"]) == (422, "invalid_input")
    assert said(refused)["detail"] == "There is no person with this id."


def test_a_person_cannot_register_a_facility_for_somebody_else(
    client: FlaskClient, ann: Resident, ben: Resident
) -> None:
    body = {**LEAST, "person_id": str(ben.person_id)}

    created = client.post("/facilities", headers=ann.headers, json=body)

    address = created.headers["Location"]
    assert client.get(address, headers=ann.headers).status_code == 200
    assert client.get(address, headers=ben.headers).status_code == 404
