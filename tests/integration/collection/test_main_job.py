"""The main job over real TLS: consent, meters, ninety days of readings, all accounted for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import current_grant
from dcarbon.db.facilities import Facility
from dcarbon.db.interval_days import IntervalDay, IntervalDayHistory
from dcarbon.db.meters import CoverageDay, Meter
from dcarbon.db.payloads import LandedPayload
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain.calendar import day_bounds
from dcarbon.domain.coverage import CoverageState
from dcarbon.services import collection
from dcarbon.services.fetching import LOOK_AGAIN
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.customers import customer_by_login
from dcarbon_sandbox.server import Running
from tests.integration.collection.conftest import (
    PACIFIC,
    Make,
    authorization_of,
    sandbox_wh,
    stored_wh,
    whole_days,
)

pytestmark = pytest.mark.database


@pytest.mark.parametrize("provider", ["pge", "sce", "sdge"])
def test_a_green_button_customer_s_readings_are_exactly_the_utility_s(
    runtime: Runtime, customer: Make, provider: str
) -> None:
    completed = customer("Solar House").authorise(provider, "sunny")
    assert completed.error is None

    outcome = collection.collect(runtime, authorization_of(completed))

    assert outcome.error is None
    assert outcome.meters == 1
    assert stored_wh(runtime) == sandbox_wh("sunny", whole_days(outcome.window))
    with runtime.sessions() as session:
        states = set(session.scalars(select(CoverageDay.state)))
    assert states <= {*_COVERED, CoverageState.NOT_DUE, CoverageState.PARTIAL}


def test_a_utilityapi_customer_s_readings_are_exactly_the_utility_s(
    runtime: Runtime, customer: Make, clock: SandboxClock
) -> None:
    completed = customer("Hourly House").authorise("utilityapi", "hourly", utility="LADWP")
    identity = authorization_of(completed)

    outcome = _collect_until_done(runtime, identity, clock)

    assert outcome.error is None
    assert stored_wh(runtime) == sandbox_wh("hourly", outcome.window)


def test_authorising_and_collecting_leave_the_records_people_rely_on(
    runtime: Runtime, customer: Make, clock: SandboxClock
) -> None:
    someone = customer("Plant")
    completed = someone.authorise("pge", "acme")
    collection.collect(runtime, authorization_of(completed))

    with runtime.sessions() as session:
        facility = session.get_one(Facility, someone.facility.id)
        order = session.scalars(select(WorkOrder)).one()
        attempt = session.scalars(select(SyncAttempt)).one()
        events = list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.seq)))
        meters = session.scalars(select(Meter)).all()
        payloads = session.scalars(select(LandedPayload)).all()

    assert (facility.auth_method, facility.auth_provider) == ("green_button", "PG&E")
    assert facility.auth_status == "authorized"
    assert facility.auth_id
    assert facility.last_sync == clock.now()
    assert (order.outcome, attempt.error_code) == ("done", None)
    assert events[-3:] == [
        "authorization_started",
        "authorization_created",
        "interval_data_imported",
    ]
    assert {meter.commodity for meter in meters} == {"electricity", "gas"}
    assert all(meter.service_address and meter.account_id for meter in meters)
    assert {payload.state for payload in payloads} <= {"parsed", "empty"}
    assert all(runtime.landing.get(payload.sha256) for payload in payloads)


def test_collecting_again_writes_nothing_new(runtime: Runtime, customer: Make) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))
    first = collection.collect(runtime, identity)
    before = _versions(runtime)

    again = collection.collect(runtime, identity, start=first.window[0], end=first.window[1])

    assert first.new > 0
    assert (again.new, again.restated) == (0, 0)
    assert _versions(runtime) == before


def test_a_restatement_keeps_what_was_stated_before(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    identity = authorization_of(customer("House").authorise("pge", "robin"))
    first = collection.collect(runtime, identity)
    before = stored_wh(runtime)
    meter = customer_by_login("robin")
    assert meter is not None
    day = day_bounds(datetime(2026, 10, 5, tzinfo=PACIFIC).date(), PACIFIC)
    _restate(sandbox, meter.meters[0].id, *day)
    clock.advance(timedelta(hours=1))

    again = collection.collect(runtime, identity, start=first.window[0], end=first.window[1])

    assert again.restated == 96
    assert stored_wh(runtime) != before
    with runtime.sessions() as session:
        restated = session.scalar(select(func.sum(IntervalDayHistory.restated_slots)))
        days = session.scalar(
            select(func.count())
            .select_from(CoverageDay)
            .where(CoverageDay.state == CoverageState.RESTATED)
        )
    assert restated == 96
    assert days == 1


def test_no_token_is_readable_in_the_database(runtime: Runtime, customer: Make) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))

    with runtime.sessions() as session:
        grant = current_grant(session, identity)
        assert grant is not None
        kept = json.loads(runtime.keys.open(grant.sealed, bound_to=identity))
        secrets = [kept["access_token"], kept["refresh_token"]]
        dump = "\n".join(
            str(row)
            for table in ("authorizations", "authorization_sessions", "audit_entries", "grants")
            for row in session.execute(text(f"select * from {table}"))
        )

    assert all(secrets)
    assert not [secret for secret in secrets if secret in dump]


_COVERED = {CoverageState.COMPLETE, CoverageState.ESTIMATED, CoverageState.RESTATED}


def _collect_until_done(
    runtime: Runtime, identity: UUID, clock: SandboxClock
) -> collection.CollectionOutcome:
    for _ in range(20):
        outcome = collection.collect(runtime, identity)
        if not outcome.waiting:
            return outcome
        clock.advance(LOOK_AGAIN)
    raise AssertionError("the provider never became ready")


def _versions(runtime: Runtime) -> list[str]:
    with runtime.sessions() as session:
        query = select(IntervalDay.series_id, IntervalDay.utc_day, text("xmin::text"))
        return sorted(map(str, session.execute(query)))


def _restate(sandbox: Running, meter_id: str, start: datetime, end: datetime) -> None:
    answer = sandbox.app.test_client().post(
        "/sandbox/restatements",
        json={
            "meter_id": meter_id,
            "start": start.isoformat(),
            "end": end.isoformat(),
            "factor": 1.5,
        },
    )
    assert answer.status_code < 300, answer.text
