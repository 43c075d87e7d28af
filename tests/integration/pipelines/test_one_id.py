"""A click, its work order, its run and the requests to the utility carry one id."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from dcarbon.db.authorizations import Authorization
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain import correlation
from dcarbon.providers import request_log
from dcarbon.services import collection, people
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon_api.app import create_app
from dcarbon_pipelines import scattered
from dcarbon_pipelines.order_runs import CORRELATION
from dcarbon_pipelines.scattered import collect_scattered
from tests.integration.api.conftest import bearer
from tests.integration.pipelines.conftest import World
from tests.integration.pipelines.custodian import StandInCustodian
from tests.integration.pipelines.test_work_orders import evaluate

pytestmark = [pytest.mark.database, pytest.mark.dagster]

CLICK = "click-of-an-administrator"


@contextmanager
def lines() -> Iterator[list[dict[str, str]]]:
    """Collect what each line about a request to a provider belongs to."""
    found: list[dict[str, str]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append({**correlation.named(), "event": record.getMessage()})

    handler, before = Kept(), request_log.log.level
    request_log.log.addHandler(handler)
    request_log.log.setLevel(logging.INFO)
    try:
        yield found
    finally:
        request_log.log.removeHandler(handler)
        request_log.log.setLevel(before)


def test_one_id_goes_from_the_click_to_the_request_to_the_utility(
    instance: dg.DagsterInstance,
    definitions: dg.Definitions,
    runtime: Runtime,
    world: World,
    custodian: StandInCustodian,
) -> None:
    authorization = world.authorization()
    admin = people.ensure(
        runtime.sessions,
        email="admin@example.test",
        account_kind="commercial",
        actor=SYSTEM,
        now=runtime.now(),
        is_admin=True,
    )
    with runtime.sessions() as session:
        facility = session.get_one(Authorization, authorization).facility_id

    clicked = (
        create_app(runtime)
        .test_client()
        .post(
            f"/facilities/{facility}/collection",
            headers={**bearer(runtime, admin.id), correlation.HEADER: CLICK},
        )
    )
    requests = evaluate(instance, definitions, runtime)
    with lines() as logged:
        # The run without asset checks: they ask no utility, and take seconds.
        result = definitions.resolve_job_def(collect_scattered.name).execute_in_process(
            instance=instance, run_config=scattered.run_config([authorization])
        )

    assert (clicked.status_code, clicked.headers[correlation.HEADER]) == (202, CLICK)
    assert isinstance(requests, list)
    assert [request.tags[CORRELATION] for request in requests] == [CLICK]
    assert result.success
    assert set(custodian.ids) == {CLICK}
    with runtime.sessions() as session:
        order = session.query(WorkOrder).one()
        attempt = session.query(SyncAttempt).one()
    assert (order.correlation_id, attempt.work_order_id) == (CLICK, order.id)
    about = {"authorization": str(authorization), "order": str(order.id), "run": result.run_id}
    asked = {correlation.ID: CLICK, "event": "provider_request", **about}
    assert logged == [asked] * len(custodian.asked)


def test_what_nobody_clicked_carries_the_id_of_its_run(
    runtime: Runtime, world: World, custodian: StandInCustodian
) -> None:
    authorization = world.authorization()
    world.order(authorization)

    collection.collect(runtime, authorization, run_id="run-of-the-night")

    assert set(custodian.ids) == {"run-of-the-night"}
