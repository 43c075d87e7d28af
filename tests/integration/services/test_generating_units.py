"""Generating units: registered as typed, changed, and removed only while nothing is reported."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from dcarbon.db.base import new_id
from dcarbon.db.facilities import Facility
from dcarbon.db.generating_units import GeneratingUnit, MeterClaim
from dcarbon.db.generation_reports import GenerationReport
from dcarbon.domain.errors import AnswersInvalid, ClaimRefused, NotFound
from dcarbon.services import eligibility, generating_units, meter_claims
from dcarbon.services.actors import Actor
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.runtime import Runtime
from tests.integration.services import metering
from tests.integration.services.conftest import Resident, Settle, entries, events

pytestmark = pytest.mark.database
ANSWERS = {
    "name": "Roof",
    "nameplate_kw": "49.5",
    "commercial_operation_date": "2024-05-31",
    "fuel": "solar",
    "registry": "wregis",
    "registry_id": "W805",
    "reporting_unit_id": "",
}


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


def created(runtime: Runtime, who: Resident, **change: str) -> UUID:
    return generating_units.create(
        runtime, who.facility.id, answers={**ANSWERS, **change}, actor=who.actor
    ).id


def claimed(runtime: Runtime, who: Resident, unit: UUID, first_day: date) -> UUID:
    """Claim a new export meter for a unit."""
    meter = metering.meter(runtime, who.facility.id, "delivered", "received")
    received = metering.channel(runtime, meter, "received")
    eligibility.choose(runtime, received, wanted="hourly_export", actor=who.actor)
    new = NewClaim(meter, "hourly_export", first_day)
    return meter_claims.claim(runtime, unit, new=new, actor=who.actor)


def report(runtime: Runtime, unit: UUID, month: date) -> None:
    """Put a final report of a month on record."""
    now = runtime.now()
    with runtime.sessions.begin() as session:
        session.add(
            GenerationReport(
                generating_unit_id=unit,
                month=month,
                sequence=0,
                state="final",
                registry_key="wregis",
                total_wh=Decimal(1),
                reported_wh=1,
                step_wh=1,
                figures={},
                prepared_at=now,
                as_known_at=now,
                finalised_at=now,
                csv_sha256=b"0",
            )
        )


def test_a_unit_is_registered_as_typed(runtime: Runtime, ann: Resident) -> None:
    made = created(runtime, ann)

    with runtime.sessions() as session:
        (found,) = generating_units.of_facility(session, ann.facility.id, actor=ann.actor)
    assert (found.id, found.name, found.registry) == (made, "Roof", "wregis")
    assert found.nameplate_kw == Decimal("49.5")
    assert found.commercial_operation_date == date(2024, 5, 31)
    assert (found.registry_id, found.reporting_unit_id) == ("W805", None)
    assert events(runtime)[-1] == "generating_unit_created"


@pytest.mark.parametrize("role", ["owner", "operator", "owner_operator"])
def test_every_role_of_the_facility_may_register_and_change_units(
    runtime: Runtime, settle: Settle, role: str
) -> None:
    ann = settle("ann", role=role)

    unit = created(runtime, ann)
    generating_units.change(runtime, unit, answers={"name": "Shed"}, actor=ann.actor)

    with runtime.sessions() as session:
        assert generating_units.get(session, unit, actor=ann.actor).name == "Shed"


def test_answers_that_will_not_do_are_named_and_nothing_is_written(
    runtime: Runtime, ann: Resident
) -> None:
    with pytest.raises(AnswersInvalid) as caught:
        created(runtime, ann, nameplate_kw="many", registry="nasdaq", colour="blue")

    assert set(caught.value.fields) == {"nameplate_kw", "registry", "colour"}
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(GeneratingUnit)) == 0


def test_a_registrys_unit_exists_once(runtime: Runtime, ann: Resident, settle: Settle) -> None:
    ben = settle("ben")
    created(runtime, ann)

    with pytest.raises(ClaimRefused) as caught:
        created(runtime, ben, name="Other")
    created(runtime, ben, name="Another registry", registry="mrets")
    created(runtime, ben, name="Another reporting unit", reporting_unit_id="R2")
    created(runtime, ben, name="No id yet", registry_id="")
    created(runtime, ben, name="No id either", registry_id="")

    assert (caught.value.code, caught.value.field) == ("registry_id_taken", "registry_id")


def test_a_change_keeps_what_is_not_named_and_is_logged_by_field(
    runtime: Runtime, ann: Resident
) -> None:
    unit = created(runtime, ann)

    changed = generating_units.change(
        runtime, unit, answers={"nameplate_kw": "60", "name": "Roof"}, actor=ann.actor
    )
    generating_units.change(runtime, unit, answers={"nameplate_kw": "60"}, actor=ann.actor)

    assert (changed.nameplate_kw, changed.registry_id) == (Decimal(60), "W805")
    logged = [entry for entry in entries(runtime) if entry.event == "generating_unit_updated"]
    assert [entry.details["fields"] for entry in logged] == [["nameplate_kw"]]


def test_operation_cannot_begin_after_a_claim_does(runtime: Runtime, ann: Resident) -> None:
    unit = created(runtime, ann)
    claimed(runtime, ann, unit, date(2026, 1, 5))

    with pytest.raises(ClaimRefused) as caught:
        generating_units.change(
            runtime, unit, answers={"commercial_operation_date": "2026-01-06"}, actor=ann.actor
        )
    generating_units.change(
        runtime, unit, answers={"commercial_operation_date": "2026-01-05"}, actor=ann.actor
    )

    assert caught.value.code == "operation_after_claims"


def test_a_unit_is_removed_with_its_claims(runtime: Runtime, ann: Resident) -> None:
    unit = created(runtime, ann)
    claimed(runtime, ann, unit, date(2026, 1, 5))

    facility_id = generating_units.remove(runtime, unit, actor=ann.actor)

    assert facility_id == ann.facility.id
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(MeterClaim)) == 0
        assert generating_units.of_facility(session, facility_id, actor=ann.actor) == []
    last = entries(runtime)[-1]
    assert (last.event, last.details["claims"]) == ("generating_unit_removed", 1)


def test_a_reported_unit_and_its_claims_stay(runtime: Runtime, ann: Resident) -> None:
    unit = created(runtime, ann)
    claim = claimed(runtime, ann, unit, date(2026, 1, 5))
    report(runtime, unit, date(2026, 2, 1))

    with pytest.raises(ClaimRefused) as removed:
        generating_units.remove(runtime, unit, actor=ann.actor)
    with pytest.raises(ClaimRefused) as withdrawn:
        meter_claims.withdraw(runtime, claim, actor=ann.actor)

    assert removed.value.code == "unit_is_reported"
    assert withdrawn.value.code == "claim_is_reported"
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(MeterClaim)) == 1


def test_others_units_are_not_found(runtime: Runtime, ann: Resident, settle: Settle) -> None:
    ben, unit = settle("ben"), created(runtime, ann)

    for unit_id, who in ((unit, ben.actor), (unit, Actor(None)), (new_id(), ann.actor)):
        with pytest.raises(NotFound):
            generating_units.change(runtime, unit_id, answers={"name": "Mine"}, actor=who)
        with pytest.raises(NotFound):
            generating_units.remove(runtime, unit_id, actor=who)
    with pytest.raises(NotFound):
        generating_units.create(runtime, ann.facility.id, answers=ANSWERS, actor=ben.actor)


def test_the_form_for_a_first_unit_begins_with_what_the_facility_says(
    runtime: Runtime, ann: Resident
) -> None:
    with runtime.sessions.begin() as session:
        facility = session.get_one(Facility, ann.facility.id)
        facility.system_size_kw = Decimal("7.200")
        facility.commercial_operation_date = date(2023, 2, 1)
        found = generating_units.suggested(facility, [])

    assert found["nameplate_kw"] == "7.2"
    assert found["commercial_operation_date"] == "2023-02-01"


def test_the_database_refuses_a_unit_without_capacity(runtime: Runtime, ann: Resident) -> None:
    unit = created(runtime, ann)

    with (
        pytest.raises(IntegrityError, match="ck_generating_units_nameplate_kw"),
        runtime.sessions.begin() as session,
    ):
        session.execute(
            text("update generating_units set nameplate_kw = 0 where id = :id"), {"id": unit}
        )


def test_times_are_those_of_the_clock(runtime: Runtime, ann: Resident) -> None:
    unit = created(runtime, ann)

    with runtime.sessions() as session:
        found = generating_units.get(session, unit, actor=ann.actor)
    assert found.created_at == found.updated_at == datetime(2026, 3, 20, 12, tzinfo=UTC)
