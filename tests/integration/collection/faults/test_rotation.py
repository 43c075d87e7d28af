"""Grants are rotated before they are old: proven first, interrupting nobody, losing nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from dcarbon.db.authorizations import Authorization
from dcarbon.services import collection, grants, rotation
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.faults.conftest import LATER, Consented, Control
from tests.integration.collection.faults.rotating import (
    OLD,
    allow,
    audited,
    customer_of,
    due_order,
    forbid,
    grants_of,
    half_rotated,
    rotation_order,
    tokens_of,
)

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
TOKEN = "/sdge/DataCustodian/oauth/token"


@pytest.mark.parametrize("provider", ["pge", "sce", "sdge"])
def test_an_old_grant_is_replaced_by_a_new_one_that_works(
    consented: Make, clock: SandboxClock, provider: str
) -> None:
    house = consented(provider)
    before = tokens_of(house)
    clock.advance(OLD)

    done = rotation.rotate(house.runtime, due_order(house))

    assert (done.is_rotated, done.error) == (True, None)
    old, new = grants_of(house)
    assert (old.end_reason, old.ended_at, old.sealed) == ("rotated", clock.now(), b"")
    assert (new.is_pending, new.ended_at, new.obtained_at) == (False, None, clock.now())
    assert tokens_of(house)["access_token"] != before["access_token"]
    assert audited(house, "token_rotated")[0]["age_days"] == 91
    assert rotation_order(house).outcome == "done"
    assert house.standing() == ("authorized", "authorized", "ok")
    assert rotation.open_due(house.runtime) == 0
    assert house.collect().error is None


def test_a_grant_is_due_by_age_and_refreshing_does_not_make_it_younger(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    for _ in range(22):
        clock.advance(timedelta(days=4))
        grants.access_token(house.runtime, house.id)
    assert rotation.open_due(house.runtime) == 0

    clock.advance(timedelta(days=2))
    grants.access_token(house.runtime, house.id)

    assert rotation.open_due(house.runtime) == 1
    assert rotation.open_due(house.runtime) == 0


@pytest.mark.parametrize(
    ("provider", "days", "due"),
    [("sdge", 4, 0), ("sdge", 6, 1), ("pge", 89, 0)],
    ids=["fresh", "life_unknown", "life_of_a_year"],
)
def test_a_grant_that_nothing_refreshes_is_due_before_its_refresh_token_may_end(
    consented: Make, clock: SandboxClock, provider: str, days: int, due: int
) -> None:
    house = consented(provider)

    clock.advance(timedelta(days=days))

    assert rotation.open_due(house.runtime) == due


@pytest.mark.parametrize("status", ["revoked", "expired"])
def test_an_access_that_has_ended_is_not_rotated(
    consented: Make, clock: SandboxClock, status: str
) -> None:
    house = consented()
    clock.advance(OLD)
    order_id = due_order(house)
    before = tokens_of(house)
    with house.runtime.sessions.begin() as session:
        session.get_one(Authorization, house.id).status = status

    done = rotation.rotate(house.runtime, order_id)

    assert (done.is_rotated, done.error) == (False, None)
    assert rotation_order(house).outcome == "cancelled"
    assert tokens_of(house) == before
    assert rotation.open_due(house.runtime) == 0


def test_an_order_that_was_done_by_another_run_is_not_done_again(
    consented: Make, clock: SandboxClock
) -> None:
    house = consented()
    clock.advance(OLD)
    order_id = due_order(house)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: rotation.rotate(house.runtime, order_id), range(2)))

    assert sorted(each.is_rotated for each in done) == [False, True]
    assert len(audited(house, "token_rotated")) == 1


@contextmanager
def collecting_on_and_on(house: Consented) -> Iterator[list[str | None]]:
    """Collect again and again meanwhile; yields the error codes that came of it."""
    stop, codes = threading.Event(), list[str | None]()

    def collect() -> None:
        while not stop.is_set():
            outcome = collection.collect(house.runtime, house.id)
            codes.append(outcome.error.code if outcome.error else None)

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(collect) for _ in range(2)]
        try:
            yield codes
        finally:
            stop.set()
        for each in running:
            each.result()


def test_a_sync_running_at_the_same_time_never_fails(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    house.collect()

    with collecting_on_and_on(house) as codes:
        for _ in range(5):
            clock.advance(OLD)
            assert rotation.rotate(house.runtime, due_order(house)).is_rotated
            seen = len(codes)
            while len(codes) < seen + 2:
                threading.Event().wait(0.01)

    assert set(codes) == {None}
    assert len(audited(house, "token_rotated")) == 5
    assert house.standing() == ("authorized", "authorized", "ok")


def test_whoever_holds_a_token_that_refreshing_has_ended_gets_the_stored_one(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    """Some custodians end the access token before with each refresh."""
    house = consented()
    held = grants.access_token(house.runtime, house.id)
    control.act(house.external_id(), "expire-tokens")
    pending = half_rotated(house)
    refreshes = control.count("slow", path_prefix=TOKEN, parameters={"seconds": 0})

    given = grants.access_token(house.runtime, house.id, refused=held)

    assert given == pending.access_token
    assert grants.access_token(house.runtime, house.id) == held
    assert house.collect().error is None
    assert refreshes() == 0


def test_killed_after_the_refresh_was_stored_the_next_try_proves_it_and_refreshes_no_more(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    clock.advance(OLD)
    order_id = due_order(house)
    pending = half_rotated(house)
    refreshes = control.count("slow", path_prefix=TOKEN, parameters={"seconds": 0})

    done = rotation.rotate(house.runtime, order_id)

    assert done.is_rotated
    assert refreshes() == 0
    assert tokens_of(house)["access_token"] == pending.access_token.reveal()


def test_killed_days_before_the_stored_tokens_are_refreshed_and_proven(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    clock.advance(OLD)
    order_id = due_order(house)
    pending = half_rotated(house)
    clock.advance(timedelta(days=3))

    done = rotation.rotate(house.runtime, order_id)

    assert done.is_rotated
    assert pending.refresh_token is not None
    assert tokens_of(house)["refresh_token"] != pending.refresh_token.reveal()
    assert house.collect().error is None


def test_killed_while_the_new_grant_was_put_in_force_both_are_as_before(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    clock.advance(OLD)
    order_id, before = due_order(house), tokens_of(house)
    forbid(house, table="work_orders", when="new.done_at is not null")

    with pytest.raises(DBAPIError):
        rotation.rotate(house.runtime, order_id)

    assert tokens_of(house) == before
    stored = tokens_of(house, pending=True)
    allow(house, table="work_orders")
    assert rotation.rotate(house.runtime, order_id).is_rotated
    assert tokens_of(house) == stored
    assert len(audited(house, "token_rotated")) == 1


def test_a_sync_that_needs_a_token_between_refresh_and_proof_refreshes_what_was_stored(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    """The refresh token before is dead: a refresh with it would end the customer's access."""
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    clock.advance(OLD)
    order_id = due_order(house)
    half_rotated(house)
    clock.advance(LATER)

    outcome = house.collect()

    assert outcome.error is None
    assert rotation.rotate(house.runtime, order_id).is_rotated
    assert house.collect().error is None


def test_a_new_consent_takes_the_place_of_both(consented: Make, clock: SandboxClock) -> None:
    house = consented()
    clock.advance(OLD)
    order_id = due_order(house)
    half_rotated(house)
    with house.runtime.sessions.begin() as session:
        session.get_one(Authorization, house.id).status = "expired"

    again = customer_of(house).authorise("sdge", "sunny")

    assert again.authorization_id == house.id
    reasons = [each.end_reason for each in grants_of(house)]
    assert sorted(str(each) for each in reasons) == ["None", "replaced", "replaced"]
    assert all((each.end_reason is None) == bool(each.sealed) for each in grants_of(house))
    assert rotation.rotate(house.runtime, order_id).is_rotated
    assert house.collect().error is None
