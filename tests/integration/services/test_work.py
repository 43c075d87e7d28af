"""Work orders: one for each wish, due when it is time, closed once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dcarbon.db.authorizations import Authorization
from dcarbon.db.work_orders import SyncAttempt, WorkOrder
from dcarbon.domain.errors import ProviderUnavailable
from dcarbon.services import authorizations, tidying, work
from dcarbon.services.runtime import Runtime
from tests.integration.services.conftest import MovableClock, Settle

pytestmark = pytest.mark.database


@pytest.fixture
def authorization_id(runtime: Runtime, settle: Settle) -> UUID:
    ann = settle()
    authorizations.start_green_button(
        runtime, facility_id=ann.facility.id, provider="sdge", actor=ann.actor, browser=None
    )
    with runtime.sessions() as session:
        return session.scalars(select(Authorization.id)).one()


def opened(runtime: Runtime, authorization_id: UUID, **wish: object) -> UUID:
    with runtime.sessions.begin() as session:
        order = work.open_collection(
            session,
            authorization_id,
            reason="test",
            now=runtime.now(),
            **wish,  # type: ignore[arg-type]
        )
        return order.id


def due(runtime: Runtime) -> list[tuple[UUID, UUID, int]]:
    return work.due(runtime.sessions, now=runtime.now())


def test_the_same_wish_again_is_the_same_order(runtime: Runtime, authorization_id: UUID) -> None:
    first, again = (opened(runtime, authorization_id) for _ in range(2))

    assert first == again
    assert due(runtime) == [(first, authorization_id, 0)]


def test_another_window_is_another_order(
    runtime: Runtime, authorization_id: UUID, clock: MovableClock
) -> None:
    day = timedelta(days=1)
    end = clock.now()
    wishes = [{}, {"start": end - day, "end": end}, {"start": end - 2 * day, "end": end}]

    found = {opened(runtime, authorization_id, **wish) for wish in [*wishes, *wishes]}

    assert len(found) == 3


def test_a_wish_brings_a_postponed_order_forward(runtime: Runtime, authorization_id: UUID) -> None:
    order = opened(runtime, authorization_id)
    with runtime.sessions.begin() as session:
        later = runtime.now() + timedelta(hours=1)
        work.postpone(session, order, until=later, error=ProviderUnavailable())
    assert due(runtime) == []

    opened(runtime, authorization_id)

    assert due(runtime) == [(order, authorization_id, 1)]


def test_a_postponed_order_is_due_at_its_time_and_tells_why(
    runtime: Runtime, authorization_id: UUID, clock: MovableClock
) -> None:
    order = opened(runtime, authorization_id)
    with runtime.sessions.begin() as session:
        later = clock.now() + timedelta(hours=1)
        work.postpone(session, order, until=later, error=ProviderUnavailable())

    clock.advance(timedelta(minutes=59, seconds=59))
    before = due(runtime)
    clock.advance(timedelta(seconds=1))

    assert before == []
    assert due(runtime) == [(order, authorization_id, 1)]
    with runtime.sessions() as session:
        assert session.get_one(WorkOrder, order).last_error_code == "provider_unavailable"


def test_a_closed_order_is_never_due_and_the_next_wish_is_a_new_one(
    runtime: Runtime, authorization_id: UUID
) -> None:
    order = opened(runtime, authorization_id)
    with runtime.sessions.begin() as session:
        work.close_order(session, order, outcome="done", now=runtime.now())
    assert due(runtime) == []

    following = opened(runtime, authorization_id)

    assert following != order
    with runtime.sessions() as session:
        assert session.scalar(select(func.count()).select_from(WorkOrder)) == 2


def test_orders_to_revoke_are_not_handed_to_collectors(
    runtime: Runtime, authorization_id: UUID
) -> None:
    order = opened(runtime, authorization_id, kind="revoke")

    assert due(runtime) == []
    assert [one[0] for one in work.due(runtime.sessions, now=runtime.now(), kinds=["revoke"])] == [
        order
    ]


def test_progress_adds_up_and_needs_no_order(runtime: Runtime, authorization_id: UUID) -> None:
    order = opened(runtime, authorization_id)

    work.note_progress(runtime.sessions, order, meters_found=1)
    work.note_progress(runtime.sessions, order, readings=96)
    work.note_progress(runtime.sessions, None, readings=1)

    with runtime.sessions() as session:
        assert session.get_one(WorkOrder, order).progress == {"meters_found": 1, "readings": 96}


def test_an_attempt_whose_process_is_gone_is_closed_even_if_no_other_follows(
    runtime: Runtime, authorization_id: UUID, clock: MovableClock
) -> None:
    with runtime.sessions.begin() as session:
        for _ in range(2):
            work.start_attempt(
                session, authorization_id, order_id=None, run_id="killed", now=runtime.now()
            )
            clock.advance(work.LONGEST_RUN)
    clock.advance(timedelta(minutes=-1))

    assert tidying.prune(runtime)["abandoned_attempts"] == 1
    with runtime.sessions() as session:
        codes = session.scalars(select(SyncAttempt.error_code).order_by(SyncAttempt.started_at))
        assert codes.all() == ["run_ended", None]
