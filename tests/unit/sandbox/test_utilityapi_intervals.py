"""Intervals and bills: ranges, pages, datapoints, daylight saving, and every switch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from dcarbon_sandbox import restatements
from dcarbon_sandbox.loads import Restatement
from tests.unit.sandbox.utilityapi_world import World, world


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def points(reading: Any) -> dict[str, float]:
    return {point["type"]: point["value"] for point in reading["datapoints"]}


@pytest.fixture(name="solar")
def _solar() -> tuple[World, str]:
    api = world()
    return api, api.collected()[0]


@pytest.mark.parametrize(
    ("day", "following", "quarters"),
    [
        ("2025-11-01", "2025-11-02", 96),
        ("2025-11-02", "2025-11-03", 100),
        ("2025-03-09", "2025-03-10", 92),
    ],
)
def test_a_short_date_is_local_and_a_switch_day_has_its_own_length(
    day: str, following: str, quarters: int
) -> None:
    api = world()
    uid = api.collected(months=9)[0]

    held = api.readings(f"meters={uid}&start={day}&end={following}")

    assert len(held) == len({reading["start"] for reading in held}) == quarters
    assert min(reading["start"] for reading in held).startswith(f"{day}T00:00")


def test_readings_are_newest_first_and_touch_each_other(solar: tuple[World, str]) -> None:
    api, uid = solar

    held = api.readings(f"meters={uid}&start=2025-10-28&end=2025-11-06")

    assert all(instant(new["start"]) == instant(old["end"]) for new, old in pairwise(held))


def test_offsets_change_inside_the_repeated_hour(solar: tuple[World, str]) -> None:
    api, uid = solar
    held = api.readings(f"meters={uid}&start=2025-11-02&end=2025-11-03")

    ones = [reading["start"] for reading in held if "T01:00" in reading["start"]]

    assert ones == ["2025-11-02T01:00:00.000000-08:00", "2025-11-02T01:00:00.000000-07:00"]


def test_net_is_forward_minus_reverse_and_kwh_equals_net(solar: tuple[World, str]) -> None:
    api, uid = solar
    held = api.readings(f"meters={uid}&start=2025-10-01&end=2025-10-08")

    for reading in held:
        found = {name: Decimal(str(value)) for name, value in points(reading).items()}
        assert found["net"] == found.get("fwd", 0) - found.get("rev", 0)
        assert Decimal(str(reading["kwh"])) == found["net"]
        assert found.get("max", 0) == 4 * found.get("fwd", 0)
    assert any(points(reading).get("rev", 0) > 0.2 for reading in held)
    assert any("rev" not in points(reading) for reading in held)


def test_gas_is_in_therms_by_local_day_with_kwh_null() -> None:
    api = world()
    uid = api.collected("commercial")[3]

    held = api.readings(f"meters={uid}&start=2025-11-01&end=2025-11-05")

    assert len(held) == 4
    assert {reading["kwh"] for reading in held} == {None}
    assert {point["unit"] for reading in held for point in reading["datapoints"]} == {"therms"}
    assert {instant(r["end"]) - instant(r["start"]) for r in held} == {
        timedelta(hours=24),
        timedelta(hours=25),
    }


def test_next_leads_through_everything_once(solar: tuple[World, str]) -> None:
    api, uid = solar
    first = api.call("GET", f"/intervals?meters={uid}&start=2025-09-10")

    held = api.readings(f"meters={uid}&start=2025-09-10")

    assert first["is_incomplete"]
    assert len(first["intervals"]) == 4
    assert len(held) == api.call("GET", f"/meters/{uid}")["interval_count"]
    assert len({reading["start"] for reading in held}) == len(held)


@pytest.mark.parametrize("order", ["latest_first", "earliest_first"])
def test_objects_come_in_the_order_asked_for(solar: tuple[World, str], order: str) -> None:
    api, uid = solar

    objects = api.intervals(f"meters={uid}&start=2025-09-10&order={order}")

    starts = [int(item["uid"].split("-")[2]) for item in objects]
    assert starts == sorted(starts, reverse=order == "latest_first")


def test_limit_counts_objects_not_readings(solar: tuple[World, str]) -> None:
    api, uid = solar

    page = api.call("GET", f"/intervals?meters={uid}&start=2025-09-10&limit=2")

    assert len(page["intervals"]) == 2
    assert "limit=2" in page["next"]


def test_several_meters_and_authorizations_can_be_asked_at_once() -> None:
    api = world()
    first, second = api.collected()[0], api.collected()[0]
    holders = [one["uid"] for one in api.call("GET", "/authorizations")["authorizations"]]

    by_meter = api.intervals(f"meters={first}&meters={second}&start=2025-11-01")
    by_holder = api.intervals(f"authorizations={','.join(holders)}&start=2025-11-01")

    assert {item["meter_uid"] for item in by_meter} == {first, second}
    assert sorted(i["uid"] for i in by_meter) == sorted(i["uid"] for i in by_holder)


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("", 400, "required_param_missing"),
        ("meters=", 400, "required_param_missing"),
        ("meters=1", 404, "not_found"),
        ("authorizations=1", 404, "not_found"),
        ("meters={uid}&start=yesterday", 400, "invalid_param"),
        ("meters={uid}&start=2025-13-01", 400, "invalid_param"),
        ("meters={uid}&start=2025-11-01 00:00:00", 400, "invalid_param"),
        ("meters={uid}&end=11/01/2025 1:00 PM", 400, "invalid_param"),
        ("meters={uid}&order=random", 400, "invalid_param"),
        ("meters={uid}&after=8812014-1-2", 400, "invalid_param"),
    ],
)
def test_bad_queries_are_refused(
    solar: tuple[World, str], query: str, status: int, error: str
) -> None:
    api, uid = solar

    response = api.get(f"/intervals?{query.format(uid=uid)}")

    assert (response.status_code, response.get_json()["error"]) == (status, error)


@pytest.mark.parametrize(
    "start",
    ["2025-11-01T00:00:00-07:00", "2025-11-01T07:00:00Z", "2025-11-01T07:00:00.000000%2B00:00"],
)
def test_the_same_instant_may_be_written_in_any_accepted_form(
    solar: tuple[World, str], start: str
) -> None:
    api, uid = solar

    same = api.readings(f"meters={uid}&start={start}&end=2025-11-02")

    assert same == api.readings(f"meters={uid}&start=2025-11-01&end=2025-11-02")


def test_empty_dates_count_as_absent_and_then_the_last_three_days_come(
    solar: tuple[World, str],
) -> None:
    api, uid = solar

    assert len(api.readings(f"meters={uid}&start=&end=&allow_mixed=true")) == 3 * 96


def test_a_reversed_range_is_empty(solar: tuple[World, str]) -> None:
    api, uid = solar

    assert api.intervals(f"meters={uid}&start=2025-11-05&end=2025-11-01") == []


def test_a_meter_not_collected_has_no_intervals() -> None:
    api = world()
    uid = api.authorized()["meters"]["meters"][0]["uid"]

    assert api.intervals(f"meters={uid}&start=2025-11-01") == []


def test_straddling_objects_are_cut_or_whole_by_switch(solar: tuple[World, str]) -> None:
    api, uid = solar
    query = f"meters={uid}&start=2025-11-03&end=2025-11-04"

    cut = api.readings(query)
    api.service.configure({"straddle": "whole"})
    whole = api.readings(query)

    assert len(cut) == 96
    assert len(whole) == 676  # the seven days around it, of which one had 25 hours
    assert [reading for reading in whole if reading in cut] == cut


def test_an_object_grows_and_its_uid_changes(solar: tuple[World, str]) -> None:
    api, uid = solar
    query = f"meters={uid}&start=2025-11-07"
    before = api.intervals(query)[0]
    api.call("POST", "/meters/ongoing-monitoring", {"meters": [uid], "frequency": "daily"})
    api.wait(86400)

    after = api.intervals(query)[0]

    assert before["uid"] != after["uid"]
    assert before["uid"].split("-")[2] == after["uid"].split("-")[2]
    assert after["updated"] > before["updated"]
    assert after["created"] == before["created"]
    assert len(after["readings"]) == len(before["readings"]) + 96


def test_an_old_object_stays_as_it_was(solar: tuple[World, str]) -> None:
    api, uid = solar
    query = f"meters={uid}&start=2025-09-20&end=2025-10-10"
    before = api.get(f"/intervals?{query}").data
    api.wait(5 * 86400)

    assert api.get(f"/intervals?{query}").data == before


def test_estimates_are_marked_and_later_restated() -> None:
    api = world()
    made = api.call("POST", "/sandbox/utilityapi/authorizations", {"count": 30, "months": 1})
    uids = ",".join(uid for one in made["authorizations"] for uid in one["meter_uids"])
    query = f"meters={uids}&start=2025-11-08&limit=100"

    before = {item["meter_uid"]: item for item in api.intervals(query)}
    api.wait(4 * 86400)
    after = {item["meter_uid"]: item for item in api.intervals(query)}

    estimated = [uid for uid, item in before.items() if item["base"]["qualities"] == ["estimated"]]
    assert estimated
    assert {tuple(item["base"]["qualities"]) for item in after.values()} == {()}
    assert any(before[uid]["readings"] != after[uid]["readings"] for uid in estimated)
    assert all(after[uid]["updated"] > before[uid]["updated"] for uid in estimated)


def test_an_ordered_restatement_changes_values_and_updated(solar: tuple[World, str]) -> None:
    api, uid = solar
    service = api.call("GET", f"/meters/{uid}")["base"]["service_identifier"]
    day = datetime(2025, 10, 1, 7, tzinfo=UTC)
    query = f"meters={uid}&start=2025-10-01&end=2025-10-02"
    before = api.intervals(query)[0]

    order = Restatement(service, day, day + timedelta(days=1), 3.0, api.clock.now())
    api.wait(60)
    restatements.add(api.service.state, order)
    after = api.intervals(query)[0]

    for old, new in zip(before["readings"], after["readings"], strict=True):
        assert Decimal(str(new["kwh"])) == 3 * Decimal(str(old["kwh"]))
    assert instant(after["updated"]) == order.at


@pytest.mark.parametrize(
    ("omitted", "left"),
    [
        (["kwh"], {"net", "fwd", "rev", "max"}),
        (["fwd", "rev", "max"], {"net"}),
        (["net"], {"fwd", "rev", "max"}),
        (["net", "fwd", "rev", "max"], set()),
    ],
)
def test_members_can_be_omitted(omitted: list[str], left: set[str]) -> None:
    api = world(omit=omitted)
    uid = api.collected()[0]

    held = api.readings(f"meters={uid}&start=2025-11-01&end=2025-11-03")

    assert {name for reading in held for name in points(reading)} == left
    assert all(("kwh" in reading) == ("kwh" not in omitted) for reading in held)


def test_objects_can_overlap() -> None:
    api = world(overlap=True)
    uid = api.collected()[0]

    held = api.readings(f"meters={uid}&start=2025-10-01&end=2025-10-20")

    starts = [reading["start"] for reading in held]
    assert len(starts) > len(set(starts)) == 19 * 96


def test_extras_can_be_switched_on() -> None:
    api = world(unknown_extras=True)
    uid = api.collected()[0]

    page = api.call("GET", f"/intervals?meters={uid}")

    assert "sandbox_member" in page
    assert "sandbox_novelty" in page["intervals"][0]["blocks"]
    assert "kvarh_fwd" in points(page["intervals"][0]["readings"][0])


def test_an_hourly_customer_has_hourly_readings() -> None:
    api = world()
    data = {"step": "login", "utility": "LADWP", "login": "hourly", "password": "hourly"}
    page = api.http.post("/authorize/sandbox", data=data).text
    key = page.split('name="key" value="')[1].split('"')[0]
    api.http.post("/authorize/sandbox", data={"step": "consent", "key": key, "answer": "agree"})
    api.wait()
    api.wait()
    uid = api.call("GET", "/meters")["meters"][0]["uid"]
    api.call("POST", "/meters/historical-collection", {"meters": [uid], "collection_duration": 1})
    api.wait()

    held = api.readings(f"meters={uid}&start=2025-11-02&end=2025-11-03")

    assert len(held) == 25


def test_bills_add_up_to_the_readings(solar: tuple[World, str]) -> None:
    api, uid = solar

    bills = api.call("GET", f"/bills?meters={uid}")["bills"]

    base = bills[0]["base"]
    held = api.readings(f"meters={uid}&start=2025-10-01&end=2025-11-01")
    assert base["bill_start_date"] == "2025-10-01T00:00:00.000000-07:00"
    total = sum(Decimal(str(reading["kwh"])) for reading in held)
    assert Decimal(str(base["bill_total_volume"])) == total
    assert base["bill_total_unit"] == "kwh"


def test_bills_page_and_filter_by_date() -> None:
    api = world(page_sizes={"bills": 2})
    uid = api.collected(months=6)[0]

    page = api.call("GET", f"/bills?meters={uid}&start=2025-06-01&end=2025-10-01")
    rest = api.follow(page["next"])

    months = [bill["base"]["bill_start_date"][:7] for bill in page["bills"] + rest["bills"]]
    assert months == ["2025-09", "2025-08", "2025-07", "2025-06"]
    assert rest["next"] is None


def test_the_csv_holds_the_same_readings_and_names_the_zone(solar: tuple[World, str]) -> None:
    api, uid = solar
    link = api.call("GET", f"/meters/{uid}")["exports"]["intervals_csv"]

    lines = api.get(link.removeprefix("https://sandbox.test:8443")).text.splitlines()

    assert lines[0].startswith("meter_uid,utility,utility_service_id,utility_billing_account,")
    assert len(lines) - 1 == api.call("GET", f"/meters/{uid}")["interval_count"]
    assert lines[1].endswith(",US/Pacific")
    newest = api.readings(f"meters={uid}")[0]
    assert f",{newest['start']},{newest['end']},{newest['kwh']}," in lines[1]
