"""One physical meter by several rows, from other authorizations or providers: claimed once, too."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from dcarbon.db.meters import Meter
from dcarbon.services import meter_claims
from dcarbon.services.actors import SYSTEM
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.runtime import Runtime
from tests.integration.services import metering
from tests.integration.services.conftest import Resident, Settle
from tests.integration.services.test_generating_units import created
from tests.integration.services.test_meter_claims import export, export_meter, refusal, views

pytestmark = pytest.mark.database


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


@pytest.fixture
def roof(runtime: Runtime, ann: Resident) -> UUID:
    return created(runtime, ann)


def test_the_same_meter_number_at_the_same_utility_is_one_meter(
    runtime: Runtime, ann: Resident, settle: Settle, roof: UUID
) -> None:
    ben = settle("ben")
    barn = created(runtime, ben, registry_id="")
    mine = export_meter(runtime, ann, numbers=("0001001a",))
    theirs = export_meter(
        runtime, ben, numbers=(" 1001A", "77"), provider="utilityapi", utility="pg&e"
    )
    meter_claims.claim(runtime, roof, new=export(mine), actor=ann.actor)

    stranger = refusal(runtime, barn, export(theirs), ben.actor)
    admin = refusal(runtime, barn, export(theirs), SYSTEM)

    assert stranger.code == admin.code == "claimed_elsewhere"
    assert "ann" not in stranger.display_message
    assert "Roof" not in stranger.display_message
    assert "at House of ann, and counts there for Roof from Mar 1, 2026 on" in admin.display_message
    before = NewClaim(theirs, "hourly_export", date(2026, 2, 1), date(2026, 2, 28))
    meter_claims.claim(runtime, barn, new=before, actor=ben.actor)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({"numbers": ("1001",)}, {"numbers": ("1002",)}, False),
        ({"numbers": ("1001",)}, {"numbers": ("1001",), "utility": "SCE"}, False),
        (
            {"numbers": ("1001",)},
            {"numbers": ("1001",), "provider": "file", "utility": "file"},
            True,
        ),
        ({"agreement_id": "A1"}, {"agreement_id": "A1"}, True),
        ({"agreement_id": "A1"}, {"agreement_id": "A2"}, False),
        ({"agreement_id": "A1"}, {"agreement_id": "A1", "utility": "SCE"}, False),
        ({"external_id": "SP1"}, {"external_id": "SP1"}, True),
        ({"external_id": "SP1"}, {"agreement_id": "SP1", "provider": "utilityapi"}, True),
        (
            {"external_id": "1", "provider": "utilityapi"},
            {"external_id": "1", "provider": "utilityapi"},
            False,
        ),
        (
            {"external_id": "1", "provider": "file", "utility": "file"},
            {"external_id": "1", "provider": "file", "utility": "file"},
            False,
        ),
        ({"external_id": "unnamed"}, {"external_id": "unnamed"}, False),
        ({}, {}, False),
        ({"numbers": ("",)}, {"numbers": (" ",)}, False),
        ({"numbers": ("000",)}, {"numbers": ("0",)}, False),
    ],
    ids=str,
)
def test_what_makes_two_rows_one_meter(
    runtime: Runtime,
    ann: Resident,
    settle: Settle,
    roof: UUID,
    *,
    one: dict[str, object],
    other: dict[str, object],
    is_same: bool,
) -> None:
    ben = settle("ben")
    barn = created(runtime, ben, registry_id="")
    meter_claims.claim(runtime, roof, new=export(export_meter(runtime, ann, **one)), actor=SYSTEM)
    theirs = export(export_meter(runtime, ben, **other))

    if is_same:
        assert refusal(runtime, barn, theirs, ben.actor).code == "claimed_elsewhere"
    else:
        meter_claims.claim(runtime, barn, new=theirs, actor=ben.actor)


def test_two_meters_of_one_agreement_in_one_authorization_are_two(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    consent = metering.authorization(runtime, ann.facility.id)
    shared = {"agreement_id": "A1", "authorization_id": consent}
    first, second = export_meter(runtime, ann, **shared), export_meter(runtime, ann, **shared)
    again = metering.authorization(runtime, ann.facility.id)
    third = export_meter(runtime, ann, agreement_id="A1", authorization_id=again)

    for meter in (first, second):
        meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)

    assert refusal(runtime, roof, export(third), ann.actor).code == "claimed_elsewhere"


def test_a_number_that_is_learnt_later_puts_both_claims_in_doubt(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    first, second = export_meter(runtime, ann, numbers=("1001",)), export_meter(runtime, ann)
    for meter in (first, second):
        meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)
    assert [one.doubt for one in views(runtime, ann, roof)] == [None, None]

    with runtime.sessions.begin() as session:
        session.get_one(Meter, second).meter_numbers = ["1001"]

    assert all("same meter" in (one.doubt or "") for one in views(runtime, ann, roof))
