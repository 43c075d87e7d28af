"""Registering and inviting by the API: the same ways, refusals and words as on the pages."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dcarbon.db.base import new_id
from dcarbon.db.mails import Mail
from dcarbon.services import people
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon_api.invitations.messages import InvitationAnswer, InvitationStateAnswer
from dcarbon_api.registrations.messages import RegistrationAnswer, RegistrationsAnswer
from tests.integration.api.conftest import Resident, bearer, said, settle

LEAST = {
    "name": "Cold Storage",
    "street": "12 Wharf Street",
    "city": "Oakland",
    "state": "CA",
    "postal_code": "94607",
}


@pytest.fixture
def cat(runtime: Runtime) -> dict[str, str]:
    """The headers of a commercial person without a facility."""
    person = people.ensure(
        runtime.sessions,
        email="cat@example.org",
        account_kind="commercial",
        actor=SYSTEM,
        now=runtime.now(),
    )
    return bearer(runtime, person.id)


@pytest.fixture
def owner(runtime: Runtime) -> Resident:
    return settle(runtime, "owner@example.org", role="owner")


def _secret(runtime: Runtime) -> str:
    with runtime.sessions() as session:
        newest = select(Mail).where(Mail.kind == "operator_invitation").order_by(Mail.id.desc())
        mail = session.scalars(newest.limit(1)).one()
    found = re.search(r"/invitations/([\w-]+)", mail.text_body)
    assert found is not None
    return found[1]


def test_a_facility_is_registered_step_by_step(client: FlaskClient, cat: dict[str, str]) -> None:
    started = client.post("/registrations", headers=cat)
    address = started.headers["Location"]

    role = client.put(f"{address}/role", headers=cat, json={"role": "owner_operator"})
    wrong = client.patch(f"{address}/details", headers=cat, json={**LEAST, "state": "Ohio"})
    right = client.patch(f"{address}/details", headers=cat, json={"state": "OH"})
    chosen = client.post(
        f"{address}/utility", headers=cat, json={"method": "green_button", "utility": "pge"}
    )
    waiting = client.get(address, headers=cat)

    assert (started.status_code, said(started)["step"]) == (201, "role")
    assert said(role)["step"] == "details"
    assert (wrong.status_code, said(wrong)["answers"]["state"]) == (200, "Ohio")
    assert [each["field"] for each in said(wrong)["errors"]] == ["state"]
    assert (said(right)["step"], said(right)["errors"]) == ("utility", [])
    assert said(chosen)["redirectUrl"].startswith("https://")
    assert RegistrationAnswer.model_validate_json(waiting.data).step == "waiting"
    facility = said(client.get(f"/facilities/{said(right)['facility_id']}", headers=cat))
    assert (facility["name"], facility["time_zone"]) == ("Cold Storage", "America/New_York")
    assert (facility["auth_status"], facility["utility"]) == ("pending", "PG&E")


def test_unfinished_registrations_are_listed_until_they_are_put_away(
    client: FlaskClient, cat: dict[str, str]
) -> None:
    first, second = (client.post("/registrations", headers=cat) for _ in range(2))

    listed = client.get("/registrations", headers=cat)
    away = client.delete(first.headers["Location"], headers=cat)
    left = client.get("/registrations", headers=cat)

    assert len(RegistrationsAnswer.model_validate_json(listed.data).registrations) == 2
    assert away.status_code == 204
    assert [each["id"] for each in said(left)["registrations"]] == [said(second)["id"]]


def test_steps_out_of_turn_and_wrong_members_are_refused(
    client: FlaskClient, cat: dict[str, str]
) -> None:
    address = client.post("/registrations", headers=cat).headers["Location"]

    early = client.patch(f"{address}/details", headers=cat, json=LEAST)
    king = client.put(f"{address}/role", headers=cat, json={"role": "king"})
    unknown = client.patch(f"{address}/details", headers=cat, json={"is_admin": "yes"})

    assert (early.status_code, said(early)["code"]) == (409, "invalid_transition")
    assert (king.status_code, unknown.status_code) == (422, 422)
    assert [each["field"] for each in said(unknown)["errors"]] == ["is_admin"]


def test_somebody_elses_registration_is_404(
    client: FlaskClient, cat: dict[str, str], ann: Resident
) -> None:
    address = client.post("/registrations", headers=cat).headers["Location"]

    answers = [
        client.get(address, headers=ann.headers),
        client.delete(address, headers=ann.headers),
        client.put(f"{address}/role", headers=ann.headers, json={"role": "owner"}),
        client.patch(f"{address}/details", headers=ann.headers, json={}),
        client.get(f"/registrations/{new_id()}", headers=cat),
    ]

    assert {each.status_code for each in answers} == {404}


def test_an_owner_invites_and_the_operator_accepts_and_is_signed_in(
    client: FlaskClient, app: Flask, runtime: Runtime, owner: Resident
) -> None:
    place = f"/facilities/{owner.facility_id}/invitation"
    none = client.get(place, headers=owner.headers)
    sent = client.post(place, headers=owner.headers, json={"email": "op@example.org"})
    secret = _secret(runtime)
    browser = app.test_client()

    looks = [browser.get(f"/invitations/{secret}") for _ in range(2)]
    accepted = browser.post(f"/invitations/{secret}/accept", json={})
    again = app.test_client().post(f"/invitations/{secret}/accept", json={})
    seen = browser.get("/facilities")

    assert said(none)["invitation"] is None
    shown = InvitationAnswer.model_validate_json(sent.data).invitation
    assert shown is not None
    assert (sent.status_code, shown.email) == (201, "op@example.org")
    states = {InvitationStateAnswer.model_validate_json(each.data).state for each in looks}
    assert states == {"good"}
    assert (accepted.status_code, said(accepted)["is_signed_in"]) == (200, True)
    assert (again.status_code, said(again)["code"]) == (409, "invitation_accepted")
    assert [each["role"] for each in said(seen)["facilities"]] == ["operator"]
    assert said(client.get(place, headers=owner.headers))["invitation"] is None


def test_resending_changing_and_withdrawing_end_the_link_before(
    client: FlaskClient, runtime: Runtime, owner: Resident
) -> None:
    place = f"/facilities/{owner.facility_id}/invitation"
    client.post(place, headers=owner.headers, json={"email": "op@example.org"})
    first = _secret(runtime)
    resent = client.post(f"{place}/resend", headers=owner.headers)
    second = _secret(runtime)
    moved = client.put(place, headers=owner.headers, json={"email": "new@example.org"})
    third = _secret(runtime)
    withdrawn = client.delete(place, headers=owner.headers)

    states = [said(client.get(f"/invitations/{s}"))["state"] for s in (first, second, third)]

    assert (resent.status_code, moved.status_code, withdrawn.status_code) == (200, 200, 204)
    assert said(moved)["invitation"]["email"] == "new@example.org"
    assert states == ["replaced", "replaced", "withdrawn"]


def test_an_unknown_link_says_what_to_do(client: FlaskClient) -> None:
    look = client.get("/invitations/never-sent")
    accepted = client.post("/invitations/never-sent/accept", json={})

    assert (said(look)["state"], said(look)["facility"]) == ("unknown", None)
    assert (accepted.status_code, said(accepted)["code"]) == (409, "invitation_unknown")
    assert said(accepted)["detail"] == said(look)["message"]


def test_operators_and_strangers_do_not_invite(
    client: FlaskClient, runtime: Runtime, owner: Resident, ann: Resident
) -> None:
    operator = settle(runtime, "operator@example.org", role="operator")
    body = {"email": "op@example.org"}

    mine = client.post(
        f"/facilities/{operator.facility_id}/invitation", headers=operator.headers, json=body
    )
    others = client.post(
        f"/facilities/{owner.facility_id}/invitation", headers=ann.headers, json=body
    )

    assert (mine.status_code, said(mine)["code"]) == (403, "owner_needed")
    assert others.status_code == 404


def test_too_many_invitations_are_429_with_when_to_come_back(
    client: FlaskClient, runtime: Runtime, owner: Resident
) -> None:
    place = f"/facilities/{owner.facility_id}/invitation"
    client.post(place, headers=owner.headers, json={"email": "op@example.org"})
    answers = [
        client.post(f"{place}/resend", headers=owner.headers)
        for _ in range(runtime.settings.invitations_per_facility)
    ]

    assert [each.status_code for each in answers[:-1]] == [200] * (len(answers) - 1)
    assert (answers[-1].status_code, said(answers[-1])["code"]) == (429, "invitation_quota")
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_utilities_are_found_by_name_and_code(client: FlaskClient, ann: Resident) -> None:
    every = said(client.get("/utilities", headers=ann.headers))
    water = said(client.get("/utilities?search=los+angeles", headers=ann.headers))
    unlisted = said(client.get("/utilities?search=SeattleCL", headers=ann.headers))

    assert [each["key"] for each in every["green_button"]] == ["pge", "sce", "sdge"]
    assert [each["is_ready"] for each in every["green_button"]] == [True, False, False]
    assert len(every["utilityapi"]) > 50
    assert [each["key"] for each in water["utilityapi"]] == ["LADWP"]
    assert (unlisted["utilityapi"], unlisted["other"]["key"]) == ([], "SeattleCL")
