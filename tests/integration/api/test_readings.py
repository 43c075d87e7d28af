"""Meters and readings by the API: exact, scoped to the person, clear about bad ranges."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from dcarbon.db.base import new_id
from dcarbon.db.meters import Meter, MeterChannel
from dcarbon.db.people import Person
from dcarbon.services.runtime import Runtime
from dcarbon_api.intervals.messages import IntervalsAnswer
from dcarbon_api.meters.messages import MetersAnswer
from tests.integration.api.conftest import Resident, install_meter, said

FIRST = datetime(2026, 3, 5, 8, tzinfo=UTC)
"""Midnight in California."""


@pytest.fixture
def meter_id(runtime: Runtime, ann: Resident) -> UUID:
    values: list[int | None] = list(range(100, 196))
    values[5] = None
    values[6] = 0
    return install_meter(runtime, ann.facility_id, first=FIRST, values=values)


def _ask(client: FlaskClient, who: Resident, meter_id: object, **query: str) -> TestResponse:
    asked = {"meter_id": str(meter_id), "start": "2026-03-05", "end": "2026-03-06", **query}
    return client.get("/intervals", query_string=asked, headers=who.headers)


def test_a_day_of_readings_comes_as_one_column_with_gaps_as_null(
    client: FlaskClient, ann: Resident, meter_id: UUID
) -> None:
    response = _ask(client, ann, meter_id)

    assert (response.status_code, response.mimetype) == (200, "application/json")
    IntervalsAnswer.model_validate_json(response.data)
    series = said(response)["series"][0]
    assert (said(response)["start"], series["start"]) == ("2026-03-05T08:00:00Z",) * 2
    assert len(series["values"]) == 96
    assert series["values"][4:8] == [104, None, 0, 107]
    assert (series["interval_s"], series["exponent"], series["direction"]) == (900, 0, "delivered")
    assert said(response)["periods"] == []


def test_rows_are_the_same_readings_one_by_one(
    client: FlaskClient, ann: Resident, meter_id: UUID
) -> None:
    response = _ask(client, ann, meter_id, layout="rows")

    IntervalsAnswer.model_validate_json(response.data)
    readings = said(response)["readings"]
    assert len(readings) == 95
    assert readings[0] == {
        "start": "2026-03-05T08:00:00Z",
        "end": "2026-03-05T08:15:00Z",
        "value": "100",
        "unit": "Wh",
        "direction": "delivered",
        "measure": "usage",
        "quality": None,
        "channel_id": readings[0]["channel_id"],
    }


def test_the_end_is_not_part_of_the_range(
    client: FlaskClient, ann: Resident, meter_id: UUID
) -> None:
    response = _ask(
        client, ann, meter_id, start="2026-03-05T08:00:00Z", end="2026-03-05T00:30:00-08:00"
    )

    assert said(response)["series"][0]["values"] == [100, 101]


def test_a_plus_sign_that_arrives_as_a_blank_is_understood(
    client: FlaskClient, ann: Resident, meter_id: UUID
) -> None:
    address = (
        f"/intervals?meter_id={meter_id}&start=2026-03-05T08:00:00+00:00"
        "&end=2026-03-05T08:15:00+00:00"
    )

    response = client.get(address, headers=ann.headers)

    assert said(response)["series"][0]["values"] == [100]


def test_the_shortest_local_day_has_23_hours(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    first = datetime(2026, 3, 8, 8, tzinfo=UTC)
    meter_id = install_meter(
        runtime, ann.facility_id, first=first, values=list(range(30)), interval_s=3600
    )

    response = _ask(client, ann, meter_id, start="2026-03-08", end="2026-03-09")

    assert len(said(response)["series"][0]["values"]) == 23


def test_periods_on_no_grid_are_parallel_arrays(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    meter_id = install_meter(
        runtime,
        ann.facility_id,
        first=FIRST,
        values=[310, 280],
        interval_s=0,
        durations_s=[2_678_400, 2_592_000],
    )

    response = _ask(client, ann, meter_id, end="2026-05-01")

    IntervalsAnswer.model_validate_json(response.data)
    period = said(response)["periods"][0]
    assert period["value"] == [310, 280]
    assert period["duration_s"] == [2_678_400, 2_592_000]
    assert period["start"][0] == "2026-03-05T08:00:00Z"


def test_values_wider_than_a_float_stay_exact(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    huge = 2**53 + 1
    meter_id = install_meter(
        runtime, ann.facility_id, first=FIRST, values=[huge, None, 1], exponent=-3
    )

    columns = said(_ask(client, ann, meter_id))["series"][0]
    rows = said(_ask(client, ann, meter_id, layout="rows"))["readings"]

    scaled = columns["values"][0] * 1000 * 10 ** (columns["exponent"] + 3) // 1000
    assert scaled == huge
    assert rows[0]["value"] == "9007199254740.993"


def test_a_range_without_readings_is_empty_and_no_error(
    client: FlaskClient, ann: Resident, meter_id: UUID
) -> None:
    response = _ask(client, ann, meter_id, start="2026-01-01", end="2026-01-02")

    assert (response.status_code, said(response)["series"]) == (200, [])


@pytest.mark.parametrize(
    ("bounds", "code"),
    [
        (("2026-03-06", "2026-03-05"), "range_reversed"),
        (("2026-03-05", "2026-03-05"), "range_reversed"),
        (("2026-03-05T00:00:00", "2026-03-06"), "time_naive"),
        (("yesterday", "2026-03-06"), "time_unreadable"),
        (("2026-13-01", "2026-03-06"), "time_unreadable"),
        (("", "2026-03-06"), "time_unreadable"),
        (("\x00", "2026-03-06"), "time_unreadable"),
        (("1826-03-05", "2026-03-06"), "range_absurd"),
        (("2026-03-05", "9999-12-31"), "range_absurd"),
        (("0001-01-01T00:00:00+14:00", "2026-03-06"), "range_absurd"),
        (("2026-03-05", "9999-12-31T23:59:59-14:00"), "range_absurd"),
        (("2016-03-05", "2026-03-05"), "range_too_long"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused_by_its_code(
    client: FlaskClient, ann: Resident, meter_id: UUID, bounds: tuple[str, str], code: str
) -> None:
    response = _ask(client, ann, meter_id, start=bounds[0], end=bounds[1])

    assert (response.status_code, said(response)["code"]) == (422, code)
    assert said(response)["detail"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"start": "2026-03-05", "end": "2026-03-06"}, {"meter_id": "is missing"}),
        (
            {"meter_id": "7"},
            {"meter_id": "must be a UUID", "start": "is missing", "end": "is missing"},
        ),
        (
            {"meter_id": str(UUID(int=7)), "start": "a", "end": "b", "layout": "pie"},
            {"layout": "should be 'columns' or 'rows'"},
        ),
        (
            {"meter_id": str(UUID(int=7)), "start": ["2026-03-05", "2026-03-06"], "end": "b"},
            {"start": "must be text"},
        ),
        (
            {"meter_id": str(UUID(int=7)), "start": "a", "end": "b", "strat": "c"},
            {"strat": "is not known here"},
        ),
        ({"meter_id": str(UUID(int=7)), "start": "9" * 500, "end": "b"}, {"start": "is too long"}),
    ],
    ids=["missing", "no_uuid", "unknown_layout", "twice", "unknown", "too_long"],
)
def test_parameters_that_do_not_fit_are_listed_in_words(
    client: FlaskClient, ann: Resident, query: dict[str, object], fields: dict[str, str]
) -> None:
    response = client.get("/intervals", query_string=query, headers=ann.headers)

    assert response.status_code == 422
    assert {each["field"]: each["problem"] for each in said(response)["errors"]} == fields


def test_somebody_elses_meter_is_404_like_an_unknown_one(
    client: FlaskClient, ben: Resident, meter_id: UUID
) -> None:
    for asked in (meter_id, new_id()):
        response = _ask(client, ben, asked)
        assert (response.status_code, said(response)["code"]) == (404, "not_found")


def test_an_administrator_reads_every_meter(
    client: FlaskClient, runtime: Runtime, ben: Resident, meter_id: UUID
) -> None:
    with runtime.sessions.begin() as session:
        session.execute(update(Person).where(Person.id == ben.person_id).values(is_admin=True))

    response = _ask(client, ben, meter_id)

    assert (response.status_code, len(said(response)["series"])) == (200, 1)


def test_each_direction_is_a_series_and_bills_stand_beside(
    client: FlaskClient, runtime: Runtime, ann: Resident, meter_id: UUID
) -> None:
    hourly = install_meter(
        runtime,
        ann.facility_id,
        first=FIRST,
        values=[7, None, 9],
        interval_s=3600,
        direction="received",
    )
    billed = install_meter(
        runtime,
        ann.facility_id,
        first=FIRST,
        values=[310],
        interval_s=0,
        direction="net",
        durations_s=[2_678_400],
    )
    others = [hourly, billed]
    with runtime.sessions.begin() as session:
        session.execute(
            update(MeterChannel).where(MeterChannel.meter_id.in_(others)).values(meter_id=meter_id)
        )

    answer = _ask(client, ann, meter_id)

    IntervalsAnswer.model_validate_json(answer.data)
    told = {one["direction"]: one["values"] for one in said(answer)["series"]}
    assert sorted(told) == ["delivered", "received"]
    assert told["received"] == [7, None, 9]
    assert len(told["delivered"]) == 96
    assert [one["value"] for one in said(answer)["periods"]] == [[310]]


def test_a_meter_without_channels_has_no_series_and_is_no_error(
    client: FlaskClient, runtime: Runtime, ann: Resident
) -> None:
    with runtime.sessions.begin() as session:
        meter = Meter(
            facility_id=ann.facility_id,
            provider="pge",
            utility="PG&E",
            external_id="new",
            time_zone="America/Los_Angeles",
        )
        session.add(meter)

    response = _ask(client, ann, meter.id)

    assert (response.status_code, said(response)["series"]) == (200, [])


def test_meters_of_a_facility_come_with_their_channels(
    client: FlaskClient, ann: Resident, meter_id: UUID
) -> None:
    response = client.get(f"/meters?facility_id={ann.facility_id}", headers=ann.headers)

    meters = MetersAnswer.model_validate_json(response.data).meters
    assert [meter.id for meter in meters] == [meter_id]
    assert [channel.interval_s for channel in meters[0].channels] == [[900]]


@pytest.mark.parametrize("parameter", ["facility_id", "authorization"])
def test_meters_of_an_unknown_facility_or_authorization_are_404(
    client: FlaskClient, ann: Resident, parameter: str
) -> None:
    response = client.get(f"/meters?{parameter}={new_id()}", headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == (404, "not_found")


def test_meters_of_somebody_elses_facility_are_404(
    client: FlaskClient, ben: Resident, ann: Resident, meter_id: UUID
) -> None:
    response = client.get(f"/meters?facility_id={ann.facility_id}", headers=ben.headers)

    assert response.status_code == 404


@pytest.mark.parametrize("query", ["", "facility_id=", "facility_id=7", "id=7"])
def test_meters_need_to_be_told_whose(client: FlaskClient, ann: Resident, query: str) -> None:
    response = client.get(f"/meters?{query}", headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == (422, "request_invalid")
