"""The sensor of bulk actions goes on with what nobody looks at, and starts no run."""

from __future__ import annotations

import dagster as dg
import pytest

from dcarbon.db.authorizations import Authorization
from dcarbon.domain.bulk_actions import BulkKind
from dcarbon.services import bulk_actions
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from sensors.bulk_actions import unfinished_bulk_actions
from tests.integration.pipelines.conftest import World

pytestmark = [pytest.mark.database, pytest.mark.dagster]


def test_what_was_left_is_gone_on_with(
    instance: dg.DagsterInstance, runtime: Runtime, world: World
) -> None:
    identity = world.authorization()
    bulk_actions.start(runtime, BulkKind.REVOKE, [identity], actor=SYSTEM, reason="Sold")

    first, second = _evaluate(instance, runtime), _evaluate(instance, runtime)

    assert first == "1 bulk action was gone on with."
    assert second == "No bulk action is unfinished."
    with runtime.sessions() as session:
        assert session.get_one(Authorization, identity).status == "revoked"


def _evaluate(instance: dg.DagsterInstance, runtime: Runtime) -> str:
    with dg.build_sensor_context(instance=instance, resources={"runtime": runtime}) as context:
        data = unfinished_bulk_actions.evaluate_tick(context)
    assert not data.run_requests
    return str(data.skip_message)
