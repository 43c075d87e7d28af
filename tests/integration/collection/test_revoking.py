"""Who ends an access decides what is still landed before the utility is told."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dcarbon.db.audit import AuditEntry
from dcarbon.db.authorizations import Authorization
from dcarbon.db.facilities import Facility
from dcarbon.db.interval_days import IntervalDay
from dcarbon.db.mails import Mail
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import InvalidInput, ReauthorizationRequired
from dcarbon.services import collection, final_landing, grants, revocation, work
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.revocation import EndOutcome
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.server import Running
from tests.integration.collection.conftest import Customer, Make, authorization_of

pytestmark = pytest.mark.database

ADMIN = Actor(None, is_admin=True)
DATA = "/pge/GreenButtonConnect/espi/1_1/resource/Batch"
WHY = "The contract has ended."
WAYS = [("pge", "sunny", ""), ("utilityapi", "hourly", "LADWP")]


def _authorised(
    someone: Customer, clock: SandboxClock, provider: str, login: str, utility: str
) -> UUID:
    """Go to the utility and come back; collect until the meters are there and were asked for.

    UtilityAPI makes the authorization a little later, and its meters a little later than that.
    """
    identity = authorization_of(someone.authorise(provider, login, utility=utility))
    for _ in range(10):
        clock.advance(timedelta(minutes=1))
        if collection.collect(someone.runtime, identity).meters:
            return identity
    raise AssertionError("the authorization never appeared")


def _row(runtime: Runtime, identity: UUID) -> Authorization:
    with runtime.sessions() as session:
        return session.get_one(Authorization, identity)


def _days(runtime: Runtime) -> int:
    with runtime.sessions() as session:
        return session.scalar(select(func.count()).select_from(IntervalDay)) or 0


def _until_confirmed(runtime: Runtime, clock: SandboxClock, order_id: UUID | None) -> EndOutcome:
    assert order_id is not None
    for _ in range(10):
        outcome = revocation.end_at_provider(runtime, order_id)
        if outcome.is_confirmed:
            return outcome
        clock.advance(timedelta(minutes=10))
    raise AssertionError("the end was never confirmed")


def _mails(runtime: Runtime, kind: str) -> list[Mail]:
    with runtime.sessions() as session:
        return list(session.scalars(select(Mail).where(Mail.kind == kind).order_by(Mail.id)))


def _details(runtime: Runtime, event: str) -> list[dict[str, object]]:
    with runtime.sessions() as session:
        found = select(AuditEntry.details).where(AuditEntry.event == event)
        return list(session.scalars(found.order_by(AuditEntry.seq)))


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_an_administrator_ends_it_and_what_is_outstanding_is_landed_first(
    runtime: Runtime, customer: Make, clock: SandboxClock, way: tuple[str, str, str]
) -> None:
    identity = _authorised(customer("House"), clock, *way)
    clock.advance(timedelta(days=3))
    before = _details(runtime, "interval_data_imported")

    revoked = revocation.revoke(runtime, identity, actor=ADMIN, reason=WHY)
    with pytest.raises(ReauthorizationRequired):
        grants.access_token(runtime, identity)
    _until_confirmed(runtime, clock, revoked.order_id)

    *earlier, last = _details(runtime, "interval_data_imported")
    assert earlier == before
    assert last["readings"]
    row = _row(runtime, identity)
    assert (row.status, row.reason_code) == ("revoked", "ended_at_provider")
    (details,) = _details(runtime, "authorization_revoked")
    assert {name: details[name] for name in ("by", "reason", "is_landed_first")} == {
        "by": "admin",
        "reason": "ended_by_admin",
        "is_landed_first": True,
    }


def test_everybody_at_the_facility_reads_at_once_who_ended_it_and_why(
    runtime: Runtime, customer: Make
) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise("pge", "sunny"))

    revocation.revoke(runtime, identity, actor=ADMIN, reason=WHY)

    (mail,) = _mails(runtime, "access_ended")
    text = " ".join(mail.text_body.split())
    assert (mail.to_address, mail.facility_id) == ("house@example.test", someone.facility.id)
    assert "An administrator of DCarbon ended DCarbon's access" in text
    assert WHY in text
    assert "The readings collected so far are kept." in text


def test_an_administrator_without_a_reason_ends_nothing(runtime: Runtime, customer: Make) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))

    with pytest.raises(InvalidInput) as refused:
        revocation.revoke(runtime, identity, actor=ADMIN, reason=" ")

    assert refused.value.code == "reason_needed"
    assert _row(runtime, identity).status == "authorized"
    assert _mails(runtime, "access_ended") == []


@pytest.mark.parametrize("land_first", [False, True], ids=["withdrawn", "landed first"])
def test_somebody_at_the_facility_chooses_whether_anything_more_is_fetched(
    runtime: Runtime, customer: Make, clock: SandboxClock, *, land_first: bool
) -> None:
    someone = customer("House")
    identity = authorization_of(someone.authorise("sdge", "sunny"))

    revoked = revocation.revoke(runtime, identity, actor=someone.actor, land_first=land_first)
    _until_confirmed(runtime, clock, revoked.order_id)

    assert (_days(runtime) > 0) is land_first
    (details,) = _details(runtime, "authorization_revoked")
    assert (details["by"], details["reason"]) == ("owner_operator", "withdrawn")
    assert "The owner ended" in " ".join(_mails(runtime, "access_ended")[0].text_body.split())


def test_a_utility_that_is_down_is_not_told_before_the_last_readings_are_landed(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))
    order = revocation.revoke(runtime, identity, actor=ADMIN, reason=WHY).order_id
    assert order is not None
    _fault(sandbox, kind="unavailable", provider="pge", path_prefix=DATA, times=None)

    first = revocation.end_at_provider(runtime, order)
    told = _live_at(sandbox, runtime, identity)
    clock.advance(timedelta(hours=1))
    sandbox.app.test_client().delete("/sandbox/faults")
    second = revocation.end_at_provider(runtime, order)

    assert (first.is_confirmed, told) == (False, True)
    assert first.error is not None
    assert (second.is_confirmed, _live_at(sandbox, runtime, identity)) == (True, False)
    assert _days(runtime) > 80


def test_the_utility_is_told_after_a_day_even_if_nothing_more_could_be_landed(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))
    order = revocation.revoke(runtime, identity, actor=ADMIN, reason=WHY).order_id
    assert order is not None
    _fault(sandbox, kind="unavailable", provider="pge", path_prefix=DATA, times=None)

    assert not revocation.end_at_provider(runtime, order).is_confirmed
    clock.advance(final_landing.LAND_WITHIN)
    assert revocation.end_at_provider(runtime, order).is_confirmed

    assert not _live_at(sandbox, runtime, identity)


def test_what_was_landed_last_is_not_fetched_again_when_telling_has_to_be_repeated(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))
    order = revocation.revoke(runtime, identity, actor=ADMIN, reason=WHY).order_id
    assert order is not None
    _fault(sandbox, kind="unavailable", method="DELETE", times=None)

    first = revocation.end_at_provider(runtime, order)
    landed = _details(runtime, "interval_data_imported")
    sandbox.app.test_client().delete("/sandbox/faults")
    clock.advance(timedelta(hours=1))
    second = revocation.end_at_provider(runtime, order)

    assert (first.is_confirmed, second.is_confirmed) == (False, True)
    assert len(landed) == len(_details(runtime, "interval_data_imported")) == 1


def test_a_consent_too_narrow_to_be_of_use_is_ended_at_the_utility_again(
    runtime: Runtime, customer: Make, sandbox: Running, clock: SandboxClock
) -> None:
    someone = customer("House")
    _fault(
        sandbox, kind="narrow_scope", provider="pge", parameters={"groups": ["basic", "account"]}
    )

    completed = someone.authorise("pge", "sunny")
    with runtime.sessions() as session:
        rows = list(session.scalars(select(Authorization).order_by(Authorization.id)))
    tried, unusable = rows
    live = _live_at(sandbox, runtime, unusable.id)
    again = authorization_of(someone.authorise("pge", "sunny"))
    (order,) = _due(runtime)
    confirmed = _until_confirmed(runtime, clock, order)

    assert completed.error is not None
    assert completed.error.code == "scope_too_narrow"
    assert (tried.id, tried.status) == (completed.authorization_id, "failed")
    assert (unusable.status, live) == ("revoked", True)
    assert again == tried.id
    assert confirmed.authorization_id == unusable.id
    assert not _live_at(sandbox, runtime, unusable.id)
    assert collection.collect(runtime, again).error is None
    assert _details(runtime, "authorization_revoked")[0]["reason"] == "scope_too_narrow"
    with runtime.sessions() as session:
        assert session.get_one(Facility, someone.facility.id).auth_status == "authorized"


def test_a_consent_without_a_name_is_not_taken_for_somebody_elses(
    runtime: Runtime, customer: Make, clock: SandboxClock
) -> None:
    """Both wait behind their referral, so neither has a name at the provider yet."""
    wanted = authorization_of(customer("House").authorise("utilityapi", "hourly", utility="LADWP"))
    hall = customer("Hall")
    ended = authorization_of(hall.authorise("utilityapi", "hourly", utility="SMUD"))
    assert {_row(runtime, one).external_id for one in (wanted, ended)} == {None}

    order = revocation.revoke(runtime, ended, actor=hall.actor).order_id
    _until_confirmed(runtime, clock, order)

    assert _details(runtime, "authorization_ended_at_provider")[-1]["how"] == "confirmed"


def test_ending_by_the_system_is_an_administrators_doing(runtime: Runtime, customer: Make) -> None:
    identity = authorization_of(customer("House").authorise("pge", "sunny"))

    ended = revocation.revoke(runtime, identity, actor=SYSTEM, reason=WHY)

    with runtime.sessions() as session:
        order = session.get_one(WorkOrder, ended.order_id)
    assert (order.final, order.reason) == (True, WHY)


def _fault(sandbox: Running, **rule: object) -> None:
    answer = sandbox.app.test_client().post("/sandbox/faults", json=rule)
    assert answer.status_code < 300, answer.text


def _live_at(sandbox: Running, runtime: Runtime, identity: UUID) -> bool:
    """Ask the sandbox itself whether the consent is in force."""
    uri = _row(runtime, identity).authorization_uri
    assert uri is not None
    number = uri.rstrip("/").rpartition("/")[2]
    listed = sandbox.app.test_client().get("/sandbox/authorizations").get_json()
    return any(one["id"] == number and one["live"] for one in listed["authorizations"])


def _due(runtime: Runtime) -> list[UUID]:
    found = work.due(runtime.sessions, now=runtime.now(), kinds=("revoke",))
    return [order_id for order_id, _, _ in found]
