"""Daily totals by the API: stored days of one meter, local to it, for whoever may see it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from dcarbon.db.base import new_id
from dcarbon.services import derived_energy
from dcarbon.services.runtime import Runtime
from dcarbon_api.daily_energy.messages import DailyEnergyAnswer
from tests.integration.api.conftest import Resident, install_meter, said

MIDNIGHT = datetime(2026, 3, 7, 8, tzinfo=UTC)
"""In California, on the day before the clocks go forward."""


@pytest.fixture
def meter_id(runtime: Runtime, ann: Resident) -> UUID:
    values: list[int | None] = [10] * (96 + 92)
    values[3] = None
    return install_meter(runtime, ann.facility_id, first=MIDNIGHT, values=values)


def test_days_are_local_and_say_what_is_missing(
    client: FlaskClient, runtime: Runtime, ann: Resident, meter_id: UUID
) -> None:
    derived_energy.derive_changed(runtime.sessions, now=runtime.now())
    query = {"meter_id": str(meter_id), "start": "2026-03-01", "end": "2026-04-01"}

    response = client.get("/daily-energy", query_string=query, headers=ann.headers)

    assert (response.status_code, response.mimetype) == (200, "application/json")
    found = DailyEnergyAnswer.model_validate_json(response.data)
    (channel,) = found.channels
    assert found.time_zone == "America/Los_Angeles"
    assert channel.days == [date(2026, 3, 7), date(2026, 3, 8)]
    quantities = [value * 10**channel.exponent for value in channel.values]
    assert quantities == [950, 920]
    assert (channel.readings, channel.expected) == ([95, 92], [96, 92])


def test_the_end_is_not_part_of_the_range(
    client: FlaskClient, runtime: Runtime, ann: Resident, meter_id: UUID
) -> None:
    derived_energy.derive_changed(runtime.sessions, now=runtime.now())
    query = {"meter_id": str(meter_id), "start": "2026-03-07", "end": "2026-03-08"}

    response = client.get("/daily-energy", query_string=query, headers=ann.headers)

    assert said(response)["channels"][0]["days"] == ["2026-03-07"]


def test_a_meter_without_derived_days_has_no_channels(
    client: FlaskClient, ann: Resident, meter_id: UUID
) -> None:
    query = {"meter_id": str(meter_id), "start": "2026-03-01", "end": "2026-04-01"}

    response = client.get("/daily-energy", query_string=query, headers=ann.headers)

    assert said(response)["channels"] == []


def test_somebody_elses_meter_is_not_there(
    client: FlaskClient, ben: Resident, meter_id: UUID
) -> None:
    for asked in (meter_id, new_id()):
        query = {"meter_id": str(asked), "start": "2026-03-01", "end": "2026-04-01"}
        assert (
            client.get("/daily-energy", query_string=query, headers=ben.headers).status_code == 404
        )


@pytest.mark.parametrize(
    ("start", "code"),
    [
        ("2026-03-02", "range_reversed"),
        ("2020-03-02", "range_too_long"),
        ("soon", "request_invalid"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    client: FlaskClient, ann: Resident, meter_id: UUID, start: str, code: str
) -> None:
    query = {"meter_id": str(meter_id), "start": start, "end": "2026-03-02"}

    response = client.get("/daily-energy", query_string=query, headers=ann.headers)

    assert (response.status_code, said(response)["code"]) == (422, code)
