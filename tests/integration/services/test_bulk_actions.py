"""Bulk actions do to each what was foreseen, go on where they stopped, are followed to the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from dcarbon.db import bulk_actions as db_bulk_actions
from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.mails import Mail
from dcarbon.db.people import Person
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.bulk_actions import MOST, BulkKind, Effect, Stage
from dcarbon.domain.errors import InvalidInput, NotFound
from dcarbon.services import bulk_actions, bulk_previews, bulk_progress, work
from dcarbon.services.actors import Actor
from dcarbon.services.authorization_endings import ENDED
from dcarbon.services.bulk_previews import BulkPreview
from dcarbon.services.bulk_progress import BulkProgress
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import Settle, entries

pytestmark = pytest.mark.database

STATES = ("failed", "expired", "pending", "authorized", "revoked", "delayed", "blocked")
"""Stored statuses, and two ways in which collecting for an authorized one does not go well."""


@pytest.fixture
def admin(runtime: Runtime, settle: Settle) -> Actor:
    who = settle("admin").actor
    with runtime.sessions.begin() as session:
        session.get_one(Person, who.person_id).is_admin = True
    return Actor(who.person_id, is_admin=True)


@pytest.fixture
def every_state(runtime: Runtime, settle: Settle) -> dict[str, UUID]:
    """An authorization in each state, each at a facility of its own, and some special ones."""
    found = {state: _authorization(runtime, settle, state) for state in STATES}
    found["owner_only"] = _authorization(runtime, settle, "owner_only", role="owner")
    found["collecting"] = _authorization(runtime, settle, "collecting")
    found["utilityapi"] = _authorization(runtime, settle, "utilityapi", method="utilityapi")
    with runtime.sessions.begin() as session:
        work.open_collection(session, found["collecting"], reason="first", now=runtime.now())
        failed = session.get_one(Authorization, found["failed"])
        replaced = Authorization(
            id=new_id(),
            facility_id=session.get_one(Authorization, found["authorized"]).facility_id,
            method=failed.method,
            provider=failed.provider,
            utility=failed.utility,
            status="failed",
            shard=0,
        )
        session.add(replaced)
        session.flush()
        found["replaced"] = replaced.id
        recent = session.get_one(Authorization, found["blocked"])
        recent.retried_at = runtime.now() - timedelta(seconds=20)
    return found


_STATUS = {
    "delayed": "authorized",
    "blocked": "authorized",
    "owner_only": "failed",
    "collecting": "pending",
    "utilityapi": "authorized",
}


def _authorization(
    runtime: Runtime,
    settle: Settle,
    state: str,
    *,
    role: str = "owner_operator",
    method: str = "green_button",
) -> UUID:
    who, identity = settle(state.replace("_", ""), role=role), new_id()
    with runtime.sessions.begin() as session:
        session.add(
            Authorization(
                id=identity,
                facility_id=who.facility.id,
                requested_by=who.actor.person_id,
                method=method,
                provider="pge" if method == "green_button" else "utilityapi",
                utility="PG&E",
                status=_STATUS.get(state, state),
                external_id="4711" if method == "utilityapi" else None,
                sync_health=state if state in {"delayed", "blocked"} else "ok",
                shard=shard_of(identity),
            )
        )
    return identity


def _preview(runtime: Runtime, kind: BulkKind, ids: list[UUID], admin: Actor) -> BulkPreview:
    with runtime.sessions() as session:
        return bulk_previews.preview(session, kind, ids, actor=admin, now=runtime.now())


def _progress(runtime: Runtime, identity: UUID, admin: Actor) -> BulkProgress:
    with runtime.sessions() as session:
        return bulk_progress.of(session, identity, actor=admin, now=runtime.now())


def _done(runtime: Runtime, identity: UUID) -> dict[UUID, tuple[str | None, str | None]]:
    with runtime.sessions() as session:
        items = db_bulk_actions.items_of(session, identity)
        return {each.authorization_id: (each.outcome, each.code) for each in items}


@pytest.mark.parametrize("kind", list(BulkKind))
def test_what_was_foreseen_is_what_is_done(
    runtime: Runtime, admin: Actor, every_state: dict[str, UUID], kind: BulkKind
) -> None:
    ids = list(every_state.values())
    names = {identity: name for name, identity in every_state.items()}
    foreseen = _preview(runtime, kind, [*ids, new_id()], admin)

    identity = bulk_actions.start(runtime, kind, ids, actor=admin, reason="Moved away")
    assert bulk_actions.go_on(runtime, identity)

    done = _done(runtime, identity)
    for one in foreseen.items:
        expected = ("refused", one.refusal) if one.refusal else ("done", one.effect)
        assert done[one.authorization.id] == expected, names[one.authorization.id]
    assert [one.authorization.id for one in foreseen.items] == ids
    told = {one.effect for one in foreseen.items} | {one.refusal for one in foreseen.items}
    if kind is BulkKind.RETRY:
        assert told - {None} == {
            *(Effect.ASKING, Effect.LOOKING_AGAIN, Effect.COLLECTING, Effect.REPEATED),
            *("ended_on_purpose", "nothing_to_retry", "already_authorized"),
            "nobody_may_authorize",
        }
        assert foreseen.losses is None
    else:
        assert told - {None} == {Effect.TELLING, Effect.ENDING_HERE, "invalid_transition"}
        assert foreseen.losses is not None
        assert foreseen.losses.facilities == len(STATES) - 1 + 3
        assert foreseen.losses.copies_at_utilityapi == 1


def test_ending_many_asks_for_a_reason_which_the_people_read(
    runtime: Runtime, admin: Actor, every_state: dict[str, UUID]
) -> None:
    ids = [every_state["authorized"], every_state["expired"]]
    with pytest.raises(InvalidInput) as refused:
        bulk_actions.start(runtime, BulkKind.REVOKE, ids, actor=admin, reason="  ")
    assert refused.value.code == "reason_needed"

    identity = bulk_actions.start(runtime, BulkKind.REVOKE, ids, actor=admin, reason="Sold")
    bulk_actions.go_on(runtime, identity)

    with runtime.sessions() as session:
        mails = session.scalars(select(Mail).where(Mail.kind == "access_ended")).all()
    assert len(mails) == 2
    assert all("Sold" in mail.text_body for mail in mails)
    asked = next(one for one in entries(runtime) if one.event == "bulk_action_requested")
    assert asked.actor_id == admin.person_id
    assert (asked.details["action"], asked.details["authorizations"]) == ("revoke", 2)
    assert "Sold" not in str(asked.details)


def test_it_goes_on_where_it_stopped_and_nothing_is_done_twice(
    runtime: Runtime, admin: Actor, every_state: dict[str, UUID]
) -> None:
    """Several come by at the same time: the page, another browser, the sensor."""
    ids = list(every_state.values())
    identity = bulk_actions.start(runtime, BulkKind.REVOKE, ids, actor=admin, reason="Moved")

    assert not bulk_actions.go_on(runtime, identity, most=2)
    assert sum(outcome is not None for outcome, _ in _done(runtime, identity).values()) == 2
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: bulk_actions.go_on(runtime, identity), range(3)))
    assert bulk_actions.go_on_with_all(runtime) in {0, 1}

    done = _done(runtime, identity).values()
    assert {outcome for outcome, _ in done} == {"done", "refused"}
    assert [code for outcome, code in done if outcome == "refused"] == ["invalid_transition"]
    revoked = [one for one in entries(runtime) if one.event == "authorization_revoked"]
    assert len(revoked) == len(ids) - 1
    assert all(one.actor_id == admin.person_id for one in revoked)
    assert _progress(runtime, identity, admin).finished_at is not None


def test_the_progress_ends_when_the_provider_has_confirmed(
    runtime: Runtime, admin: Actor, every_state: dict[str, UUID]
) -> None:
    ids = [every_state["utilityapi"], every_state["failed"], every_state["revoked"]]
    identity = bulk_actions.start(runtime, BulkKind.REVOKE, ids, actor=admin, reason="Moved")
    assert _progress(runtime, identity, admin).by_stage == {Stage.NOT_YET: 3}
    bulk_actions.go_on(runtime, identity)
    with runtime.sessions.begin() as session:
        order = session.scalars(select(WorkOrder).where(WorkOrder.kind == "revoke")).one()
        order.attempts, order.last_error_code = 2, "provider_unavailable"

    waiting = _progress(runtime, identity, admin)

    stages = [one.stage for one in waiting.items]
    assert stages == [Stage.WAITING_FOR_PROVIDER, Stage.ENDED_HERE, Stage.REFUSED]
    assert (waiting.items[0].tries, waiting.items[0].code) == (2, "provider_unavailable")
    assert (waiting.settled, waiting.is_in_motion) == (2, True)

    with runtime.sessions.begin() as session:
        change = update(Authorization).where(Authorization.id == ids[0])
        session.execute(change.values(reason_code=ENDED))
        work.close_order(session, order.id, outcome="done", now=runtime.now())

    settled = _progress(runtime, identity, admin)
    assert settled.items[0].stage is Stage.CONFIRMED
    assert not settled.is_in_motion


def test_a_retry_is_followed_until_readings_come_or_the_customer_has_to_act(
    runtime: Runtime, admin: Actor, every_state: dict[str, UUID]
) -> None:
    ids = [every_state["delayed"], every_state["failed"]]
    identity = bulk_actions.start(runtime, BulkKind.RETRY, ids, actor=admin)
    bulk_actions.go_on(runtime, identity)

    stages = [one.stage for one in _progress(runtime, identity, admin).items]
    assert stages == [Stage.COLLECTING, Stage.WAITING_FOR_CUSTOMER]

    with runtime.sessions.begin() as session:
        session.execute(update(WorkOrder).values(done_at=runtime.now(), outcome="done"))
        session.execute(update(Authorization).values(status="authorized"))
    assert [one.stage for one in _progress(runtime, identity, admin).items] == [
        Stage.DONE,
        Stage.DONE,
    ]


def test_none_and_too_many_are_refused_and_others_than_administrators_too(
    runtime: Runtime, admin: Actor, settle: Settle
) -> None:
    with pytest.raises(InvalidInput) as empty:
        bulk_actions.start(runtime, BulkKind.RETRY, [new_id()], actor=admin)
    with pytest.raises(InvalidInput) as many:
        _preview(runtime, BulkKind.RETRY, [new_id() for _ in range(MOST + 1)], admin)
    somebody = settle("zed").actor
    with pytest.raises(NotFound):
        bulk_actions.start(runtime, BulkKind.RETRY, [new_id()], actor=somebody)
    with pytest.raises(NotFound):
        _progress(runtime, new_id(), admin)

    assert (empty.value.code, many.value.code) == ("bulk_empty", "bulk_too_many")


def test_who_is_no_administrator_any_more_ends_nothing(
    runtime: Runtime, admin: Actor, every_state: dict[str, UUID]
) -> None:
    ids = [every_state["authorized"]]
    identity = bulk_actions.start(runtime, BulkKind.REVOKE, ids, actor=admin, reason="Moved")
    with runtime.sessions.begin() as session:
        session.get_one(Person, admin.person_id).is_admin = False

    bulk_actions.go_on(runtime, identity)

    assert _done(runtime, identity) == {ids[0]: ("refused", "not_found")}
