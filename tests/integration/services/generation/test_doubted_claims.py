"""A claim that is in doubt by what was learnt since it was made: no report is made final on it."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from dcarbon.db.meters import Meter
from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import eligibility, generation_reports, meter_claims
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.runtime import Runtime
from tests.integration.services import metering
from tests.integration.services.conftest import Resident, Settle
from tests.integration.services.generation.conftest import FEBRUARY
from tests.integration.services.test_generating_units import created
from tests.integration.services.test_meter_claims import export, export_meter

pytestmark = pytest.mark.database
JANUARY, MIDDLE, LAST = date(2026, 1, 1), date(2026, 1, 15), date(2026, 1, 31)


def refusal(runtime: Runtime, who: Resident, unit: UUID, month: date) -> str:
    """Return why the report of a month is not made final."""
    report = generation_reports.prepare(runtime, unit, month, actor=who.actor)
    with pytest.raises(InvalidTransition) as refused:
        generation_reports.finalise(runtime, report, actor=who.actor)
    assert refused.value.code == "report_has_errors"
    return refused.value.display_message


def test_a_meter_that_turns_out_to_be_claimed_twice_is_in_neither_report(
    runtime: Runtime, ann: Resident, settle: Settle
) -> None:
    """The utility states the number of a meter after both claims were made."""
    ben = settle("ben")
    roof, barn = created(runtime, ann), created(runtime, ben, registry_id="")
    mine, theirs = export_meter(runtime, ann, numbers=("1001",)), export_meter(runtime, ben)
    meter_claims.claim(runtime, roof, new=export(mine, MIDDLE), actor=ann.actor)
    claim = meter_claims.claim(runtime, barn, new=export(theirs, JANUARY), actor=ben.actor)
    assert "same meter" not in refusal(runtime, ann, roof, FEBRUARY)

    with runtime.sessions.begin() as session:
        session.get_one(Meter, theirs).meter_numbers = ["1001"]

    for who, unit in ((ann, roof), (ben, barn)):
        told = refusal(runtime, who, unit, FEBRUARY)
        assert "this is the same meter as another that is claimed on some of these days" in told
        assert "Please end one of the two claims." in told
    meter_claims.end(runtime, claim, last_day=LAST, actor=ben.actor)
    assert "same meter" not in refusal(runtime, ann, roof, FEBRUARY)
    assert "same meter" in refusal(runtime, ben, barn, JANUARY)


@pytest.mark.parametrize("doubted", ["delivered", "unknown"])
def test_each_channel_that_counts_has_to_be_eligible(
    runtime: Runtime, ann: Resident, doubted: str
) -> None:
    roof = created(runtime, ann)
    meter = metering.meter(runtime, ann.facility.id, "delivered", "unknown")
    for direction in ("delivered", "unknown"):
        eligibility.choose(
            runtime,
            metering.channel(runtime, meter, direction),
            wanted="production",
            actor=ann.actor,
            note="Inverter",
            is_production_meter=True,
        )
    new = NewClaim(meter, "production", FEBRUARY)
    meter_claims.claim(runtime, roof, new=new, actor=ann.actor)
    day = runtime.now().date() - timedelta(days=2)

    channel = metering.channel(runtime, meter, doubted)
    metering.count_days(runtime, channel, day, present=96, estimated=96)

    assert "Estimates are never claimed" in refusal(runtime, ann, roof, FEBRUARY)
