"""The nightly run erases what was kept long enough; the hourly one carries out requests."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from dcarbon.db.authorizations import Authorization
from dcarbon.services import deletions, people
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.runtime import Runtime
from schedules.retention import hourly_deletions
from tests.integration.pipelines.conftest import World

pytestmark = [pytest.mark.database, pytest.mark.dagster]


def _metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, object]:
    (event,) = (
        each
        for each in result.events_for_node(name)
        if each.event_type is dg.DagsterEventType.STEP_OUTPUT
    )
    return {key: each.value for key, each in event.step_output_data.metadata.items()}


def test_the_runs_erase_what_is_due_and_carry_out_what_is_decided(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    identity = world.authorization()
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, identity)
        row.status, row.status_at = "revoked", runtime.now() - timedelta(days=2558)
    context = dg.build_schedule_context(instance=instance, resources={"runtime": runtime})
    idle = hourly_deletions(context)
    goer = people.ensure(
        runtime.sessions,
        email="goer@example.test",
        account_kind="residential",
        actor=SYSTEM,
        now=runtime.now(),
    )
    asked = deletions.ask(runtime, actor=Actor(goer.id))
    deletions.approve(runtime, asked.id, actor=SYSTEM)

    erased = definitions.resolve_job_def("enforce_retention").execute_in_process(instance=instance)
    wanted = hourly_deletions(context)
    carried_out = definitions.resolve_job_def("carry_out_deletions").execute_in_process(
        instance=instance
    )

    assert isinstance(idle, dg.SkipReason)
    assert isinstance(wanted, dg.RunRequest)
    assert _metadata(erased, "erase_what_is_due")["due"] == 1
    assert _metadata(carried_out, "carry_out_requests")["done"] == 1
    with runtime.sessions() as session:
        assert session.get_one(Authorization, identity).readings_erased_at == runtime.now()
