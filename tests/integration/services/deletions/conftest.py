"""A roof that came by a consent, of which February is reported, seen from March 20."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from dcarbon.db.authorizations import Authorization, Grant
from dcarbon.db.base import new_id
from dcarbon.db.meters import Meter
from dcarbon.db.payloads import LandedPayload
from dcarbon.services import generation_reports
from dcarbon.services.runtime import Runtime
from tests.integration.services import metering
from tests.integration.services.conftest import MovableClock, Resident, Settle
from tests.support import solar_month
from tests.support.solar_month import Roof

FEBRUARY = date(2026, 2, 1)


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


@pytest.fixture
def roof(runtime: Runtime, ann: Resident, tmp_path: Path, clock: MovableClock) -> Roof:
    """Three answers of the utility: late January, February with one restated hour, March."""
    january = solar_month.feed(date(2026, 1, 20), date(2026, 1, 31))
    made = solar_month.build(
        runtime, ann.facility, ann.actor, tmp_path, january, claim_from=date(2026, 1, 20)
    )
    for first, last in ((FEBRUARY, date(2026, 2, 28)), (date(2026, 3, 6), date(2026, 3, 10))):
        clock.advance(timedelta(minutes=1))
        made.take_in(solar_month.feed(first, last))
    return made


@pytest.fixture
def report(roof: Roof) -> UUID:
    """February, made final."""
    made = generation_reports.prepare(roof.runtime, roof.unit_id, FEBRUARY, actor=roof.actor)
    generation_reports.finalise(roof.runtime, made, actor=roof.actor)
    return made


@pytest.fixture
def consent(roof: Roof) -> UUID:
    """The authorization everything came by; it is in force."""
    runtime, facility_id = roof.runtime, roof.facility.id
    identity = metering.authorization(runtime, facility_id)
    with runtime.sessions.begin() as session:
        for model in (Meter, LandedPayload):
            mine = update(model).where(model.facility_id == facility_id)
            session.execute(mine.values(authorization_id=identity))
        session.execute(
            update(Meter)
            .where(Meter.facility_id == facility_id)
            .values(provider="pge", service_address="1 Elm Street", account_id="ACC-1")
        )
        row = session.get_one(Authorization, identity)
        row.requested_by, row.external_id = roof.actor.person_id, "EXT-1"
        row.resource_uri = "https://utility.example.test/Subscription/1"
        session.add(
            Grant(
                id=new_id(),
                authorization_id=identity,
                sealed=b"sealed",
                obtained_at=runtime.now(),
            )
        )
    return identity


def ended(runtime: Runtime, authorization_id: UUID) -> None:
    """Let an authorization have ended just now."""
    with runtime.sessions.begin() as session:
        row = session.get_one(Authorization, authorization_id)
        row.status, row.status_at = "revoked", runtime.now()


def payloads(runtime: Runtime, facility_id: UUID) -> list[LandedPayload]:
    with runtime.sessions() as session:
        mine = select(LandedPayload).where(LandedPayload.facility_id == facility_id)
        return list(session.scalars(mine.order_by(LandedPayload.received_at)))
