"""A consent with an end: the countdown, renewing in time, and authorizing again when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.meters import Meter
from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import consent, facility_views
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.conftest import sandbox_wh, stored_wh, whole_days
from tests.integration.collection.faults.conftest import Consented, Control
from tests.integration.collection.faults.rotating import audited, customer_of, mails

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
LADWP = {"login": "hourly", "utility": "LADWP"}


def ends_at(house: Consented, moment: datetime) -> None:
    with house.runtime.sessions.begin() as session:
        session.get_one(Authorization, house.id).consent_ends_at = moment


def steps(house: Consented) -> list[int]:
    return [each["days"] for each in audited(house, "consent_ending_announced")]


def test_people_are_told_thirty_fourteen_seven_days_and_one_day_before_once_each(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    end = clock.now() + timedelta(days=40)
    ends_at(house, end)

    while clock.now() < end + timedelta(days=2):
        consent.announce(house.runtime)
        consent.announce(house.runtime)
        clock.advance(timedelta(hours=12))

    assert steps(house) == [30, 14, 7, 1]
    told = mails(house, "consent_ending")
    assert len(told) == 4
    assert "December 2026 at 10:00 PST" in told[0].subject
    assert f"/facilities/{house.facility().id}" in told[0].text_body


@pytest.mark.parametrize(("days_left", "told"), [(31, []), (20, [30]), (10, [14]), (0.5, [1])])
def test_a_late_run_tells_the_nearest_part_only(
    consented: Make, clock: SandboxClock, days_left: float, told: list[int]
) -> None:
    house = consented()
    ends_at(house, clock.now() + timedelta(days=days_left))

    consent.announce(house.runtime)
    consent.announce(house.runtime)

    assert steps(house) == told
    assert len(mails(house, "consent_ending")) == len(told)


def test_after_a_renewal_the_countdown_begins_anew(consented: Make, clock: SandboxClock) -> None:
    house = consented()
    ends_at(house, clock.now() + timedelta(days=5))
    consent.announce(house.runtime)

    ends_at(house, clock.now() + timedelta(days=365))
    consent.announce(house.runtime)
    clock.advance(timedelta(days=340))
    consent.announce(house.runtime)

    assert steps(house) == [7, 30]


def test_whoever_has_no_consent_in_force_hears_nothing(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    ends_at(house, clock.now() + timedelta(days=5))
    with house.runtime.sessions.begin() as session:
        session.get_one(Authorization, house.id).status = "expired"

    assert consent.announce(house.runtime) == []


def test_the_facility_offers_renewing_in_the_last_thirty_days_only(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    someone = customer_of(house)
    ends_at(house, clock.now() + timedelta(days=31))
    seen = [_renewal(house)]
    with pytest.raises(InvalidTransition):
        someone.start("sdge")

    clock.advance(timedelta(days=2))
    seen.append(_renewal(house))

    assert seen == [None, "ends_soon"]
    assert someone.start("sdge").redirect_url
    with pytest.raises(InvalidTransition):
        someone.start("pge")
    assert house.standing() == ("authorized", "authorized", "ok")


def test_the_end_of_a_consent_of_utilityapi_is_known_from_the_provider(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented("utilityapi", **LADWP)
    end = house.authorization().consent_ends_at
    assert end is not None

    clock.set(end - timedelta(days=3))

    assert [each.step.days for each in consent.announce(house.runtime)] == [7]


@pytest.mark.parametrize("days", [-3, 3], ids=["in_time", "when_it_is_over"])
def test_a_consent_of_utilityapi_is_renewed_there_and_keeps_its_name_meters_and_history(
    consented: Make, control: Control, clock: SandboxClock, days: int
) -> None:
    control.utilityapi(collection_delay_s=0)
    house = consented("utilityapi", **LADWP)
    _settled(house)
    before, known, stored = house.authorization(), _meters(house), house.stored_days()
    end = before.consent_ends_at
    assert end is not None
    clock.set(end + timedelta(days=days))
    assert (house.collect().error is None) == (days < 0)

    again = customer_of(house).authorise("utilityapi", **LADWP)

    assert (again.error, again.authorization_id) == (None, house.id)
    _settled(house)
    after = house.authorization()
    assert (after.external_id, _meters(house)) == (before.external_id, known)
    assert house.stored_days() >= stored
    assert after.consent_ends_at is not None
    assert after.consent_ends_at > end + timedelta(days=1000)
    assert house.standing() == ("authorized", "authorized", "ok")
    assert (_renewal(house), consent.announce(house.runtime)) == (None, [])


def test_a_consent_that_was_revoked_there_is_given_anew_under_another_name(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented("utilityapi", **LADWP)
    before = house.external_id()
    with house.runtime.sessions.begin() as session:
        session.get_one(Authorization, house.id).status = "expired"
    control.revoke_at_utilityapi(before)

    again = customer_of(house).authorise("utilityapi", **LADWP)

    assert (again.error, again.authorization_id) == (None, house.id)
    assert house.external_id() != before


def test_authorizing_again_keeps_facility_meters_and_history_and_closes_the_gap(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented("pge")
    start = _settled(house)[0]
    known = _meters(house)
    control.act(house.external_id(), "expire")
    clock.advance(timedelta(days=5))
    assert house.collect().error is not None
    assert house.standing()[0] == "expired"

    again = customer_of(house).authorise("pge", house.login)

    assert (again.error, again.authorization_id) == (None, house.id)
    window = (start, _settled(house)[1])
    assert house.standing() == ("authorized", "authorized", "ok")
    assert _meters(house) == known
    there = sandbox_wh(house.login, whole_days(window), as_of=clock.now())
    assert stored_wh(house.runtime) == there


def _settled(house: Consented) -> tuple[datetime, datetime]:
    """Collect until nothing is prepared any more; return the window."""
    for _ in range(30):
        outcome = house.collect()
        assert outcome.error is None
        if not outcome.waiting:
            return outcome.window
        house.clock.set(max(house.clock.now(), house.order().not_before))
        time.sleep(0.05)
    raise AssertionError("the provider never became ready")


def _meters(house: Consented) -> list[object]:
    with house.runtime.sessions() as session:
        return list(session.scalars(select(Meter.id).order_by(Meter.id)))


def _renewal(house: Consented) -> str | None:
    facility_id, actor = house.facility().id, customer_of(house).actor
    with house.runtime.sessions() as session:
        view = facility_views.one(session, facility_id, actor=actor, now=house.clock.now())
    return view.renewal.value if view.renewal else None
