"""Authorizations: delays, every scenario, filters, renewal, expiry and revocation."""

from __future__ import annotations

from typing import Any

import pytest

from dcarbon_sandbox.state import SandboxState
from tests.unit.sandbox.utilityapi_world import World, world


def test_a_submission_goes_from_empty_list_to_pending_to_updated() -> None:
    api = world()
    path = f"/authorizations?referrals={api.submit()}&include=meters"

    seen = [api.call("GET", path)["authorizations"]]
    for _ in range(2):
        api.wait()
        seen.append(api.call("GET", path)["authorizations"])

    assert seen[0] == []
    assert [(a["status"], len(a["meters"]["meters"])) for step in seen[1:] for a in step] == [
        ("pending", 0),
        ("updated", 1),
    ]


def test_delays_also_end_in_real_time_when_the_clock_stands_still() -> None:
    api = world(real_time=True, appear_delay_s=0.0, update_delay_s=0.0)

    referral = api.submit()

    found = api.call("GET", f"/authorizations?referrals={referral}")["authorizations"]
    assert [one["status"] for one in found] == ["updated"]


def test_events_tell_the_story_in_order() -> None:
    api = world()
    api.collected()

    assert api.event_types() == [
        "form_created",
        "authorization_created",
        "authorization_update_started",
        "authorization_update_progress",
        "meter_created",
        "authorization_update_finished_successful",
        "meter_historical_collection_started",
        "meter_historical_collection_progress",
        "meter_bills_added",
        "meter_intervals_added",
        "meter_historical_collection_finished_successful",
    ]


@pytest.mark.parametrize("utility", ["PG&E", "DEMO", "NeverHeardOf"])
@pytest.mark.parametrize(
    ("scenario", "status", "meters", "notes"),
    [
        ("residential", "updated", 1, ["access_valid", "meters_full"]),
        ("commercial", "updated", 4, ["access_valid", "meters_full"]),
        ("badlogin", "errored", 0, ["access_invalid"]),
        ("websitedown", "errored", 0, ["retrying"]),
        ("utilityerror", "errored", 0, ["access_unsupported"]),
        ("empty", "updated", 0, ["access_valid", "meters_full"]),
        ("revoked", "updated", 0, ["access_valid", "meters_full"]),
    ],
)
def test_scenarios_of_the_look_up(
    scenario: str, status: str, meters: int, notes: list[str], utility: str
) -> None:
    found = world().authorized(scenario, utility)

    assert (found["status"], found["utility"], found["is_test"]) == (status, utility, True)
    assert len(found["meters"]["meters"]) == meters
    assert [note["type"] for note in found["notes"]] == notes
    assert found["is_revoked"] == (scenario == "revoked")


@pytest.mark.parametrize(
    ("scenario", "status", "note", "event"),
    [
        ("badlogin_after", "errored", "access_invalid", "finished_errored"),
        ("websitedown_after", "errored", "retrying", "finished_errored"),
        ("nointervals", "updated", "intervals_empty", "finished_successful"),
        ("partialintervals", "updated", "intervals_full", "finished_successful"),
        ("pending_manual_after", "pending", "waiting", "delayed"),
        ("wait_to_login_after", "pending", "waiting", "delayed"),
    ],
)
def test_scenarios_of_the_collection(scenario: str, status: str, note: str, event: str) -> None:
    api = world()

    uid = api.collected(scenario)[0]

    meter = api.call("GET", f"/meters/{uid}")
    assert (meter["status"], meter["notes"][-1]["type"]) == (status, note)
    assert api.event_types()[-1] == f"meter_historical_collection_{event}"
    assert (meter["interval_count"] > 0) == (scenario == "partialintervals")


def test_partial_intervals_have_holes() -> None:
    api = world()
    uid = api.collected("partialintervals")[0]

    meter = api.call("GET", f"/meters/{uid}")
    held = api.readings(f"meters={uid}&start=2020-01-01")

    assert len(meter["interval_coverage"]) > 1
    assert meter["interval_count"] == len(held) < 96 * 55


def test_waiting_to_log_in_ends_after_an_hour_and_manual_work_does_not() -> None:
    api = world()
    waiting, manual = (
        api.collected(scenario)[0] for scenario in ("wait_to_login_after", "pending_manual_after")
    )

    api.wait(3600)

    assert api.call("GET", f"/meters/{waiting}")["status"] == "updated"
    assert api.call("GET", f"/meters/{manual}")["status"] == "pending"


def test_a_retrying_note_spells_its_eta_with_a_blank() -> None:
    note = world().authorized("websitedown")["notes"][0]

    assert note["eta "] > note["ts"]


def uids_of(api: World, query: str) -> list[str]:
    return [one["uid"] for one in api.call("GET", f"/authorizations?{query}")["authorizations"]]


def test_lists_filter_by_everything_documented() -> None:
    api = world()
    first, second = api.authorized(utility="PG&E"), api.authorized("empty", "SDG&E")
    api.call("PATCH", f"/authorizations/{first['uid']}", {"is_archived": True})
    api.call("POST", f"/authorizations/{second['uid']}/revoke")

    old, new = [first["uid"]], [second["uid"]]
    assert uids_of(api, "") == new + old
    assert uids_of(api, f"uids={first['uid']},{second['uid']}") == new + old
    assert uids_of(api, f"forms={first['form_uid']}") == old
    assert uids_of(api, f"templates={first['template_uid']}&users=90417") == new + old
    assert uids_of(api, f"referrals={first['referrals'][0]},{second['referrals'][0]}") == new + old
    assert uids_of(api, "utility=PG%26E") == old
    assert uids_of(api, "is_archived=true") == old
    assert uids_of(api, "is_revoked=true") == new
    assert uids_of(api, "is_test=true&is_declined=false&is_expired=false") == new + old
    assert uids_of(api, f"uids={first['uid']}&is_revoked=true") == []
    assert uids_of(api, f"after={second['uid']}") == old


