"""Consent that ended on the provider's side: told apart from one that ran out, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization, Grant, current_grant
from dcarbon.db.mails import Mail
from dcarbon.db.meters import Meter
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain import texts
from dcarbon.services import authorization_endings, collection
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.conftest import Customer
from tests.integration.collection.faults.conftest import LATER, Consented, Control

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
LADWP = {"login": "hourly", "utility": "LADWP"}
RESOURCES = "/sdge/DataCustodian/espi"
TOKEN = "/sdge/DataCustodian/oauth/token"


@pytest.fixture(autouse=True)
def _quick(control: Control) -> None:
    control.utilityapi(collection_delay_s=0)


def settled(house: Consented) -> collection.CollectionOutcome:
    for _ in range(30):
        outcome = house.collect()
        if not outcome.waiting:
            return outcome
        house.clock.set(house.order().not_before)
    raise AssertionError("the provider never became ready")


def revoke_there(house: Consented, control: Control) -> None:
    if house.authorization().method == "utilityapi":
        control.revoke_at_utilityapi(house.external_id())
    else:
        control.act(house.external_id(), "revoke")


WAYS: list[Any] = [
    pytest.param({"provider": "pge"}, "gone", id="pge"),
    pytest.param({"provider": "sdge"}, "gone", id="sdge"),
    pytest.param({"provider": "utilityapi", **LADWP}, "gone", id="utilityapi"),
    pytest.param({"provider": "utilityapi", **LADWP}, "empty", id="utilityapi_still_listed"),
]


@pytest.mark.parametrize(("way", "after_revoke"), WAYS)
def test_a_revocation_at_the_provider_is_found_and_everything_is_kept(
    consented: Make, control: Control, way: dict[str, str], after_revoke: str
) -> None:
    control.utilityapi(after_revoke=after_revoke)
    house = consented(**way)
    first = settled(house)
    revoke_there(house, control)

    outcome = house.collect()

    control.utilityapi(after_revoke="gone")
    assert outcome.error is not None
    assert outcome.error.code == "revoked_at_provider"
    row = house.authorization()
    assert house.standing()[:2] == ("revoked", "revoked")
    assert (row.reason_code, row.reason) == (
        "revoked_at_provider",
        texts.of("revoked_at_provider").message,
    )
    assert house.has_all_of(first.window)
    with house.runtime.sessions() as session:
        assert current_grant(session, house.id) is None
        assert set(session.scalars(select(Grant.sealed))) <= {b""}
        assert session.scalars(select(WorkOrder).where(WorkOrder.done_at.is_(None))).all() == []
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.event == "authorization_revoked")
        ).one()
        mails = session.scalars(select(Mail).where(Mail.kind == "access_ended")).all()
    assert entry.actor_kind == "system"
    assert (entry.details["by"], entry.details["reason"]) == ("provider", "ended_at_provider")
    assert [mail.to_address.lower() for mail in mails] == ["house.0@example.test"]
    again = house.collect()
    assert again.error is not None
    assert again.error.code == "not_authorized"


def test_after_a_revocation_there_the_customer_may_authorize_anew_and_keeps_the_history(
    runtime: Runtime, customer: Callable[[str], Customer], control: Control, clock: SandboxClock
) -> None:
    someone = customer("House")
    completed = someone.authorise("sdge", "sunny")
    assert completed.authorization_id is not None
    house = Consented(runtime, clock, completed.authorization_id, "sunny")
    first = house.collect()
    revoke_there(house, control)
    assert house.collect().error is not None
    clock.advance(LATER)

    anew = someone.authorise("sdge", "sunny")

    assert anew.error is None
    assert anew.authorization_id is not None
    assert anew.authorization_id != house.id
    new = Consented(runtime, clock, anew.authorization_id, "sunny")
    assert new.collect().error is None
    assert new.has_all_of(first.window)
    assert new.standing() == ("authorized", "authorized", "ok")
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Meter)) == 1


def test_where_the_provider_cannot_say_nobody_is_asked_for_anything_yet(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("forbidden", path_prefix=f"{RESOURCES}/1_1/resource/Batch", times=None)
    control.fault("unavailable", path_prefix=TOKEN, after=1)

    outcome = house.collect()

    assert outcome.error is not None
    assert outcome.error.code == "provider_unavailable"
    assert house.standing() == ("authorized", "authorized", "delayed")
    control.calm()
    assert house.collect_when_due().error is None


def test_a_consent_that_stands_while_its_grant_is_refused_only_needs_the_customer(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("forbidden", path_prefix=f"{RESOURCES}/1_1/resource/Batch", times=None)

    tries = [house.collect(), *(house.collect_when_due() for _ in range(6))]

    codes = [outcome.error.code for outcome in tries if outcome.error is not None]
    assert codes == [*["provider_unavailable"] * 6, "access_token_rejected"]
    assert house.standing() == ("expired", "expired", "blocked")


def test_a_fresh_token_refused_for_a_moment_is_the_utility_s_failing(
    consented: Make, control: Control
) -> None:
    house = consented()
    control.fault("unauthorized", path_prefix=RESOURCES, times=3)

    assert house.collect().error is not None

    assert house.standing() == ("authorized", "authorized", "delayed")
    assert house.collect_when_due().error is None


def test_a_consent_of_utilityapi_that_ran_out_is_expired_and_not_revoked(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented("utilityapi", **LADWP)
    settled(house)
    ends_at = house.authorization().consent_ends_at
    assert ends_at is not None
    clock.set(ends_at + timedelta(hours=1))

    outcome = house.collect()

    assert outcome.error is not None
    assert outcome.error.code == "consent_ended"
    assert house.standing() == ("expired", "expired", "blocked")


def ended_here(house: Consented, *, final: bool = True) -> None:
    """End the access here, as an administrator does; the provider is told later."""
    with house.runtime.sessions.begin() as session:
        row = session.get_one(Authorization, house.id)
        why = authorization_endings.EndReason.ENDED_BY_ADMIN
        authorization_endings.end_here(
            session, row, actor=SYSTEM, why=why, is_final=final, now=house.clock.now()
        )


@pytest.mark.parametrize(
    "way", [{"provider": "sdge"}, {"provider": "utilityapi", **LADWP}], ids=["espi", "json"]
)
def test_what_is_new_lands_once_more_before_the_provider_is_told(
    consented: Make, clock: SandboxClock, way: dict[str, str]
) -> None:
    house = consented(**way)
    settled(house)
    synced = house.authorization().last_sync
    clock.advance(timedelta(days=2))
    ended_here(house)

    outcome = house.collect(final=True)

    assert (outcome.error, outcome.waiting) == (None, False)
    assert outcome.readings > 0
    assert house.authorization().status == "revoked"
    assert (house.authorization().last_sync or clock.now()) > (synced or clock.now())
    assert house.order().done_at is None
    assert house.order().kind == "revoke"


def test_a_last_collection_stores_the_providers_failure_and_leaves_the_order_alone(
    consented: Make, control: Control
) -> None:
    house = consented()
    house.collect()
    ended_here(house)
    due = house.order().not_before
    control.fault("unavailable", provider="sdge", times=None)

    outcome = house.collect(final=True)

    assert outcome.error is not None
    assert outcome.error.code == house.attempt().error_code == "provider_unavailable"
    assert house.authorization().status == "revoked"
    assert (house.order().not_before, house.order().attempts) == (due, 0)


@pytest.mark.parametrize("standing", ["withdrawn", "in_force"])
def test_a_last_collection_is_refused_unless_the_order_to_tell_the_provider_wants_it(
    consented: Make, standing: str
) -> None:
    house = consented()
    house.collect()
    if standing == "withdrawn":
        ended_here(house, final=False)
    before = house.stored_days()

    outcome = house.collect(final=True)

    assert outcome.error is not None
    assert (outcome.error.code, outcome.payloads) == ("not_authorized", 0)
    assert house.stored_days() == before
