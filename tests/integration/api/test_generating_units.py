"""Generating units, eligibilities and claims by the API: codes for programs, words for people."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from dcarbon.services.actors import Actor
from dcarbon.services.runtime import Runtime
from dcarbon_api.generating_units.messages import GenerationAnswer, UnitAnswer
from tests.integration.api import generation
from tests.integration.api.conftest import Resident, said
from tests.integration.services import metering


def register(client: FlaskClient, who: Resident, **change: str) -> dict[str, Any]:
    body = {**generation.UNIT, **change}
    path = f"/facilities/{who.facility_id}/generating-units"
    return said(client.post(path, headers=who.headers, json=body))


def test_a_unit_is_registered_read_changed_and_removed(client: FlaskClient, ann: Resident) -> None:
    path = f"/facilities/{ann.facility_id}/generating-units"

    created = client.post(path, headers=ann.headers, json=generation.UNIT)
    address = created.headers["Location"]
    changed = client.patch(address, headers=ann.headers, json={"registry_id": "W805"})
    read = client.get(address, headers=ann.headers)
    removed = client.delete(address, headers=ann.headers)

    assert (created.status_code, removed.status_code) == (201, 204)
    unit = UnitAnswer.model_validate_json(read.data)
    assert (str(unit.nameplate_kw), unit.registry, unit.registry_id) == ("49.5", "wregis", "W805")
    assert changed.json == read.json
    assert client.get(address, headers=ann.headers).status_code == 404


def test_a_meter_is_claimed_and_the_whole_is_read_at_once(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    unit = register(client, ann)
    meter = metering.meter(runtime, ann.facility_id, "delivered", "received", "net")
    channel = generation.channel(runtime, meter)

    chosen = client.put(
        f"/channels/{channel}/eligibility",
        headers=ann.headers,
        json={"eligibility": "hourly_export", "note": "export of the roof"},
    )
    claimed = client.post(
        f"/generating-units/{unit['id']}/claims",
        headers=ann.headers,
        json={"meter_id": str(meter), "basis": "hourly_export", "first_day": "2026-03-01"},
    )

    assert (chosen.status_code, claimed.status_code) == (200, 201)
    assert said(chosen)["channel"]["counts_as"] == "hourly_export"
    assert [one["after"] for one in said(chosen)["history"]] == ["hourly_export"]
    read = client.get(f"/facilities/{ann.facility_id}/generation", headers=ann.headers)
    found = GenerationAnswer.model_validate_json(read.data)
    assert [one.claims[0].meter_id for one in found.generating_units] == [meter]
    standing = {one.direction: (one.proposed, one.chosen) for one in found.channels}
    assert standing == {
        "delivered": ("consumption", None),
        "received": ("hourly_export", "hourly_export"),
        "net": ("net", None),
    }
    net = next(one for one in found.channels if one.direction == "net")
    assert {one.code for one in net.refused} == {"net_never_claimed"}
    assert net.proposed_rule.sources[0].title.startswith("M-RETS operating procedures")


@pytest.mark.parametrize("direction", ["net", "delivered"])
def test_net_and_consumption_are_refused_with_code_and_sentence(
    client: FlaskClient, runtime: Runtime, ann: Resident, direction: str
) -> None:
    meter = metering.meter(runtime, ann.facility_id, "delivered", "received", "net")
    channel = generation.channel(runtime, meter, direction)

    refused = client.put(
        f"/channels/{channel}/eligibility",
        headers=ann.headers,
        json={"eligibility": "hourly_export", "is_production_meter": True, "note": "x"},
    )

    assert refused.status_code == 409
    code = "net_never_claimed" if direction == "net" else "consumption_never_claimed"
    assert said(refused)["code"] == code
    assert "never claimed" in said(refused)["detail"]


def test_a_second_claim_of_the_same_days_is_refused_and_free_after_the_end(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    actor = Actor(ann.person_id)
    unit = register(client, ann)
    meter = generation.export_meter(runtime, ann.facility_id, actor)
    path = f"/generating-units/{unit['id']}/claims"
    body = {"meter_id": str(meter), "basis": "hourly_export", "first_day": "2026-03-01"}
    first = said(client.post(path, headers=ann.headers, json=body))

    again = client.post(path, headers=ann.headers, json=body)
    ended = client.post(
        f"/meter-claims/{first['id']}/end", headers=ann.headers, json={"last_day": "2026-03-09"}
    )
    after = client.post(path, headers=ann.headers, json={**body, "first_day": "2026-03-10"})
    back = client.delete(f"/meter-claims/{said(after)['id']}", headers=ann.headers)

    assert (again.status_code, said(again)["code"]) == (409, "claim_overlaps")
    assert "counts for Roof from Mar 1, 2026 on already" in said(again)["detail"]
    assert (ended.status_code, said(ended)["last_day"]) == (200, "2026-03-09")
    assert (after.status_code, back.status_code) == (201, 204)


def test_what_is_typed_wrongly_is_named_by_field(client: FlaskClient, ann: Resident) -> None:
    body = {**generation.UNIT, "nameplate_kw": "-1", "registry": "nasdaq"}

    refused = client.post(
        f"/facilities/{ann.facility_id}/generating-units", headers=ann.headers, json=body
    )

    assert refused.status_code == 422
    assert {one["field"] for one in said(refused)["errors"]} == {"nameplate_kw", "registry"}


def test_somebody_elses_things_are_404(
    client: FlaskClient, runtime: Runtime, ann: Resident, ben: Resident
) -> None:
    actor = Actor(ann.person_id)
    unit = generation.unit(runtime, ann.facility_id, actor)
    meter = generation.export_meter(runtime, ann.facility_id, actor)
    claim = generation.claim(runtime, unit, meter, actor)
    channel = generation.channel(runtime, meter)

    for path in (
        f"/facilities/{ann.facility_id}/generation",
        f"/generating-units/{unit}",
        f"/channels/{channel}/eligibility",
    ):
        assert client.get(path, headers=ben.headers).status_code == 404, path
    assert client.delete(f"/meter-claims/{claim}", headers=ben.headers).status_code == 404
