"""Meters, historical collection and ongoing monitoring."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sandbox.utilityapi_world import World, world


def only_meter(api: World, scenario: str = "residential", utility: str = "PG&E") -> Any:
    return api.authorized(scenario, utility)["meters"]["meters"][0]


def test_a_meter_not_activated_has_no_data() -> None:
    meter = only_meter(world())

    assert (meter["is_activated"], meter["status"]) == (False, "updated")
    assert (meter["bill_count"], meter["interval_count"]) == (0, 0)
    assert (meter["bill_coverage"], meter["interval_coverage"]) == ([], [])
    assert (meter["exports"], meter["ongoing_monitoring"]["frequency"]) == ({}, "off")


def test_blocks_are_sibling_properties_named_in_the_list() -> None:
    meter = only_meter(world())

    assert meter["blocks"] == ["base", "electric_details", "programs"]
    assert all(name in meter for name in meter["blocks"])
    assert meter["base"]["service_class"] == "res-electric"
    assert "meter_blocks" not in meter


def test_a_commercial_customer_has_electric_and_gas_meters() -> None:
    meters = world().authorized("commercial")["meters"]["meters"]

    classes = [meter["base"]["service_class"] for meter in meters]

    assert classes == ["comm-electric", "comm-electric", "comm-electric", "comm-gas"]


def test_partial_details_are_completed_on_request() -> None:
    api = world()
    before = only_meter(api, utility="SMUD")
    api.call("GET", f"/meters/{before['uid']}?expand_meter_blocks=true")
    api.wait()

    after = api.call("GET", f"/meters/{before['uid']}")

    assert (before["is_expanded"], before["base"]["service_tariff"]) == (False, None)
    assert (after["is_expanded"], after["base"]["service_tariff"]) == (True, "E-ELEC-NEM2")


def test_unknown_members_and_blocks_can_be_switched_on() -> None:
    meter = only_meter(world(unknown_extras=True))

    assert "sandbox_novelty" in meter["blocks"]
    assert "sandbox_member" in meter["base"]


def test_meters_are_listed_by_every_documented_filter() -> None:
    api = world()
    plain, gas = api.authorized(utility="SCE"), api.authorized("commercial", "PG&E")
    one = plain["meters"]["meters"][0]["uid"]
    four = [meter["uid"] for meter in gas["meters"]["meters"]]
    api.call("PATCH", f"/meters/{one}", {"is_archived": True})
    api.call("POST", "/meters/ongoing-monitoring", {"meters": [four[0]], "frequency": "daily"})

    def found(query: str) -> list[str]:
        return sorted(meter["uid"] for meter in api.call("GET", f"/meters?{query}")["meters"])

    assert found("") == sorted([one, *four])
    assert found(f"uids={four[1]},{one}") == sorted([one, four[1]])
    assert found(f"authorizations={plain['uid']}") == [one]
    assert found("utility=SCE") == [one]
    assert found("is_archived=true") == [one]
    assert found("is_monitored=true") == [four[0]]
    assert found("is_activated=true") == [four[0]]
    assert found(f"uids={one}&authorizations={gas['uid']}") == []


def test_collection_is_asynchronous_and_reaches_back_as_asked() -> None:
    api = world()
    uid = only_meter(api)["uid"]
    order = {"meters": [uid], "collection_duration": 3}

    answer = api.call("POST", "/meters/historical-collection", order)
    pending = api.call("GET", f"/meters/{uid}")
    api.wait()
    done = api.call("GET", f"/meters/{uid}")

    assert answer == {"success": True, **order}
    assert (pending["status"], pending["is_activated"]) == ("pending", True)
    assert done["status"] == "updated"
    assert done["interval_coverage"] == [
        ["2025-08-10T00:00:00.000000-07:00", "2025-11-10T00:00:00.000000-08:00"]
    ]
    assert done["interval_count"] == 92 * 96 + 4  # one day had 25 hours
    assert done["bill_count"] == 2


def test_a_later_collection_fills_the_time_since() -> None:
    api = world()
    uid = api.collected(months=1)[0]
    first = api.call("GET", f"/meters/{uid}")["interval_coverage"]
    api.wait(3 * 86400)
    between = api.call("GET", f"/meters/{uid}")["interval_coverage"]
    api.call("POST", "/meters/historical-collection", {"meters": [uid], "collection_duration": 12})
    api.wait()

    last = api.call("GET", f"/meters/{uid}")["interval_coverage"]

    assert between == first
    assert last[0][0] == first[0][0]
    assert last[0][1].startswith("2025-11-13T00:00")


def test_the_default_duration_is_twelve_months() -> None:
    api = world()

    answer = api.call("POST", "/meters/historical-collection", {"meters": [only_meter(api)["uid"]]})

    assert answer["collection_duration"] == 12


@pytest.mark.parametrize("duration", [0, 37, -1, "12", 1.5, True])
def test_a_bad_duration_is_refused(duration: Any) -> None:
    api = world()
    body = {"meters": [only_meter(api)["uid"]], "collection_duration": duration}

    response = api.open("POST", "/meters/historical-collection", json=body)

    assert (response.status_code, response.get_json()["error"]) == (400, "invalid_param")


@pytest.mark.parametrize("path", ["historical-collection", "ongoing-monitoring"])
@pytest.mark.parametrize(
    ("meters", "error"),
    [
        (None, "required_param_missing"),
        ([], "required_param_missing"),
        ("8812014", "invalid_param"),
        ([None], "invalid_param"),
        (["1"], "expired_or_revoked"),
    ],
)
def test_bad_meters_are_refused(path: str, meters: Any, error: str) -> None:
    body = {"meters": meters, "frequency": "daily"}

    response = world().open("POST", f"/meters/{path}", json=body)

    assert (response.status_code, response.get_json()["error"]) == (400, error)


def test_collection_needs_a_prepaid_balance_when_so_switched() -> None:
    api = world(prepaid=False)
    body = {"meters": [only_meter(api)["uid"]]}

    assert api.open("POST", "/meters/historical-collection", json=body).status_code == 402


def test_revoked_meters_are_dropped_silently_and_refused_when_none_is_left() -> None:
    api = world()
    kept, revoked = api.authorized(), api.authorized()
    mine, gone = (one["meters"]["meters"][0]["uid"] for one in (kept, revoked))
    api.call("POST", f"/authorizations/{revoked['uid']}/revoke")

    answer = api.call("POST", "/meters/historical-collection", {"meters": [gone, mine]})
    alone = api.open("POST", "/meters/historical-collection", json={"meters": [gone]})

    assert answer["meters"] == [mine]
    assert (alone.status_code, alone.get_json()["error"]) == (400, "expired_or_revoked")


def test_expired_meters_are_dropped_too() -> None:
    api = world()
    uid = only_meter(api)["uid"]
    api.wait(3 * 366 * 86400)

    response = api.open("POST", "/meters/historical-collection", json={"meters": [uid]})

    assert (response.status_code, response.get_json()["error"]) == (400, "expired_or_revoked")


def test_an_order_while_pending_changes_nothing() -> None:
    api = world()
    uid = only_meter(api)["uid"]
    for _ in range(2):
        api.call("POST", "/meters/historical-collection", {"meters": [uid]})
    api.wait()

    assert api.event_types().count("meter_historical_collection_started") == 1


def test_daily_monitoring_brings_each_day() -> None:
    api = world()
    uid = api.collected(months=1)[0]
    answer = api.call("POST", "/meters/ongoing-monitoring", {"meters": [uid], "frequency": "daily"})
    before = api.call("GET", f"/meters/{uid}")
    api.wait(86400)
    after = api.call("GET", f"/meters/{uid}")

    assert answer == {"success": True, "meters": [uid], "frequency": "daily"}
    assert before["ongoing_monitoring"]["next_refresh"] == "2025-11-11T18:00:15.000000+00:00"
    assert after["ongoing_monitoring"]["next_refresh"] == "2025-11-12T18:00:15.000000+00:00"
    assert after["interval_count"] == before["interval_count"] + 96
    assert api.event_types()[-1] == "meter_intervals_added"


def test_monitoring_alone_covers_only_what_comes_after_it_and_history_can_follow() -> None:
    api = world()
    uid = only_meter(api)["uid"]
    api.call("POST", "/meters/ongoing-monitoring", {"meters": [uid], "frequency": "daily"})
    api.wait(2 * 86400)
    monitored = api.call("GET", f"/meters/{uid}")["interval_coverage"]
    api.call("POST", "/meters/historical-collection", {"meters": [uid], "collection_duration": 2})
    api.wait()

    assert [edge[:10] for edge in monitored[0]] == ["2025-11-10", "2025-11-12"]
    history = api.call("GET", f"/meters/{uid}")["interval_coverage"]
    assert [edge[:10] for edge in history[0]] == ["2025-09-12", "2025-11-12"]


def test_monitoring_can_be_ended() -> None:
    api = world()
    uid = api.collected(months=1)[0]
    for frequency in ("daily", "off"):
        api.call("POST", "/meters/ongoing-monitoring", {"meters": [uid], "frequency": frequency})
    before = api.call("GET", f"/meters/{uid}")["interval_count"]
    api.wait(3 * 86400)

    assert api.call("GET", f"/meters/{uid}")["interval_count"] == before


@pytest.mark.parametrize(("day", "planned"), [(28, "2025-12-28"), (31, "2025-12-31")])
def test_monthly_monitoring_may_have_a_fixed_day(day: int, planned: str) -> None:
    api = world()
    uid = only_meter(api)["uid"]
    body = {"meters": [uid], "frequency": "monthly", "fixed_refresh_day": day}
    api.call("POST", "/meters/ongoing-monitoring", body)

    monitoring = api.call("GET", f"/meters/{uid}")["ongoing_monitoring"]

    assert monitoring["next_refresh"].startswith(planned)
    assert monitoring["fixed_refresh_day"] == day
    assert api.open("POST", "/meters/ongoing-monitoring", json=body).status_code == 400


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({}, "required_param_missing"),
        ({"frequency": "hourly"}, "invalid_param"),
        ({"frequency": ["daily"]}, "invalid_param"),
        ({"frequency": "daily", "fixed_refresh_day": 3}, "invalid_param"),
        ({"frequency": "monthly", "fixed_refresh_day": 32}, "invalid_param"),
    ],
)
def test_bad_monitoring_orders_are_refused(extra: dict[str, Any], error: str) -> None:
    api = world()
    body = {"meters": [only_meter(api)["uid"]], **extra}

    response = api.open("POST", "/meters/ongoing-monitoring", json=body)

    assert (response.status_code, response.get_json()["error"]) == (400, error)


def test_no_data_later_than_ongoing_end_is_held() -> None:
    api = world()
    form = api.call("POST", "/forms", {"scope": {"ongoing_end": "2025-11-05T12:00:00Z"}})
    sent = {"utility": "SCE", "scenario": "residential"}
    api.call("POST", f"/forms/{form['uid']}/test-submit", sent)
    api.wait()
    api.wait()
    uid = api.call("GET", "/meters")["meters"][0]["uid"]
    api.call("POST", "/meters/historical-collection", {"meters": [uid], "collection_duration": 1})
    api.wait()

    assert api.call("GET", f"/meters/{uid}")["interval_coverage"][0][1].startswith(
        "2025-11-05T00:00"
    )


def test_a_revoked_authorization_ends_its_monitoring() -> None:
    api = world()
    uid = api.collected(months=1)[0]
    api.call("POST", "/meters/ongoing-monitoring", {"meters": [uid], "frequency": "daily"})
    authorization = api.call("GET", "/authorizations")["authorizations"][0]["uid"]
    api.call("POST", f"/authorizations/{authorization}/revoke")
    api.wait(86400)

    assert api.event_types()[-1] == "authorization_revoked"


def test_bulk_authorizations_are_collected_and_quiet() -> None:
    api = world()
    body = {"count": 10, "first": 5, "months": 2}

    made = api.call("POST", "/sandbox/utilityapi/authorizations", body)["authorizations"]

    listed = api.call("GET", "/meters")["meters"]
    assert len(made) == len(listed) == 10
    assert {meter["status"] for meter in listed} == {"updated"}
    assert all(meter["interval_count"] > 5000 for meter in listed)
    assert api.event_types() == []


@pytest.mark.parametrize(
    "body",
    [{}, {"count": 0}, {"count": "5"}, {"count": 1, "months": 99}, {"count": 1, "first": -1}],
)
def test_bad_bulk_orders_are_refused(body: dict[str, Any]) -> None:
    response = world().open("POST", "/sandbox/utilityapi/authorizations", json=body)

    assert response.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"nonsense": 1},
        {"prepaid": "no"},
        {"straddle": "both"},
        {"omit": ["all"]},
        {"page_sizes": {"meters": 0}},
        {"page_sizes": {"things": 5}},
        {"webhooks": [{"url": "http://127.0.0.1/"}]},
        {"interval_days": 0},
    ],
)
def test_an_unknown_or_wrong_setting_is_refused_and_changes_nothing(change: dict[str, Any]) -> None:
    api = world()
    before = api.call("GET", "/sandbox/utilityapi/settings")

    response = api.open("PATCH", "/sandbox/utilityapi/settings", json=change)

    assert response.status_code == 400
    assert api.call("GET", "/sandbox/utilityapi/settings") == before
