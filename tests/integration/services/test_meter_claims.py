"""Claims of meters: each day of a physical meter is claimed once, whoever asks how often."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from dcarbon.db import generating_units as db
from dcarbon.db.generating_units import MeterClaim
from dcarbon.domain.errors import ClaimRefused, InvalidInput, NotFound
from dcarbon.services import eligibility, meter_claims
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.claim_checks import NewClaim
from dcarbon.services.meter_claims import ClaimView
from dcarbon.services.runtime import Runtime
from tests.integration.conftest import NOW
from tests.integration.services import metering
from tests.integration.services.conftest import MovableClock, Resident, Settle, entries, events
from tests.integration.services.test_generating_units import created

pytestmark = pytest.mark.database
MARCH = date(2026, 3, 1)
TODAY = NOW.date()


@pytest.fixture
def ann(settle: Settle) -> Resident:
    return settle("ann")


@pytest.fixture
def roof(runtime: Runtime, ann: Resident) -> UUID:
    return created(runtime, ann)


def export_meter(runtime: Runtime, who: Resident, **columns: object) -> UUID:
    """Return a new two-way meter whose channel to the grid somebody chose as export."""
    meter = metering.meter(runtime, who.facility.id, "delivered", "received", **columns)  # type: ignore[arg-type]
    received = metering.channel(runtime, meter, "received")
    eligibility.choose(runtime, received, wanted="hourly_export", actor=who.actor)
    return meter


def production_meter(runtime: Runtime, who: Resident) -> UUID:
    meter = metering.meter(runtime, who.facility.id, "delivered")
    eligibility.choose(
        runtime,
        metering.channel(runtime, meter, "delivered"),
        wanted="production",
        actor=who.actor,
        note="Generation meter",
        is_production_meter=True,
    )
    return meter


def export(meter: UUID, first: date = MARCH, last: date | None = None) -> NewClaim:
    return NewClaim(meter, "hourly_export", first, last)


def refusal(runtime: Runtime, unit: UUID, new: NewClaim, who: Actor) -> ClaimRefused:
    with pytest.raises(ClaimRefused) as caught:
        meter_claims.claim(runtime, unit, new=new, actor=who)
    return caught.value


def views(runtime: Runtime, who: Resident, unit: UUID) -> list[ClaimView]:
    with runtime.sessions() as session:
        found = meter_claims.of_facility(
            session, who.facility.id, actor=who.actor, now=runtime.now()
        )
    return found[unit]


def test_a_claimed_meter_counts_from_its_first_day_on(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    meter = export_meter(runtime, ann)

    claim = meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)

    (found,) = views(runtime, ann, roof)
    assert (found.id, found.meter.id, found.basis) == (claim, meter, "hourly_export")
    assert (found.first_day, found.last_day, found.doubt) == (MARCH, None, None)
    assert found.created_by == "ann@example.test"
    last = entries(runtime)[-1]
    assert (last.event, last.details["first_day"]) == ("meter_claimed", "2026-03-01")


def test_claims_of_a_unit_are_found_by_the_days_they_share(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    meter, other = export_meter(runtime, ann), export_meter(runtime, ann)
    for new in (
        export(meter, date(2026, 1, 1), date(2026, 1, 31)),
        export(meter, date(2026, 2, 2)),
        export(other, date(2026, 3, 5), date(2026, 3, 5)),
    ):
        meter_claims.claim(runtime, roof, new=new, actor=ann.actor)

    def found(first: date, last: date) -> list[tuple[UUID, date]]:
        with runtime.sessions() as session:
            claims = db.claims_of(session, roof, first, last)
        return [(one.meter_id, one.first_day) for one in claims]

    assert found(date(2026, 1, 31), date(2026, 2, 1)) == [(meter, date(2026, 1, 1))]
    assert found(date(2026, 2, 1), date(2026, 2, 1)) == []
    assert found(date(2026, 3, 1), date(2026, 3, 31)) == [
        (meter, date(2026, 2, 2)),
        (other, date(2026, 3, 5)),
    ]


@pytest.mark.parametrize(
    ("first", "last", "shares"),
    [
        (date(2026, 2, 1), date(2026, 2, 9), False),
        (date(2026, 2, 1), date(2026, 2, 10), True),
        (date(2026, 2, 12), date(2026, 2, 13), True),
        (date(2026, 2, 20), date(2026, 3, 1), True),
        (date(2026, 2, 21), None, False),
        (date(2026, 2, 1), None, True),
    ],
)
def test_a_meter_is_claimed_once_a_day(
    runtime: Runtime, ann: Resident, roof: UUID, *, first: date, last: date | None, shares: bool
) -> None:
    meter, shed = export_meter(runtime, ann), created(runtime, ann, name="Shed", registry_id="")
    taken = export(meter, date(2026, 2, 10), date(2026, 2, 20))
    meter_claims.claim(runtime, roof, new=taken, actor=ann.actor)

    for unit in (roof, shed):
        if not shares:
            claim = meter_claims.claim(
                runtime, unit, new=export(meter, first, last), actor=ann.actor
            )
            meter_claims.withdraw(runtime, claim, actor=ann.actor)
            continue
        refused = refusal(runtime, unit, export(meter, first, last), ann.actor)
        assert refused.code == "claim_overlaps"
        assert "Roof from Feb 10, 2026 to Feb 20, 2026" in refused.display_message


def test_the_database_itself_refuses_a_shared_day(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    meter = export_meter(runtime, ann)

    def insert(first: date, last: date | None) -> None:
        with runtime.sessions.begin() as session:
            session.add(
                MeterClaim(
                    generating_unit_id=roof,
                    meter_id=meter,
                    basis="hourly_export",
                    first_day=first,
                    last_day=last,
                )
            )

    insert(date(2026, 1, 1), date(2026, 1, 31))
    insert(date(2026, 2, 1), None)
    with pytest.raises(IntegrityError) as caught:
        insert(date(2026, 1, 31), date(2026, 1, 31))

    assert db.constraint_of(caught.value) == db.ONE_CLAIM_A_DAY


@pytest.mark.parametrize(
    ("directions", "basis", "code"),
    [
        (("net",), "hourly_export", "net_never_claimed"),
        (("delivered",), "hourly_export", "consumption_never_claimed"),
        (("delivered", "net"), "hourly_export", "net_never_claimed"),
        (("delivered", "received"), "hourly_export", "eligibility_not_chosen"),
        (("delivered", "received"), "production", "not_a_production_meter"),
        (("delivered",), "production", "eligibility_not_chosen"),
        ((), "hourly_export", "eligibility_not_chosen"),
    ],
    ids=str,
)
@pytest.mark.parametrize("asker", ["owner", "admin"])
def test_a_meter_that_does_not_count_is_refused_with_the_reason(
    runtime: Runtime,
    ann: Resident,
    roof: UUID,
    *,
    directions: tuple[str, ...],
    basis: str,
    code: str,
    asker: str,
) -> None:
    meter = metering.meter(runtime, ann.facility.id, *directions)
    who = ann.actor if asker == "owner" else SYSTEM

    refused = refusal(runtime, roof, NewClaim(meter, basis, MARCH), who)

    assert (refused.code, refused.field) == (code, "meter_id")
    assert "meter_claimed" not in events(runtime)


def test_a_channel_that_turned_into_estimates_is_refused_and_doubted(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    meter = export_meter(runtime, ann)
    february = export(meter, date(2026, 2, 1), date(2026, 2, 28))
    meter_claims.claim(runtime, roof, new=february, actor=ann.actor)
    received = metering.channel(runtime, meter, "received")
    metering.count_days(runtime, received, TODAY - timedelta(days=2), present=96, estimated=96)

    assert refusal(runtime, roof, export(meter), ann.actor).code == "estimates_never_claimed"
    assert "Estimates are never claimed" in (views(runtime, ann, roof)[0].doubt or "")


@pytest.mark.parametrize(
    ("first", "last", "code", "field"),
    [
        (date(2024, 5, 30), None, "claim_before_operation", "first_day"),
        (date(2026, 3, 21), None, "claim_in_future", "first_day"),
        (date(2026, 3, 1), date(2026, 3, 21), "claim_in_future", "last_day"),
        (date(2026, 3, 2), date(2026, 3, 1), "claim_days_reversed", "last_day"),
    ],
)
def test_days_that_make_no_sense_are_refused(
    runtime: Runtime,
    ann: Resident,
    roof: UUID,
    *,
    first: date,
    last: date | None,
    code: str,
    field: str,
) -> None:
    refused = refusal(runtime, roof, export(export_meter(runtime, ann), first, last), ann.actor)

    assert (refused.code, refused.field) == (code, field)


def test_the_first_day_of_operation_and_today_at_the_meter_can_be_claimed(
    runtime: Runtime, ann: Resident, roof: UUID, clock: MovableClock
) -> None:
    clock.at = NOW.replace(hour=5)  # still the 19th in California
    meter, other = export_meter(runtime, ann), export_meter(runtime, ann)

    assert refusal(runtime, roof, export(meter, TODAY), ann.actor).code == "claim_in_future"
    for new in (export(meter, TODAY - timedelta(days=1)), export(other, date(2024, 5, 31))):
        meter_claims.claim(runtime, roof, new=new, actor=ann.actor)


def test_production_and_export_are_not_claimed_for_one_unit_at_once(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    production, exporting = production_meter(runtime, ann), export_meter(runtime, ann)
    meter_claims.claim(
        runtime,
        roof,
        new=NewClaim(production, "production", MARCH, date(2026, 3, 10)),
        actor=ann.actor,
    )

    refused = refusal(runtime, roof, export(exporting, date(2026, 3, 10)), ann.actor)
    meter_claims.claim(runtime, roof, new=export(exporting, date(2026, 3, 11)), actor=ann.actor)

    assert (refused.code, refused.field) == ("claim_mixes_bases", "basis")


def test_an_ended_claim_leaves_the_days_after_free(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    meter = export_meter(runtime, ann)
    claim = meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)

    meter_claims.end(runtime, claim, last_day=date(2026, 3, 9), actor=ann.actor)
    meter_claims.claim(runtime, roof, new=export(meter, date(2026, 3, 10)), actor=ann.actor)

    newest, oldest = views(runtime, ann, roof)
    assert (oldest.last_day, oldest.ended_by, oldest.ended_at) == (
        date(2026, 3, 9),
        "ann@example.test",
        NOW,
    )
    assert newest.last_day is None
    assert "meter_claim_ended" in events(runtime)


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (MARCH - timedelta(days=1), "claim_days_reversed"),
        (TODAY + timedelta(days=1), "claim_in_future"),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(
    runtime: Runtime, ann: Resident, roof: UUID, last: date, code: str
) -> None:
    claim = meter_claims.claim(
        runtime, roof, new=export(export_meter(runtime, ann)), actor=ann.actor
    )

    with pytest.raises(ClaimRefused) as caught:
        meter_claims.end(runtime, claim, last_day=last, actor=ann.actor)

    assert caught.value.code == code


def test_a_claim_ends_once(runtime: Runtime, ann: Resident, roof: UUID) -> None:
    new = export(export_meter(runtime, ann))
    claim = meter_claims.claim(runtime, roof, new=new, actor=ann.actor)
    meter_claims.end(runtime, claim, last_day=TODAY, actor=ann.actor)

    with pytest.raises(ClaimRefused) as caught:
        meter_claims.end(runtime, claim, last_day=MARCH, actor=ann.actor)

    assert caught.value.code == "claim_has_ended"


def test_a_mistaken_claim_is_taken_back(runtime: Runtime, ann: Resident, roof: UUID) -> None:
    meter = export_meter(runtime, ann)
    claim = meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)

    meter_claims.withdraw(runtime, claim, actor=ann.actor)

    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(MeterClaim)) == 0
    assert events(runtime)[-1] == "meter_claim_withdrawn"
    meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)


def test_what_a_claim_rests_on_is_not_set_aside_under_it(
    runtime: Runtime, ann: Resident, roof: UUID
) -> None:
    meter = export_meter(runtime, ann)
    claim = meter_claims.claim(runtime, roof, new=export(meter), actor=ann.actor)
    received = metering.channel(runtime, meter, "received")

    with pytest.raises(ClaimRefused) as caught:
        eligibility.choose(runtime, received, wanted="consumption", actor=ann.actor)
    meter_claims.end(runtime, claim, last_day=TODAY, actor=ann.actor)
    eligibility.choose(runtime, received, wanted="consumption", actor=ann.actor)

    assert caught.value.code == "channel_is_claimed"
    assert views(runtime, ann, roof)[0].doubt is not None


def test_others_units_meters_and_claims_are_not_found(
    runtime: Runtime, ann: Resident, settle: Settle, roof: UUID
) -> None:
    ben = settle("ben")
    mine, theirs = export_meter(runtime, ann), export_meter(runtime, ben)
    claim = meter_claims.claim(runtime, roof, new=export(mine), actor=ann.actor)

    for new, who in ((export(theirs), ann.actor), (export(mine), ben.actor)):
        with pytest.raises(NotFound):
            meter_claims.claim(runtime, roof, new=new, actor=who)
    with pytest.raises(NotFound):
        meter_claims.claim(runtime, roof, new=export(theirs), actor=SYSTEM)
    with pytest.raises(NotFound):
        meter_claims.end(runtime, claim, last_day=TODAY, actor=ben.actor)
    with pytest.raises(NotFound):
        meter_claims.withdraw(runtime, claim, actor=ben.actor)


def test_an_unknown_basis_is_refused(runtime: Runtime, ann: Resident, roof: UUID) -> None:
    meter = export_meter(runtime, ann)

    with pytest.raises(InvalidInput):
        meter_claims.claim(runtime, roof, new=NewClaim(meter, "net", MARCH), actor=ann.actor)
