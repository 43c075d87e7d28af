"""Runs collect for real and say so in Dagster, authorization by authorization."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime
from uuid import UUID

import dagster as dg
import pytest
from sqlalchemy import func, select

from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.tables import AuditEntry, IntervalDay, LandedPayload, SyncAttempt, WorkOrder
from dcarbon.domain.audit_events import AuditEvent
from dcarbon.domain.ranges import TimeRange
from dcarbon.services import repulls
from dcarbon.services.actors import Actor
from dcarbon_pipelines import checks
from dcarbon_pipelines.order_runs import RANGE_END, RANGE_START
from dcarbon_pipelines.partitions import day_and_shard_key
from tests.integration.api import pages
from tests.integration.pipelines.conftest import World
from tests.integration.pipelines.custodian import StandInCustodian

pytestmark = [pytest.mark.database, pytest.mark.dagster]

INTERVALS = dg.AssetKey("authorization_intervals")
METERS = dg.AssetKey("meters")


def collect(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    authorizations: Collection[UUID],
    *,
    config: dict[str, str] | None = None,
    only: dg.AssetKey | None = None,
) -> dg.ExecuteInProcessResult:
    """Run over these authorizations, as the sensor or an administrator would."""
    keys = [str(authorization) for authorization in authorizations]
    instance.add_dynamic_partitions("authorization", keys)
    many = {RANGE_START: keys[0], RANGE_END: keys[-1]} if len(keys) > 1 else None
    return definitions.resolve_job_def("collect_authorizations").execute_in_process(
        instance=instance,
        partition_key=None if many else keys[0],
        tags=many,
        run_config={"ops": {"authorization_intervals": {"config": config or {}}}},
        asset_selection=[only] if only else None,
        raise_on_error=False,
    )


def verdicts(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], bool]:
    return {(e.check_name, e.partition): e.passed for e in result.get_asset_check_evaluations()}


def metadata_of(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: UUID
) -> dict[str, object]:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[str(partition)]), limit=1
    ).records
    materialization = records[0].asset_materialization
    assert materialization is not None
    return {name: value.value for name, value in materialization.metadata.items()}


def test_one_run_collects_an_authorization_into_both_assets(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    authorization = world.authorization()
    world.order(authorization)

    result = collect(instance, definitions, [authorization])

    assert result.success
    assert instance.get_materialized_partitions(METERS) == {str(authorization)}
    assert instance.get_materialized_partitions(INTERVALS) == {str(authorization)}
    numbers = metadata_of(instance, INTERVALS, authorization)
    with world.runtime.sessions() as session:
        facility = session.get_one(Authorization, authorization).facility_id
        assert session.scalar(select(func.count()).select_from(IntervalDay)) == 91
    assert numbers["facility"] == f"https://dcarbon.example/facilities/{facility}"
    assert numbers["readings"] == numbers["new"] == 90 * 24
    assert numbers["kwh_delivered"] == 90 * 24 * 0.5
    assert metadata_of(instance, METERS, authorization)["meters"] == 1


def test_every_check_of_one_authorization_has_a_verdict(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    authorization = world.authorization()

    result = collect(instance, definitions, [authorization])

    assert verdicts(result) == {
        (checks.COLLECTED, None): True,
        (checks.HEARD, None): True,
        (checks.SOUND, None): True,
        (checks.PLAUSIBLE, None): True,
    }


def test_in_one_run_only_those_that_failed_stay_without_a_materialization(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
) -> None:
    """A provider's failure is a stored attempt and a failing check, not a failed run."""
    well, down, also_well = (world.authorization() for _ in range(3))
    custodian.down.add(down.hex)

    result = collect(instance, definitions, [well, down, also_well])

    assert result.success
    assert instance.get_materialized_partitions(INTERVALS) == {str(well), str(also_well)}
    found = verdicts(result)
    assert (found[(checks.COLLECTED, None)], found[(checks.SOUND, None)]) == (False, True)
    with world.runtime.sessions() as session:
        attempt = session.scalars(select(SyncAttempt).filter_by(authorization_id=down)).one()
    assert (attempt.error_code, attempt.run_id) == ("provider_unavailable", result.run_id)


