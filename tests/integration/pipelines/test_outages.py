"""The sensor of outages says what it did, and starts no run."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from dcarbon.db.provider_states import ProviderState
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services.runtime import Runtime
from sensors.outages import provider_outages
from tests.integration.pipelines.conftest import NOW, World

pytestmark = [pytest.mark.database, pytest.mark.dagster]


def _evaluate(instance: dg.DagsterInstance, runtime: Runtime) -> str:
    with dg.build_sensor_context(instance=instance, resources={"runtime": runtime}) as context:
        data = provider_outages.evaluate_tick(context)
    assert not data.run_requests
    return str(data.skip_message)


def _down(runtime: Runtime, since: timedelta) -> None:
    with runtime.sessions.begin() as session:
        session.add(
            ProviderState(
                provider="sdge",
                failures=9,
                down_since=NOW - since,
                probe_at=NOW - timedelta(seconds=1),
                last_error_code="provider_unavailable",
            )
        )


def test_while_all_answer_there_is_nothing_to_say(
    instance: dg.DagsterInstance, runtime: Runtime
) -> None:
    assert _evaluate(instance, runtime) == "Nothing is new of any utility."


def test_a_paused_utility_is_tried_with_one_of_its_waiting_orders(
    instance: dg.DagsterInstance, runtime: Runtime, world: World
) -> None:
    later = NOW + timedelta(hours=5)
    orders = [world.order(world.authorization(), at=later) for _ in range(3)]
    _down(runtime, timedelta(hours=1))

    said = _evaluate(instance, runtime)

    assert said == "San Diego Gas & Electric is paused and is tried once now."
    with runtime.sessions() as session:
        due = [session.get_one(WorkOrder, order).not_before for order in orders]
    assert sorted(due) == [NOW, later, later]
    assert _evaluate(instance, runtime) == said
    with runtime.sessions() as session:
        assert sorted(session.get_one(WorkOrder, one).not_before for one in orders) == sorted(due)


def test_a_long_outage_is_told_once(instance: dg.DagsterInstance, runtime: Runtime) -> None:
    _down(runtime, timedelta(hours=30))

    first, second = _evaluate(instance, runtime), _evaluate(instance, runtime)

    assert first.startswith("San Diego Gas & Electric has been down since 2026-03-19 06:00 UTC.")
    assert "has been down" not in second
