"""A rotation that fails: who is told and when, and that an access ends only when it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dcarbon.domain.errors import InvalidTransition
from dcarbon.services import people, rotation, rotation_rounds
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import Runtime
from dcarbon_sandbox.clock import SandboxClock
from tests.integration.collection.faults.conftest import Consented, Control, reopened
from tests.integration.collection.faults.rotating import (
    OLD,
    audited,
    customer_of,
    due_order,
    grants_of,
    half_rotated,
    mails,
    make_due,
    rotate_when_due,
    rotation_order,
    tokens_of,
)

pytestmark = pytest.mark.database

Make = Callable[..., Consented]
TOKEN = "/sdge/DataCustodian/oauth/token"
DATA = "/sdge/DataCustodian/espi"


def administrator(house: Consented) -> None:
    now = house.clock.now()
    people.make_admin(house.runtime.sessions, email="admin@example.test", actor=SYSTEM, now=now)


def test_a_token_endpoint_that_is_down_is_tried_again_and_nobody_is_told(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    administrator(house)
    clock.advance(OLD)
    before = tokens_of(house)
    control.fault("unavailable", path_prefix=TOKEN, times=None)

    done = rotation.rotate(house.runtime, due_order(house))
    codes = {rotate_when_due(house).error is not None for _ in range(3)}

    assert done.error is not None
    assert (done.error.code, done.is_gone, codes) == ("provider_unavailable", False, {True})
    assert rotation_order(house).not_before > clock.now() + timedelta(minutes=5)
    assert (tokens_of(house), len(grants_of(house))) == (before, 1)
    assert house.standing()[0] == "authorized"
    assert mails(house, "grant_rotation_failed") == mails(house, "admin_notice") == []
    control.calm()
    clock.advance(timedelta(hours=6))
    assert rotate_when_due(house).is_rotated


def test_a_utility_that_is_down_for_days_is_told_of_at_last(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    clock.advance(OLD)
    control.fault("unavailable", path_prefix=TOKEN, times=None)
    rotation.rotate(house.runtime, due_order(house))

    clock.advance(timedelta(days=3))
    rotate_when_due(house)

    assert len(mails(house, "grant_rotation_failed")) == 1
    assert house.standing()[0] == "authorized"


def test_a_proof_that_nobody_answers_is_made_up_for_without_another_refresh(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    clock.advance(OLD)
    before = tokens_of(house)
    control.fault("unavailable", path_prefix=DATA)

    done = rotation.rotate(house.runtime, due_order(house))

    assert done.error is not None
    assert done.error.code == "provider_unavailable"
    assert tokens_of(house) == before
    stored = tokens_of(house, pending=True)
    assert rotate_when_due(house).is_rotated
    assert tokens_of(house) == stored


def test_a_new_token_refused_once_is_refreshed_and_proven(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    control.switch("sdge", one_time_refresh=True)
    clock.advance(OLD)
    order_id = due_order(house)
    control.fault("unauthorized", path_prefix=DATA)

    done = rotation.rotate(house.runtime, order_id)

    assert done.is_rotated
    assert house.collect().error is None


def test_a_custodian_without_a_list_of_usage_points_proves_by_readings(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    clock.advance(OLD)
    order_id = due_order(house)
    control.fault("not_found", path_prefix=f"{DATA}/1_1/resource/Subscription", times=None)

    done = rotation.rotate(house.runtime, order_id)

    assert done.is_rotated


def test_new_tokens_refused_again_and_again_leave_the_old_ones_and_are_told_once(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    administrator(house)
    clock.advance(OLD - timedelta(minutes=30))
    house.collect()
    clock.advance(timedelta(minutes=30))
    before = tokens_of(house)

    control.fault("unauthorized", path_prefix=DATA, times=2)
    first = rotation.rotate(house.runtime, due_order(house))

    assert first.error is not None
    assert (first.error.code, first.is_gone) == ("access_token_rejected", False)
    assert tokens_of(house) == before
    assert mails(house, "grant_rotation_failed") == []
    for _ in range(4):
        make_due(house)
        control.fault("unauthorized", path_prefix=DATA, times=2)
        assert rotate_when_due(house).error is not None
    assert house.standing() == ("authorized", "authorized", "ok")
    assert len(mails(house, "grant_rotation_failed")) == 1
    assert [each.to_address for each in mails(house, "admin_notice")] == ["admin@example.test"]
    assert [each["code"] for each in audited(house, "token_rotation_failed")] == [
        "access_token_rejected"
    ]
    assert rotate_when_due(house).is_rotated
    assert house.collect().error is None


def test_people_who_were_told_may_authorize_again_although_the_access_stands(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    house.collect()
    with pytest.raises(InvalidTransition):
        customer_of(house).start("sdge")
    clock.advance(OLD)
    control.fault("malformed", path_prefix=TOKEN, times=None)
    due_order(house)
    for _ in range(3):
        assert rotate_when_due(house).error is not None
    control.calm()

    again = customer_of(house).authorise("sdge", "sunny")

    assert (again.error, again.authorization_id) == (None, house.id)
    assert house.collect().error is None


def test_a_refresh_token_that_is_dead_expires_nobody_while_the_access_token_lives(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    clock.advance(OLD)
    house.collect()
    control.fault("expired_refresh", provider="sdge", times=None)

    done = rotation.rotate(house.runtime, due_order(house))

    assert done.error is not None
    assert (done.error.code, done.is_gone) == ("reauthorization_required", False)
    assert house.standing()[0] == "authorized"
    clock.advance(timedelta(hours=2))
    later = rotate_when_due(house)
    assert later.is_gone
    assert house.standing() == ("expired", "expired", "blocked")
    assert len(mails(house, "reauthorization_needed")) == 1
    assert rotation_order(house).outcome == "given_up"


def test_a_consent_that_the_customer_revoked_there_is_found_revoked(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    clock.advance(OLD)
    control.act(house.external_id(), "revoke")

    done = rotation.rotate(house.runtime, due_order(house))

    assert done.error is not None
    assert (done.error.code, done.is_gone) == ("revoked_at_provider", True)
    assert house.standing()[0] == "revoked"
    assert all(each.sealed == b"" for each in grants_of(house))
    assert rotation_order(house).outcome == "cancelled"


def test_tokens_before_a_broken_rotation_serve_when_the_stored_ones_are_dead(
    consented: Make, control: Control, clock: SandboxClock
) -> None:
    house = consented()
    clock.advance(OLD)
    order_id = due_order(house)
    half_rotated(house)
    clock.advance(timedelta(hours=2))
    control.fault("expired_refresh", provider="sdge")

    first = rotation.rotate(house.runtime, order_id)

    assert first.error is not None
    assert not first.is_gone
    assert [each.end_reason for each in grants_of(house)] == [None, "refused"]
    assert house.collect().error is None
    assert rotate_when_due(house).is_rotated


@pytest.fixture
def refused_runtime(
    environment: dict[str, str], database_url: str, tmp_path: Path, clock: SandboxClock
) -> Iterator[Runtime]:
    """Another process, with a client secret that is wrong at one utility."""
    wrong = environment | {"DCARBON_PROVIDERS__SDGE__CLIENT_SECRET": "not-the-secret"}
    with reopened(wrong, database_url, tmp_path, clock) as runtime:
        yield runtime


def test_a_utility_that_refuses_us_is_left_alone_by_the_whole_round(
    consented: Make, control: Control, refused_runtime: Runtime, clock: SandboxClock
) -> None:
    houses = [consented() for _ in range(6)]
    other = consented("sce")
    administrator(other)
    clock.advance(OLD)
    refused = control.count("slow", path_prefix=TOKEN, parameters={"seconds": 0})

    done = rotation_rounds.run(refused_runtime)
    again = rotation_rounds.run(refused_runtime)

    assert (done.opened, sum(each.is_rotated for each in done.outcomes)) == (7, 1)
    assert refused() <= rotation_rounds.WORKERS + 1
    assert (again.opened, again.outcomes, again.left) == (0, [], 0)
    assert len(done.outcomes) + done.left == 7
    assert {house.standing()[0] for house in houses} == {"authorized"}
    clock.advance(timedelta(hours=2))
    healed = rotation_rounds.run(other.runtime)
    assert [each.is_rotated for each in healed.outcomes] == [True] * 6


def test_a_round_begins_nothing_after_its_time(consented: Make, clock: SandboxClock) -> None:
    house = consented()
    clock.advance(OLD)

    late = rotation_rounds.run(house.runtime, until=clock.now())

    assert (late.opened, late.outcomes, late.left) == (1, [], 1)
    assert [each.is_rotated for each in rotation_rounds.run(house.runtime).outcomes] == [True]
