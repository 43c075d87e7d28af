"""The sensor turns what the database wants into runs, and nothing it already turned."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from dcarbon.services.runtime import Runtime
from dcarbon_pipelines.order_runs import RANGE_END, RANGE_START
from sensors.work_orders import open_work_orders, scattered_work_orders
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.custodian import StandInCustodian

pytestmark = [pytest.mark.database, pytest.mark.dagster]


def evaluate(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    sensor: dg.SensorDefinition = open_work_orders,
) -> list[dg.RunRequest] | str:
    """Evaluate as the daemon does, with the partitions of the requests resolved."""
    with dg.build_sensor_context(
        instance=instance,
        instance_ref=instance.get_ref(),
        repository_def=definitions.get_repository_def(),
        resources={"runtime": runtime},
    ) as context:
        data = sensor.evaluate_tick(context)
    return list(data.run_requests) if data.run_requests else str(data.skip_message)


def test_without_a_due_order_nothing_is_asked_for(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    world.order(world.authorization(), at=NOW + timedelta(seconds=1))

    assert evaluate(instance, definitions, runtime) == "No work order is due."


def test_a_new_authorization_gets_a_partition_and_a_run(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    authorization = world.authorization()
    order = world.order(authorization)

    requests = evaluate(instance, definitions, runtime)

    assert instance.get_dynamic_partitions("authorization") == [str(authorization)]
    assert isinstance(requests, list)
    assert [(r.partition_key, r.tags["dcarbon/order"]) for r in requests] == [
        (str(authorization), str(order))
    ]


def test_many_at_once_become_ranges_of_neighbours_whatever_was_there_before(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    early, late = world.authorization(), world.authorization()
    instance.add_dynamic_partitions("authorization", [str(late), str(early)])
    authorizations = [early, *(world.authorization() for _ in range(60))]
    for authorization in authorizations:
        world.order(authorization)

    requests = evaluate(instance, definitions, runtime)

    keys = list(instance.get_dynamic_partitions("authorization"))
    assert isinstance(requests, list)
    spans = [keys[keys.index(r.tags[RANGE_START]) : keys.index(r.tags[RANGE_END]) + 1]
             for r in requests]  # fmt: skip
    assert [len(span) for span in spans] == [50, 11]
    assert sorted(key for span in spans for key in span) == sorted(map(str, authorizations))
    assert str(late) not in {key for span in spans for key in span}


def test_what_an_unfinished_run_collects_is_not_asked_for_again_until_it_has_ended(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    authorization = world.authorization()
    world.order(authorization)
    instance.add_dynamic_partitions("authorization", [str(authorization)])
    job = definitions.resolve_job_def("collect_authorizations")
    run = instance.create_run_for_job(
        job, tags={"dagster/partition": str(authorization)}, status=dg.DagsterRunStatus.STARTED
    )

    while_running = evaluate(instance, definitions, runtime)
    instance.report_run_failed(run)
    after = evaluate(instance, definitions, runtime)

    assert while_running == "All 1 due work orders are being worked on."
    assert isinstance(after, list)
    assert len(after) == 1


def test_an_order_that_is_done_is_not_asked_for(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    authorization = world.authorization()
    world.order(authorization)
    definitions.resolve_job_def("collect_authorizations")
    instance.add_dynamic_partitions("authorization", [str(authorization)])

    done = definitions.resolve_job_def("collect_authorizations").execute_in_process(
        partition_key=str(authorization), instance=instance
    )

    assert done.success
    assert evaluate(instance, definitions, runtime) == "No work order is due."


def test_authorizations_here_and_there_are_collected_in_one_run_and_show_it_one_by_one(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    world: World,
    custodian: StandInCustodian,
) -> None:
    authorizations = [world.authorization() for _ in range(45)]
    instance.add_dynamic_partitions("authorization", [str(one) for one in authorizations])
    due = authorizations[::2]
    for authorization in due:
        world.order(authorization)
    custodian.down.add(due[0].hex)

    others = evaluate(instance, definitions, runtime)
    requests = evaluate(instance, definitions, runtime, scattered_work_orders)
    assert isinstance(requests, list)
    result = definitions.resolve_job_def(str(requests[0].job_name)).execute_in_process(
        instance=instance, run_config=dict(requests[0].run_config), tags=dict(requests[0].tags)
    )

    assert others == "The other sensor of work orders asks for the runs."
    assert (len(requests), result.success) == (1, True)
    for asset in ("meters", "authorization_intervals"):
        found = instance.get_materialized_partitions(dg.AssetKey(asset))
        assert found == {str(one) for one in due[1:]}
