"""The sensor of reported months opens corrections by itself, and starts no run."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest

from dcarbon.services import facilities, generation_reports, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.facilities import FacilityDetails
from dcarbon.services.runtime import Runtime
from sensors.adjustments import reported_months
from tests.support import solar_month
from tests.support.solar_month import Roof

pytestmark = [pytest.mark.database, pytest.mark.dagster]
FEBRUARY = date(2026, 2, 1)


@pytest.fixture
def roof(runtime: Runtime, tmp_path: Path) -> Roof:
    now = runtime.now()
    person = people.ensure(
        runtime.sessions,
        email="ann@example.test",
        account_kind="residential",
        actor=SYSTEM,
        now=now,
    )
    facility = facilities.create(
        runtime.sessions,
        FacilityDetails(name="House"),
        account_kind="residential",
        role="owner_operator",
        actor=Actor(person.id),
        now=now,
    )
    content = solar_month.feed(FEBRUARY, date(2026, 2, 28))
    actor = Actor(person.id)
    return solar_month.build(runtime, facility, actor, tmp_path, content, claim_from=FEBRUARY)


def _evaluate(instance: dg.DagsterInstance, runtime: Runtime) -> str:
    with dg.build_sensor_context(instance=instance, resources={"runtime": runtime}) as context:
        data = reported_months.evaluate_tick(context)
    assert not data.run_requests
    return str(data.skip_message)


def test_a_restated_month_that_was_reported_gets_its_correction(
    instance: dg.DagsterInstance, roof: Roof
) -> None:
    runtime = roof.runtime
    report = generation_reports.prepare(runtime, roof.unit_id, FEBRUARY, actor=roof.actor)
    generation_reports.finalise(runtime, report, actor=roof.actor)
    before = _evaluate(instance, runtime)

    def dimmer(direction: str, at: datetime) -> int:
        return solar_month.sunny(direction, at) - (9_000 if at.hour == 12 else 0)

    roof.take_in(solar_month.feed(FEBRUARY, FEBRUARY, lambda way, at: max(0, dimmer(way, at) // 2)))

    assert before == "No reported month has changed."
    assert _evaluate(instance, runtime) == "Corrections: 1 opened."
    assert _evaluate(instance, runtime) == "No reported month has changed."
