"""Authorizations that were ended here are ended at their providers by one run for all."""

from __future__ import annotations

from uuid import UUID

import dagster as dg
import httpx2
import pytest

from dcarbon.db.authorizations import Authorization
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services import revocation
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from sensors.revocations import open_revocations
from tests.integration.pipelines.conftest import World
from tests.integration.pipelines.custodian import RESOURCE, StandInCustodian
from tests.integration.pipelines.ticks import asked_by

pytestmark = [pytest.mark.database, pytest.mark.dagster]

NOTHING = "No authorization waits to be ended at its provider."


class EndingCustodian(StandInCustodian):
    """Gives tokens to our registration, readings, and lets authorizations be deleted."""

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            token = {"access_token": "client-token", "token_type": "Bearer", "expires_in": 3600}
            return httpx2.Response(200, json=token)
        if request.method == "GET":
            return super().answer(request)
        self.asked.append(request.url)
        assert request.method == "DELETE"
        is_down = request.url.path.rpartition("/")[2] in self.down
        return httpx2.Response(503 if is_down else 200)


@pytest.fixture
def custodian() -> EndingCustodian:
    return EndingCustodian()


def _revoked(world: World, runtime: Runtime) -> UUID:
    identity = world.authorization()
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, identity)
        row.authorization_uri = f"{RESOURCE}/Authorization/{identity.hex}"
    order = revocation.revoke(runtime, identity, actor=SYSTEM, reason="a test").order_id
    assert order is not None
    return identity


def test_one_run_ends_all_that_are_due_and_one_that_is_down_holds_up_no_other(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    world: World,
    custodian: EndingCustodian,
) -> None:
    identities = [_revoked(world, runtime) for _ in range(3)]
    custodian.down.add(identities[1].hex)

    asked = asked_by(open_revocations, instance, definitions, runtime)
    job = definitions.resolve_job_def("end_authorizations")
    result = job.execute_in_process(instance=instance)

    assert isinstance(asked, list)
    assert len(asked) == 1
    assert result.success
    with runtime.sessions() as session:
        codes = [session.get_one(Authorization, one).reason_code for one in identities]
        attempts = session.query(WorkOrder.attempts).order_by(WorkOrder.id).all()
    assert codes == ["ended_at_provider", "ending_at_provider", "ended_at_provider"]
    assert [row[0] for row in attempts] == [0, 1, 0]
    assert asked_by(open_revocations, instance, definitions, runtime) == NOTHING


def test_orders_to_collect_are_none_of_its_business(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    world.order(world.authorization())

    assert asked_by(open_revocations, instance, definitions, runtime) == NOTHING


def test_while_a_run_is_under_way_no_other_is_asked_for(
    instance: dg.DagsterInstance, definitions: dg.Definitions, runtime: Runtime, world: World
) -> None:
    _revoked(world, runtime)
    job = definitions.resolve_job_def("end_authorizations")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)

    answer = asked_by(open_revocations, instance, definitions, runtime)

    assert answer == "A run that ends authorizations is under way."


def test_an_address_of_another_host_is_never_asked_and_the_order_stays_open(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    world: World,
    custodian: EndingCustodian,
) -> None:
    identity = _revoked(world, runtime)
    with runtime.sessions.begin() as session:
        session.get_one(Authorization, identity).authorization_uri = "https://elsewhere.invalid/1"

    job = definitions.resolve_job_def("end_authorizations")
    job.execute_in_process(instance=instance)

    assert {url.host for url in custodian.asked} == {"sdge.invalid"}
    with runtime.sessions() as session:
        row = session.get_one(Authorization, identity)
        order = session.query(WorkOrder).one()
    assert row.reason_code == "ending_at_provider"
    assert order.done_at is None