def test_verdicts_of_a_run_over_many_days_count_for_what_it_materialized(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    """Without its target a verdict is taken for one on an older state: the check looks unrun."""
    world.authorization(shard=3)
    keys = [str(day_and_shard_key(date(2026, 3, day), 3)) for day in (17, 18)]

    result = definitions.resolve_job_def("daily_sync").execute_in_process(
        instance=instance, tags={RANGE_START: keys[0], RANGE_END: keys[-1]}
    )

    for evaluation in result.get_asset_check_evaluations():
        target = evaluation.target_materialization_data
        assert target is not None
        assert target.run_id == result.run_id
    check = dg.AssetCheckKey(dg.AssetKey("intervals"), checks.SOUND)
    infos = instance.event_log_storage.get_asset_check_partition_info([check])
    assert {info.partition_key: info.is_current for info in infos} == dict.fromkeys(keys, True)


def test_a_run_over_many_ends_with_a_table_of_all(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
) -> None:
    well, down = world.authorization(), world.authorization()
    custodian.down.add(down.hex)

    collect(instance, definitions, [well, down])

    observed = instance.fetch_observations(dg.AssetRecordsFilter(asset_key=INTERVALS), limit=10)
    tables = [r.asset_observation.metadata["run"].value for r in observed.records
              if r.asset_observation and "run" in r.asset_observation.metadata]  # fmt: skip
    assert len(tables) == 1
    assert "provider_unavailable" in str(tables[0])
    assert str(tables[0]).count("\n") == 3


def test_a_run_fails_when_we_are_broken_and_keeps_what_went_well(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    well, unknown = world.authorization(), new_id()

    result = collect(instance, definitions, [well, unknown])

    assert not result.success
    assert instance.get_materialized_partitions(INTERVALS) == {str(well)}
    assert (checks.SOUND, None) in verdicts(result)
    failure = result.failure_data_for_node("authorization_intervals")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.metadata["broken"].value == [str(unknown)]


def test_answers_that_cannot_be_read_fail_the_check_and_are_kept(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
) -> None:
    authorization = world.authorization()
    custodian.bad.add(authorization.hex)

    result = collect(instance, definitions, [authorization])

    assert result.success
    assert verdicts(result)[(checks.COLLECTED, None)] is False
    with world.runtime.sessions() as session:
        states = session.scalars(select(LandedPayload.state)).all()
    assert set(states) == {"unreadable"}


def test_a_customer_whose_authorization_is_revoked_fails_the_check_alone(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
) -> None:
    authorization = world.authorization(status="revoked")

    result = collect(instance, definitions, [authorization])

    assert result.success
    assert instance.get_materialized_partitions(INTERVALS) == set()
    assert verdicts(result)[(checks.COLLECTED, None)] is False
    assert custodian.asked == []


def test_an_administrator_fetches_a_window_again(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
) -> None:
    authorization = world.authorization()

    result = collect(
        instance, definitions, [authorization], config={"start": "2026-03-01", "end": "2026-03-04"}
    )

    assert result.success
    window = metadata_of(instance, INTERVALS, authorization)["window"]
    assert window == "2026-03-01T08:00:00+00:00/2026-03-04T08:00:00+00:00"


def test_a_window_asked_for_here_or_on_a_page_is_the_same_order_and_the_same_entry(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    here, on_a_page = world.authorization(), world.authorization()
    boss = pages.person(world.runtime, "boss@example.org", is_admin=True)
    window = TimeRange(datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 4, 8, tzinfo=UTC))
    repulls.ask(world.runtime, on_a_page, window, actor=Actor(boss.id, is_admin=True))

    collect(instance, definitions, [here], config={"start": "2026-03-01", "end": "2026-03-04"})
    collect(instance, definitions, [on_a_page])

    with world.runtime.sessions() as session:
        orders = {one.authorization_id: one for one in session.scalars(select(WorkOrder))}
        chosen = select(AuditEntry).where(AuditEntry.event == AuditEvent.REPULL_REQUESTED)
        entries = {one.authorization_id: one for one in session.scalars(chosen)}
        attempts = {one.work_order_id for one in session.scalars(select(SyncAttempt))}
    assert set(orders) == set(entries) == {here, on_a_page}
    assert attempts == {one.id for one in orders.values()}
    for identity, order in orders.items():
        assert (order.kind, order.outcome) == ("repull", "done")
        assert (order.window_start, order.window_end) == (window.start, window.end)
        assert entries[identity].details == {
            "order": str(order.id),
            "start": window.start.isoformat(),
            "end": window.end.isoformat(),
        }
    assert (entries[here].actor_kind, entries[on_a_page].actor_id) == ("system", boss.id)


def test_a_window_of_what_is_not_authorized_is_no_order(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    authorization = world.authorization(status="revoked")

    result = collect(instance, definitions, [authorization], config={"start": "2026-03-01"})

    assert result.success
    assert verdicts(result)[(checks.COLLECTED, None)] is False
    with world.runtime.sessions() as session:
        assert session.scalars(select(WorkOrder)).all() == []
        attempt = session.scalars(select(SyncAttempt)).one()
    assert attempt.error_code == "not_authorized"


def test_a_senseless_window_fails_the_run_before_anything_is_asked(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
) -> None:
    authorization = world.authorization()

    result = collect(
        instance, definitions, [authorization], config={"start": "2026-03-04", "end": "2026-03-01"}
    )

    assert not result.success
    failure = result.failure_data_for_node("authorization_intervals")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "before the end" in str(failure.user_failure_data.description)
    assert custodian.asked == []


def test_one_of_the_two_assets_can_be_asked_for_alone(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    authorization = world.authorization()

    result = collect(instance, definitions, [authorization], only=METERS)

    assert result.success
    assert instance.get_materialized_partitions(METERS) == {str(authorization)}
    assert instance.get_materialized_partitions(INTERVALS) == set()


def test_collecting_twice_stores_nothing_twice(
    instance: dg.DagsterInstance, definitions: dg.Definitions, world: World
) -> None:
    authorization = world.authorization()
    window = {"start": "2026-03-01", "end": "2026-03-04"}
    collect(instance, definitions, [authorization], config=window)

    collect(instance, definitions, [authorization], config=window)

    numbers = metadata_of(instance, INTERVALS, authorization)
    assert (numbers["new"], numbers["restated"]) == (0, 0)
    assert numbers["readings"] == 72


def test_a_day_of_a_shard_collects_its_authorizations_and_no_others(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    world: World,
    custodian: StandInCustodian,
) -> None:
    inside = [world.authorization(shard=3) for _ in range(3)]
    outside = world.authorization(shard=4)
    custodian.down.add(inside[1].hex)
    key = day_and_shard_key(date(2026, 3, 18), 3)

    result = definitions.resolve_job_def("daily_sync").execute_in_process(
        partition_key=key, instance=instance
    )

    assert {shard_of(authorization) for authorization in inside} == {3}
    event = result.get_asset_materialization_events()[0]
    numbers = {n: v.value for n, v in event.materialization.metadata.items()}
    assert (numbers["authorizations"], numbers["failed"]) == (3, 1)
    assert instance.get_materialized_partitions(dg.AssetKey("intervals")) == {str(key)}
    assert not [url for url in custodian.asked if outside.hex in url.path]
    found = {(e.check_name, e.partition): e.passed for e in result.get_asset_check_evaluations()}
    assert found[(checks.COLLECTED, str(key))] is False
    assert found[(checks.SOUND, str(key))] is True


def test_a_day_of_an_empty_shard_is_green(
    instance: dg.DagsterInstance, definitions: dg.Definitions
) -> None:
    key = day_and_shard_key(date(2026, 3, 18), 3)

    result = definitions.resolve_job_def("daily_sync").execute_in_process(
        partition_key=key, instance=instance
    )

    assert result.success
    assert instance.get_materialized_partitions(dg.AssetKey("intervals")) == {str(key)}
    assert all(e.passed for e in result.get_asset_check_evaluations())
