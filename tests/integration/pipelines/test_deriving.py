"""Days whose readings changed are derived by a run that shows which, and months after them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import dagster as dg
import pytest
from sqlalchemy import text, update

from dcarbon.db.base import new_id
from dcarbon.db.tables import (
    ChannelEligibility,
    DailyEnergy,
    GeneratingUnit,
    MeterClaim,
    MonthlyGeneration,
)
from dcarbon.services import derived_energy
from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.sync_runs import SYNC
from sensors.changed_readings import changed_readings
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.ticks import asked_by

pytestmark = [pytest.mark.database, pytest.mark.dagster]

MIDNIGHT = datetime(2026, 3, 6, 8, tzinfo=UTC)
"""Of Friday, 6 March in California; the clocks go forward on Sunday."""
DAILY, EXPORT, MONTHLY = (
    dg.AssetKey(name) for name in ("daily_energy", "hourly_export", "monthly_generation")
)


class Runs:
    """What the sensor asks for, run as the daemon would."""

    def __init__(
        self, instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime
    ) -> None:
        self.instance, self.definitions, self.runtime = instance, definitions, runtime

    def asked(self) -> list[dg.RunRequest] | str:
        return asked_by(changed_readings, self.instance, self.definitions, self.runtime)

    def request(self) -> dg.RunRequest:
        asked = self.asked()
        assert isinstance(asked, list)
        (request,) = asked
        return request

    def next(self) -> dg.ExecuteInProcessResult:
        request = self.request()
        assert request.job_name is not None
        return self.definitions.resolve_job_def(request.job_name).execute_in_process(
            instance=self.instance, tags=dict(request.tags), run_config=request.run_config
        )

    def by_hand(self, job: str, key: str) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=key
        )


@pytest.fixture
def runs(instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime) -> Runs:
    return Runs(instance, definitions, runtime)


@pytest.fixture
def meter(world: World) -> UUID:
    """A meter that takes 500 Wh in each of three days' hours and gives 700."""
    meter = world.meter(world.authorization())
    world.read(world.series(meter), MIDNIGHT, [500] * 71)
    world.read(world.series(meter, "received"), MIDNIGHT, [700] * 71)
    return meter


def materialized(result: dg.ExecuteInProcessResult, asset: dg.AssetKey) -> list[str | None]:
    events = result.get_asset_materialization_events()
    return [event.partition for event in events if event.asset_key == asset]


def numbers_of(
    result: dg.ExecuteInProcessResult, asset: dg.AssetKey, key: str
) -> dict[str, object]:
    (event,) = [
        event
        for event in result.get_asset_materialization_events()
        if (event.asset_key, event.partition) == (asset, key)
    ]
    return {name: one.value for name, one in event.step_materialization_data.materialization
            .metadata.items()}  # fmt: skip


def verdicts(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


@pytest.mark.usefixtures("meter")
def test_new_readings_become_a_run_that_materializes_their_days(runs: Runs) -> None:
    request = runs.request()

    result = runs.next()

    assert request.tags["about"] == "Energy of changed days, 2026-03-06 to 2026-03-09"
    assert materialized(result, DAILY) == ["2026-03-06", "2026-03-07", "2026-03-08"]
    assert materialized(result, EXPORT) == ["2026-03-06", "2026-03-07", "2026-03-08"]
    assert verdicts(result) == {
        "daily_totals_equal_their_readings": True,
        "hourly_export_equals_its_readings": True,
    }
    sunday = numbers_of(result, DAILY, "2026-03-08")
    assert (sunday["channels"], sunday["complete_percent"]) == (2, 100.0)
    assert (sunday["kwh_delivered"], sunday["kwh_received"]) == (11.5, 16.1)
    export = numbers_of(result, EXPORT, "2026-03-08")
    assert (export["kwh_exported_by_the_hour"], export["missing_hours"]) == (4.6, 0)
    assert runs.asked() == "Everything derived is up to date."


def test_late_readings_touch_their_days_only(runs: Runs, world: World, meter: UUID) -> None:
    runs.next()
    other = world.series(meter, "net")
    world.read(other, MIDNIGHT + timedelta(hours=3), [-200] * 2)

    result = runs.next()

    assert materialized(result, DAILY) == ["2026-03-06"]
    (observed,) = result.get_asset_observation_events()
    found = observed.asset_observation_data.asset_observation.metadata
    assert (found["days_touched"].value, found["rows_stored_anew"].value) == (1, 1)
    assert "2026-03-06" in str(found["days"].value)


@pytest.mark.usefixtures("meter")
def test_a_day_materialized_by_hand_is_derived_whole(runs: Runs, runtime: Runtime) -> None:
    runs.next()
    with runtime.sessions.begin() as session:
        session.execute(update(DailyEnergy).values(value=1))

    result = runs.by_hand("derive_days", "2026-03-07")

    assert materialized(result, DAILY) == ["2026-03-07"]
    with runtime.sessions() as session:
        stored = session.execute(text("select meter_day, value from daily_energy order by 1, 2"))
        assert [row.value for row in stored] == [1, 1, 12_000, 16_800, 1, 1]


@pytest.mark.usefixtures("meter")
def test_totals_that_do_not_agree_with_their_readings_are_found(
    runs: Runs, runtime: Runtime
) -> None:
    """To the last unit: one Wh in a day is one too many."""
    runs.next()
    with runtime.sessions.begin() as session:
        session.execute(text("update daily_energy set value = value + 1 where value = 12000"))
        session.execute(text("update hourly_export_days set value = value - 1"))
    checks = dg.AssetSelection.checks_for_assets(DAILY, EXPORT)
    job = dg.define_asset_job("only_checks", selection=checks)
    resolved = dg.Definitions.merge(runs.definitions, dg.Definitions(jobs=[job]))

    result = resolved.resolve_job_def("only_checks").execute_in_process(instance=runs.instance)

    assert verdicts(result) == {
        "daily_totals_equal_their_readings": False,
        "hourly_export_equals_its_readings": False,
    }
    first = result.get_asset_check_evaluations()[0]
    assert first.severity is dg.AssetCheckSeverity.ERROR
    assert "12001" in str(first.metadata["differences"].value)


def test_while_a_sync_runs_its_changes_wait_but_not_for_hours(
    runs: Runs, runtime: Runtime, instance: dg.DagsterInstance, meter: UUID
) -> None:
    assert meter
    job = runs.definitions.resolve_job_def("daily_sync")
    instance.create_run_for_job(job, tags={SYNC: "daily"}, status=dg.DagsterRunStatus.STARTED)

    assert "being collected" in str(runs.asked())

    with runtime.sessions.begin() as session:
        session.execute(text("update changed_series_days set marked_at = now() - interval '2h'"))
    assert isinstance(runs.asked(), list)


@pytest.mark.usefixtures("meter")
def test_one_run_derives_at_a_time(runs: Runs, instance: dg.DagsterInstance) -> None:
    job = runs.definitions.resolve_job_def("derive_days")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)

    assert runs.asked() == "A run that derives is under way."


