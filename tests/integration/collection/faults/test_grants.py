"""Consent that is refused, narrowed or ended, and tokens that expire, rotate or are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import func, select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization, current_grant
from dcarbon.db.facilities import Facility
from dcarbon.db.meters import Meter
from dcarbon.db.work_orders import WorkOrder
from dcarbon.services import authorizations, collection, grants
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.conftest import Customer
from tests.integration.collection.faults.conftest import LATER, Consented, Control, reopened

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
NewCustomer = Callable[[str], Customer]
TOKEN = "/sdge/DataCustodian/oauth/token"
DATA = "/sdge/DataCustodian/espi"


def tokens_of(house: Consented) -> dict[str, str]:
    with house.runtime.sessions() as session:
        grant = current_grant(session, house.id)
    assert grant is not None
    opened: dict[str, str] = json.loads(house.runtime.keys.open(grant.sealed, bound_to=house.id))
    return opened


def events(runtime: Runtime) -> list[str]:
    with runtime.sessions() as session:
        return list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.seq)))


def test_a_customer_who_declines_leaves_a_failed_authorization_with_a_reason(
    runtime: Runtime, customer: NewCustomer, control: Control
) -> None:
    someone = customer("House")
    control.fault("decline", provider="sdge")

    completed = someone.authorise("sdge", "sunny")

    assert completed.error is not None
    assert (completed.status, completed.error.code) == ("failed", "authorization_declined")
    assert completed.session_id is not None
    status = authorizations.session_status(
        runtime, completed.session_id, method="green_button", actor=someone.actor
    )
    assert (status.status, status.error_code) == ("failed", "authorization_declined")
    with runtime.sessions() as session:
        row = session.scalars(select(Authorization)).one()
        facility = session.get_one(Facility, someone.facility.id)
        assert (row.status, row.reason_code) == ("failed", "authorization_declined")
        assert facility.auth_status == "failed"
        assert session.scalar(select(func.count()).select_from(WorkOrder)) == 0
    assert events(runtime)[-1] == "authorization_failed"


def test_after_declining_a_customer_may_try_again_on_the_same_authorization(
    runtime: Runtime, customer: NewCustomer, control: Control
) -> None:
    someone = customer("House")
    control.fault("decline", provider="sdge")
    declined = someone.authorise("sdge", "sunny")

    again = someone.authorise("sdge", "sunny")

    assert again.error is None
    assert again.authorization_id == declined.authorization_id
    with runtime.sessions() as session:
        row = session.scalars(select(Authorization)).one()
        assert (row.status, row.reason_code, row.reason) == ("authorized", None, None)


def test_a_narrowed_grant_collects_what_it_covers_and_asks_for_nothing_else(
    consented: Make, control: Control
) -> None:
    control.fault("narrow_scope", provider="sdge", parameters={"groups": ["usage"]})
    house = consented()

    outcome = house.collect()

    assert outcome.error is None
    assert house.has_all_of(outcome.window)
    assert house.standing() == ("authorized", "authorized", "ok")
    with house.runtime.sessions() as session:
        meter = session.scalars(select(Meter)).one()
    assert meter.service_address is None


@pytest.mark.parametrize("kind", ["unauthorized", "forbidden"])
def test_a_token_refused_once_is_refreshed_and_the_collection_goes_on(
    consented: Make, control: Control, kind: str
) -> None:
    house = consented()
    before = tokens_of(house)
    control.fault(kind, path_prefix=DATA)

    outcome = house.collect()

    assert outcome.error is None
    assert tokens_of(house)["access_token"] != before["access_token"]
    assert house.has_all_of(outcome.window)


def test_a_token_refused_every_time_ends_in_one_request_to_the_customer(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("unauthorized", path_prefix=DATA, times=None)

    house.collect()
    while house.standing() == ("authorized", "authorized", "delayed"):
        house.collect_when_due()

    assert house.standing() == ("expired", "expired", "blocked")
    assert house.order().outcome == "given_up"
    assert events(house.runtime).count("authorization_expired") == 1
    again = house.collect()
    assert again.error is not None
    assert again.error.code == "not_authorized"
    assert events(house.runtime).count("authorization_expired") == 1


def test_an_expired_access_token_is_refreshed_before_it_is_used(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    before = tokens_of(house)
    clock.advance(LATER)

    outcome = house.collect()

    assert outcome.error is None
    assert tokens_of(house)["access_token"] != before["access_token"]


def test_a_token_the_utility_ends_early_is_refreshed(consented: Make, control: Control) -> None:
    house = consented()
    control.act(house.external_id(), "expire-tokens")

    outcome = house.collect()

    assert outcome.error is None
    assert house.has_all_of(outcome.window)


def test_one_time_refresh_tokens_are_stored_as_they_rotate(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    seen = [tokens_of(house)["refresh_token"]]

    for _ in range(3):
        clock.advance(LATER)
        outcome = house.collect()
        assert outcome.error is None
        seen.append(tokens_of(house)["refresh_token"])

    assert len(set(seen)) == 4


def test_two_who_need_a_new_token_at_once_refresh_it_once(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    """A one-time refresh token: a second refresh would be refused and end the grant."""
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    clock.advance(LATER)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(grants.access_token, house.runtime, house.id) for _ in range(4)]
        tokens = {future.result().reveal() for future in asked}

    assert tokens == {tokens_of(house)["access_token"]}


def test_an_expired_refresh_token_asks_the_customer(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    house.collect()
    before = house.stored_days()
    control.fault("expired_refresh", provider="sdge")
    clock.advance(LATER)

    outcome = house.collect()

    assert outcome.error is not None
    assert outcome.error.code == "reauthorization_required"
    assert house.standing() == ("expired", "expired", "blocked")
    assert house.stored_days() == before


def test_a_token_endpoint_that_is_down_expires_nobody(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    before = tokens_of(house)
    control.fault("unavailable", path_prefix=TOKEN)
    clock.advance(LATER)

    outcome = house.collect()

    assert outcome.error is not None
    assert house.standing() == ("authorized", "authorized", "delayed")
    assert tokens_of(house) == before
    assert house.collect_when_due().error is None


def test_a_consent_whose_time_is_over_is_asked_for_again_and_keeps_everything(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    first = house.collect()
    clock.advance(LATER)
    control.act(house.external_id(), "expire")

    outcome = house.collect()

    assert outcome.error is not None
    assert outcome.error.code == "consent_ended"
    assert house.standing() == ("expired", "expired", "blocked")
    assert house.authorization().reason
    assert house.has_all_of(first.window)


def test_authorizing_again_revives_the_same_authorization(
    runtime: Runtime, customer: NewCustomer, control: Control, clock: SandboxClock
) -> None:
    someone = customer("House")
    completed = someone.authorise("sdge", "sunny")
    assert completed.authorization_id is not None
    house = Consented(runtime, clock, completed.authorization_id, "sunny")
    first = house.collect()
    control.act(house.external_id(), "expire")
    assert house.collect().error is not None

    again = someone.authorise("sdge", "sunny")

    assert (again.error, again.authorization_id) == (None, house.id)
    assert house.standing() == ("authorized", "authorized", "ok")
    outcome = house.collect()
    assert outcome.error is None
    assert house.has_all_of(first.window)
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Meter)) == 1


def test_wrong_client_credentials_are_an_administrators_matter(
    consented: Make,
    environment: dict[str, str],
    database_url: str,
    tmp_path: Path,
    clock: SandboxClock,
) -> None:
    house = consented()
    clock.advance(LATER)
    wrong = environment | {"DCARBON_PROVIDERS__SDGE__CLIENT_SECRET": "not-the-secret"}

    with reopened(wrong, database_url, tmp_path, clock) as runtime:
        outcome = collection.collect(runtime, house.id)

    assert outcome.error is not None
    assert outcome.error.code == "client_credentials_rejected"
    assert house.standing() == ("authorized", "authorized", "blocked")
    assert house.authorization().reason is None
    assert house.order().not_before >= clock.now() + timedelta(minutes=30)
    assert "authorization_expired" not in events(house.runtime)
    assert house.collect_when_due().error is None


def test_a_second_attempt_that_is_declined_does_not_touch_one_that_worked(
    runtime: Runtime, customer: NewCustomer, clock: SandboxClock
) -> None:
    """Two tabs: the customer agreed in one and declined in the other."""
    someone = customer("House")
    other = someone.start("sdge")
    worked = someone.authorise("sdge", "sunny")
    assert worked.authorization_id is not None
    state = _state_of(other.redirect_url)

    declined = authorizations.complete_green_button(
        runtime, parameters={"state": state, "error": "access_denied"}, browser=None
    )

    house = Consented(runtime, clock, worked.authorization_id, "sunny")
    assert declined.status == "failed"
    assert house.standing() == ("authorized", "authorized", "ok")
    assert house.authorization().reason_code is None


def test_agreeing_in_one_tab_counts_although_another_tab_was_declined_before(
    runtime: Runtime, customer: NewCustomer, clock: SandboxClock
) -> None:
    someone = customer("House")
    other = someone.start("sdge")
    visited = someone.visit("sdge", "sunny")
    authorizations.complete_green_button(
        runtime,
        parameters={"state": _state_of(other.redirect_url), "error": "access_denied"},
        browser=None,
    )

    completed = authorizations.complete_green_button(runtime, parameters=visited, browser=None)

    assert completed.error is None
    assert completed.authorization_id is not None
    house = Consented(runtime, clock, completed.authorization_id, "sunny")
    assert house.standing() == ("authorized", "authorized", "ok")


def _state_of(address: str) -> str:
    return dict(parse_qsl(urlsplit(address).query))["state"]
