"""UtilityAPI's scenarios and bad answers: who acts, what lands, and what is never ordered twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import func, select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.meters import CoverageDay, Meter
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.coverage import CoverageState
from dcarbon.services import authorizations, collection
from dcarbon.services.collection import CollectionOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.conftest import Customer
from tests.integration.collection.faults.conftest import Consented, Control, reopened

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
NewCustomer = Callable[[str], Customer]
LADWP = "LADWP"


@pytest.fixture(autouse=True)
def _quick(control: Control) -> None:
    control.utilityapi(collection_delay_s=0)


def collected(house: Consented) -> CollectionOutcome:
    """Collect, again and again while the provider asks to wait."""
    for _ in range(30):
        outcome = house.collect()
        if not outcome.waiting:
            return outcome
        house.clock.set(house.order().not_before)
        time.sleep(0.05)
    raise AssertionError("the provider never became ready")


def scenario(name: str) -> dict[str, str]:
    return {"login": f"UAPI_TEST_{name}", "utility": "DEMO"}


def test_a_login_the_utility_does_not_accept_fails_the_attempt_and_says_so(
    runtime: Runtime, customer: NewCustomer
) -> None:
    someone = customer("House")

    completed = someone.authorise("utilityapi", **scenario("badlogin"))

    assert completed.status == "failed"
    assert completed.error is not None
    assert "sign-in" in completed.error.display_message
    with runtime.sessions() as session:
        assert session.get_one(Facility, someone.facility.id).auth_status == "failed"
        assert session.scalar(select(func.count()).select_from(WorkOrder)) == 0


def test_a_meter_without_intervals_is_stored_and_is_no_failure(consented: Make) -> None:
    house = consented("utilityapi", **scenario("nointervals"))

    outcome = collected(house)

    assert outcome.error is None
    assert (outcome.meters, outcome.readings) == (1, 0)
    assert house.standing() == ("authorized", "authorized", "ok")
    assert house.order().outcome == "done"


def test_missing_readings_stay_missing_and_their_days_are_partial(consented: Make) -> None:
    house = consented("utilityapi", **scenario("partialintervals"))

    outcome = collected(house)

    assert outcome.error is None
    assert outcome.readings > 0
    with house.runtime.sessions() as session:
        states = set(session.scalars(select(CoverageDay.state)))
    assert CoverageState.PARTIAL in states


def test_an_account_without_meters_ends_instead_of_being_looked_at_for_ever(
    consented: Make,
) -> None:
    house = consented("utilityapi", **scenario("empty"))

    outcome = collected(house)

    assert outcome.error is None
    assert outcome.meters == 0
    assert house.order().outcome == "done"


def test_a_login_that_stopped_working_asks_the_customer(consented: Make) -> None:
    house = consented("utilityapi", **scenario("badlogin_after"))

    outcome = collected(house)

    assert outcome.error is not None
    assert outcome.error.code == "access_invalid"
    assert house.standing() == ("expired", "expired", "blocked")
    assert house.order().outcome == "given_up"


def test_consent_that_is_revoked_at_once_fails_the_attempt(
    runtime: Runtime, customer: NewCustomer
) -> None:
    someone = customer("House")
    completed = someone.authorise("utilityapi", **scenario("revoked"))
    assert completed.authorization_id is not None

    collection.collect(runtime, completed.authorization_id)

    with runtime.sessions() as session:
        row = session.get_one(Authorization, completed.authorization_id)
    assert row.status in {"failed", "expired"}


@pytest.mark.parametrize("name", ["websitedown_after", "utilityerror"])
def test_trouble_between_provider_and_utility_is_waited_out(consented: Make, name: str) -> None:
    house = consented("utilityapi", **scenario(name))

    outcome = collected(house)

    assert outcome.error is not None
    assert outcome.error.code == "provider_unavailable"
    assert house.standing() == ("authorized", "authorized", "delayed")
    assert house.order().done_at is None


def test_without_a_balance_meters_land_and_an_administrator_acts(
    consented: Make, control: Control
) -> None:
    control.utilityapi(prepaid=False)
    house = consented("utilityapi", "hourly", utility=LADWP)

    outcome = collected(house)

    assert outcome.error is not None
    assert outcome.error.code == "provider_payment_required"
    assert house.standing() == ("authorized", "authorized", "blocked")
    assert house.payload_states() == ["parsed"]
    with house.runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Meter)) == 1
    control.utilityapi(prepaid=True)
    house.clock.set(house.order().not_before)
    assert collected(house).error is None
    assert house.stored_days() > 0


@pytest.mark.parametrize("kind", ["unavailable", "error", "throttled", "cut"])
def test_a_provider_that_is_down_delays_and_loses_nothing(
    consented: Make, control: Control, kind: str
) -> None:
    house = consented("utilityapi", "hourly", utility=LADWP)
    first = collected(house)
    control.fault(kind, path_prefix="/api/v2/intervals", times=None)

    outcome = house.collect(start=first.window[0], end=first.window[1])

    assert outcome.error is not None
    assert house.standing() == ("authorized", "authorized", "delayed")
    assert house.has_all_of(first.window)


def test_a_malformed_page_of_one_meter_is_kept_and_the_other_meters_go_on(
    consented: Make, control: Control
) -> None:
    house = consented("utilityapi", **scenario("commercial"))
    control.fault("malformed", path_prefix="/api/v2/intervals")

    outcome = collected(house)

    assert outcome.error is None
    assert outcome.unreadable == 1
    assert house.payload_states().count("unreadable") == 1
    assert outcome.readings > 0


def test_a_malformed_listing_of_meters_is_kept_and_tried_again(
    consented: Make, control: Control
) -> None:
    house = consented("utilityapi", "hourly", utility=LADWP)
    assert collected(house).error is None
    control.fault("malformed", path_prefix="/api/v2/meters")

    outcome = house.collect()

    assert outcome.error is not None
    assert outcome.error.code == "malformed_json"
    assert house.payload_states().count("unreadable") == 1
    assert house.standing() == ("authorized", "authorized", "blocked")


def test_a_refused_api_token_is_an_administrators_matter(
    consented: Make,
    environment: Mapping[str, str],
    database_url: str,
    tmp_path: Any,
    clock: SandboxClock,
) -> None:
    house = consented("utilityapi", "hourly", utility=LADWP)
    wrong = {**environment, "DCARBON_PROVIDERS__UTILITYAPI__API_TOKEN": "not-the-token"}

    with reopened(wrong, database_url, tmp_path, clock) as runtime:
        outcome = collection.collect(runtime, house.id)

    assert outcome.error is not None
    assert outcome.error.code == "client_credentials_rejected"
    row = house.authorization()
    assert (row.status in {"pending", "authorized"}, row.reason) == (True, None)
    assert row.sync_health == "blocked"
    house.clock.set(house.order().not_before)
    assert collected(house).error is None


def test_consent_given_while_the_provider_is_down_is_found_later(
    runtime: Runtime, customer: NewCustomer, control: Control, clock: SandboxClock
) -> None:
    someone = customer("House")
    back = someone.visit("utilityapi", "hourly", utility=LADWP)
    control.fault("unavailable", path_prefix="/api/v2/authorizations")

    completed = authorizations.complete_utilityapi(runtime, parameters=back, browser=None)

    assert (completed.status, completed.error) == ("pending", None)
    assert completed.authorization_id is not None
    house = Consented(runtime, clock, completed.authorization_id, "hourly")
    assert collected(house).error is None
    assert house.standing() == ("authorized", "authorized", "ok")


def test_a_form_that_cannot_be_made_leaves_no_attempt_under_way(
    runtime: Runtime, customer: NewCustomer, control: Control
) -> None:
    someone = customer("House")
    control.fault("unavailable", path_prefix="/api/v2/forms")

    with pytest.raises(Exception, match="503"):
        someone.start("utilityapi", LADWP)

    with runtime.sessions() as session:
        row = session.scalars(select(Authorization)).one()
        assert (row.status, row.reason_code) == ("failed", "provider_unavailable")
        assert session.get_one(Facility, someone.facility.id).auth_status == "failed"
    assert someone.authorise("utilityapi", "hourly", utility=LADWP).error is None