def test_an_authorization_can_be_renamed_and_archived() -> None:
    api = world()
    uid = api.authorized()["uid"]

    changed = api.call("PATCH", f"/authorizations/{uid}", {"nickname": "Home", "is_archived": True})

    assert (changed["nickname"], changed["is_archived"]) == ("Home", True)
    assert api.open("PATCH", f"/authorizations/{uid}", json={"nickname": 5}).status_code == 400


def authorized_customer(api: World, utility: str) -> str:
    made: list[Any] = api.call(
        "POST", "/sandbox/utilityapi/authorizations", {"count": 1, "utility": utility}
    )["authorizations"]
    uid: str = made[0]["authorization_uid"]
    return uid


def test_only_test_and_demo_authorizations_can_be_deleted() -> None:
    api = world()
    real, demo = (authorized_customer(api, utility) for utility in ("PG&E", "DEMO"))
    scenario = api.authorized()["uid"]

    statuses = [api.open("DELETE", f"/authorizations/{uid}") for uid in (real, demo, scenario)]

    assert [response.status_code for response in statuses] == [403, 200, 200]
    assert api.get(f"/authorizations/{real}").status_code == 200
    assert api.get(f"/authorizations/{scenario}").status_code == 404


@pytest.mark.parametrize(("mode", "status"), [("gone", 404), ("empty", 200)])
def test_revoking_deletes_the_data_and_keeps_the_first_time(mode: str, status: int) -> None:
    api = world(after_revoke=mode)
    meter = api.collected()[0]
    uid = api.call("GET", "/authorizations")["authorizations"][0]["uid"]

    first = api.call("POST", f"/authorizations/{uid}/revoke")
    api.wait(3600)
    second = api.call("POST", f"/authorizations/{uid}/revoke")

    assert first["is_revoked"]
    assert second["revoked"] == first["revoked"]
    assert api.call("GET", f"/authorizations/{uid}?include=meters")["meters"]["meters"] == []
    assert api.get(f"/meters/{meter}").status_code == status
    assert api.get(f"/intervals?meters={meter}").status_code == status
    assert api.event_types().count("authorization_revoked") == 1


def test_a_revoked_meter_may_also_look_empty() -> None:
    api = world(after_revoke="empty")
    uid = api.collected()[0]
    authorization = api.call("GET", "/authorizations")["authorizations"][0]["uid"]
    api.call("POST", f"/sandbox/utilityapi/authorizations/{authorization}/revoke")

    meter = api.call("GET", f"/meters/{uid}")

    assert (meter["interval_count"], meter["interval_coverage"], meter["blocks"]) == (0, [], [])
    assert not meter["is_activated"]


def test_a_consent_expires_with_a_warning_a_day_ahead() -> None:
    api = world()
    form = api.call("POST", "/forms", {"scope": {"expires": "7d"}})
    api.call(
        "POST", f"/forms/{form['uid']}/test-submit", {"utility": "SCE", "scenario": "residential"}
    )
    api.wait()
    api.wait()
    before = api.call("GET", "/authorizations")["authorizations"][0]
    api.wait(6 * 86400)
    warned = api.event_types()[-1]
    api.wait(86400)
    after = api.call("GET", "/authorizations?is_expired=true")["authorizations"][0]

    assert (before["is_expired"], after["is_expired"]) == (False, True)
    assert before["scope"]["expires"] == before["expires"] == "2025-11-17T18:00:05.000000+00:00"
    assert warned == "authorization_expiring_soon"
    assert api.event_types()[-1] == "authorization_expired"


def test_a_preset_expiry_stays_a_word() -> None:
    api = world()
    form = api.call("POST", "/forms", {"scope": {"expires": "until_revoked"}})
    api.call("POST", f"/forms/{form['uid']}/test-submit", {"utility": "SCE", "scenario": "empty"})
    api.wait()

    found = api.call("GET", "/authorizations")["authorizations"][0]

    assert (found["expires"], found["is_expired"]) == ("until_revoked", False)


def test_a_renewal_keeps_the_authorization_and_its_meters() -> None:
    api = world()
    old = api.authorized()
    api.wait(86400)
    form = api.call("POST", "/forms", {"authorization_uid": old["uid"]})
    sent = {"utility": "PG&E", "scenario": "residential"}
    referral = api.call("POST", f"/forms/{form['uid']}/test-submit", sent)["referral"]
    api.wait()
    api.wait()

    found = api.call("GET", f"/authorizations?referrals={referral}&include=meters")[
        "authorizations"
    ]

    assert [one["uid"] for one in found] == [old["uid"]]
    assert found[0]["expires"] > old["expires"]
    assert len(found[0]["meters"]["meters"]) == 1
    assert "authorization_renewed" in api.event_types()


def test_a_restart_keeps_everything(tmp_path: Any) -> None:
    state = SandboxState(tmp_path)
    before = world(state=state)
    uid = before.collected()[0]
    state.close()

    kept = SandboxState(tmp_path)
    after = world(before.clock.now(), state=kept)

    assert after.call("GET", f"/meters/{uid}") == before.call("GET", f"/meters/{uid}")
    kept.close()