def test_days_before_the_first_partition_are_derived_and_have_no_cell(
    runs: Runs, world: World, runtime: Runtime
) -> None:
    series = world.series(world.meter(world.authorization()))
    world.read(series, datetime(2023, 12, 30, 8, tzinfo=UTC), [1] * 24)

    result = runs.next()

    assert materialized(result, DAILY) == []
    with runtime.sessions() as session:
        assert session.scalar(text("select meter_day from daily_energy")) == date(2023, 12, 30)


def test_months_follow_their_days_and_equal_them(
    runs: Runs, runtime: Runtime, world: World, meter: UUID
) -> None:
    unit = claimed(runtime, meter)
    runs.next()

    result = runs.next()

    march = numbers_of(result, MONTHLY, "2026-03-01")
    assert materialized(result, MONTHLY)[0] == "2026-03-01"
    assert (march["units"], march["kwh_generated"]) == (1, 14.2)
    assert verdicts(result) == {"months_equal_their_days": True}

    world.read(world.series(meter, "net"), MIDNIGHT, [1])
    runs.next()
    assert runs.asked() == "Everything derived is up to date."

    with runtime.sessions.begin() as session:
        session.execute(text("update monthly_generation set value = value + 1"))
        assert session.get_one(MonthlyGeneration, (unit, date(2026, 3, 1))).value == 14_201
    checks = dg.AssetSelection.checks_for_assets(MONTHLY)
    job = dg.define_asset_job("only_checks", selection=checks)
    resolved = dg.Definitions.merge(runs.definitions, dg.Definitions(jobs=[job]))
    only_checked = resolved.resolve_job_def("only_checks").execute_in_process(
        instance=runs.instance
    )
    assert verdicts(only_checked) == {"months_equal_their_days": False}
    assert runs.by_hand("derive_months", "2026-03-01").success
    with runtime.sessions() as session:
        assert session.get_one(MonthlyGeneration, (unit, date(2026, 3, 1))).value == 14_200


def test_what_is_derived_by_hand_outside_dagster_is_no_work_for_it(
    runs: Runs, runtime: Runtime, meter: UUID
) -> None:
    assert meter
    derived_energy.derive_changed(runtime.sessions, now=NOW)

    assert runs.asked() == "Everything derived is up to date."


def claimed(runtime: Runtime, meter: UUID) -> UUID:
    """Have a unit claim the meter by hourly export from 1 March on."""
    with runtime.sessions.begin() as session:
        facility = session.scalar(
            text("select facility_id from meters where id = :id").bindparams(id=meter)
        )
        received = session.scalar(
            text("select id from meter_channels where direction = 'received'")
        )
        unit = GeneratingUnit(
            id=new_id(),
            facility_id=facility,
            name="Roof",
            nameplate_kw=Decimal(10),
            commercial_operation_date=date(2020, 1, 1),
            fuel="solar",
            registry_key="mrets",
        )
        session.add(unit)
        session.flush()
        session.add(
            ChannelEligibility(
                channel_id=received,
                proposed="hourly_export",
                proposed_rule="export",
                chosen="hourly_export",
                chosen_rule="export",
                chosen_at=NOW,
            )
        )
        session.add(
            MeterClaim(
                id=new_id(),
                generating_unit_id=unit.id,
                meter_id=meter,
                basis="hourly_export",
                first_day=date(2026, 3, 1),
            )
        )
        return unit.id
