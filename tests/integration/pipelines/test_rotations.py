"""One run rotates all grants that are due; the sensor takes up what has to be tried again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import dagster as dg
import httpx2
import pytest
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization, Grant, current_grant
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.secrets import Secret
from dcarbon.providers.green_button.token_response import TokenSet
from dcarbon.services import grants
from dcarbon.services.runtime import Runtime
from sensors.rotations import due_rotations
from tests.integration.pipelines.conftest import NOW, World
from tests.integration.pipelines.custodian import StandInCustodian
from tests.integration.pipelines.ticks import asked_by

pytestmark = [pytest.mark.database, pytest.mark.dagster]


class RefreshingCustodian(StandInCustodian):
    """Gives new tokens for any refresh token."""

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST":
            return super().answer(request)
        token = {
            "access_token": "new-access",
            "refresh_token": "new-refresh",
            "token_type": "Bearer",
            "expires_in": 3600,
        }
        return httpx2.Response(200, json=token)


@pytest.fixture
def custodian() -> RefreshingCustodian:
    return RefreshingCustodian()


def _with_old_grant(world: World, runtime: Runtime) -> UUID:
    identity = world.authorization()
    tokens = TokenSet(Secret("access"), NOW + timedelta(days=1), refresh_token=Secret("refresh"))
    with runtime.sessions.begin() as session:
        grants.store(session, runtime.keys, identity, tokens, now=NOW - timedelta(days=91))
    return identity


def _metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str, object]:
    (event,) = (
        each
        for each in result.events_for_node(name)
        if each.event_type is dg.DagsterEventType.STEP_OUTPUT
    )
    shown = event.step_output_data.metadata
    return {key: value.value for key, value in shown.items()}


def test_one_run_rotates_all_and_says_of_each_what_came_of_it(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    world: World,
    custodian: RefreshingCustodian,
) -> None:
    identities = [_with_old_grant(world, runtime) for _ in range(3)]
    custodian.down.add(identities[1].hex)
    job = definitions.resolve_job_def("rotate_grants")

    result = job.execute_in_process(instance=instance)

    assert result.success
    shown = _metadata(result, "rotate_due_grants")
    assert [shown[key] for key in ("newly_due", "rotated", "failed", "left")] == [3, 2, 1, 0]
    table = str(shown["outcomes"])
    assert table.index("provider_unavailable; tried again later") < table.index("Rotated")
    with runtime.sessions() as session:
        found = [current_grant(session, identity) for identity in identities]
    assert [each.obtained_at == NOW for each in found if each] == [True, False, True]


def test_the_sensor_asks_for_one_run_when_a_try_is_due(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    world: World,
    custodian: RefreshingCustodian,
) -> None:
    identity = _with_old_grant(world, runtime)
    custodian.down.add(identity.hex)
    assert asked_by(due_rotations, instance, definitions, runtime) == "No rotation is due."
    definitions.resolve_job_def("rotate_grants").execute_in_process(instance=instance)
    assert asked_by(due_rotations, instance, definitions, runtime) == "No rotation is due."

    with runtime.sessions.begin() as session:
        session.scalars(select(WorkOrder)).one().not_before = NOW

    asked = asked_by(due_rotations, instance, definitions, runtime)
    assert isinstance(asked, list)
    assert len(asked) == 1


def test_a_run_of_ours_that_is_broken_fails_and_loses_no_token(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    broken, good = _with_old_grant(world, runtime), _with_old_grant(world, runtime)
    with runtime.sessions.begin() as session:
        row = current_grant(session, broken)
        assert row is not None
        row.sealed = b"damaged"
    job = definitions.resolve_job_def("rotate_grants")

    result = job.execute_in_process(instance=instance, raise_on_error=False)

    assert not result.success
    with runtime.sessions() as session:
        held = session.scalars(select(Grant).where(Grant.ended_at.is_(None))).all()
        orders = session.scalars(select(WorkOrder).where(WorkOrder.done_at.is_(None))).all()
    assert {each.authorization_id for each in held} == {broken, good}
    assert [each.authorization_id for each in orders] == [broken]


def test_the_countdown_says_whom_it_told(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    identity = world.authorization()
    with runtime.sessions.begin() as session:
        session.get_one(Authorization, identity).consent_ends_at = NOW + timedelta(days=6)
    job = definitions.resolve_job_def("announce_consent_ends")

    first, second = (job.execute_in_process(instance=instance) for _ in range(2))

    assert _metadata(first, "tell_of_consent_ends")["told"] == 1
    assert "2026-03-26 12:00 | 7 days" in str(
        _metadata(first, "tell_of_consent_ends")["facilities"]
    )
    assert _metadata(second, "tell_of_consent_ends")["told"] == 0
