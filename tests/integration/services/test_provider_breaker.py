"""A provider that fails again and again is left alone, and one request finds out about it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import pairwise

import httpx2
import pytest
from sqlalchemy import select

from dcarbon.db.authorizations import Authorization, shard_of
from dcarbon.db.base import new_id
from dcarbon.db.engine import Sessions
from dcarbon.db.facilities import Facility
from dcarbon.db.provider_states import ProviderState
from dcarbon.db.work_orders import WorkOrder
from dcarbon.domain.errors import DCarbonError, ProviderPaused, ProviderUnavailable
from dcarbon.providers.limits import LocalTurns, RateLimiter, RateLimits, Urgency
from dcarbon.providers.transport import Transport
from dcarbon.services.provider_breaker import (
    FAILURES_TO_PAUSE,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_SPREAD,
    PROBE_TIME,
    ProviderBreaker,
)
from tests.integration.conftest import NOW
from tests.integration.services.conftest import MovableClock

pytestmark = pytest.mark.database

DOWN = ProviderUnavailable("no answer")
Make = Callable[..., ProviderBreaker]


@pytest.fixture
def breaker(sessions: Sessions, clock: MovableClock) -> Make:
    """Make a breaker as another process has it: without memory of what was read before."""

    def make(urgency: Urgency = Urgency.BACKGROUND, provider: str = "pge") -> ProviderBreaker:
        return ProviderBreaker(sessions, provider, clock.now, urgency, per_second=1)

    return make


def fail(breaker: ProviderBreaker, times: int = FAILURES_TO_PAUSE) -> None:
    for _ in range(times):
        breaker.failed(DOWN, is_probe=breaker.enter())


def state_of(sessions: Sessions, provider: str = "pge") -> ProviderState:
    with sessions() as session:
        return session.get_one(ProviderState, provider)


def test_before_the_last_straw_everything_is_let_through(breaker: Make) -> None:
    fail(breaker(), FAILURES_TO_PAUSE - 1)

    assert breaker().enter() is False


def test_enough_failures_in_a_row_pause_it_for_all_processes(
    breaker: Make, sessions: Sessions
) -> None:
    fail(breaker())

    with pytest.raises(ProviderPaused) as caught:
        breaker().enter()
    with pytest.raises(ProviderPaused):
        breaker().require_open()
    assert caught.value.retry_after is not None
    assert timedelta() < caught.value.retry_after <= FIRST_PAUSE
    assert not caught.value.may_have_arrived
    assert state_of(sessions).down_since == NOW


def test_an_answer_in_between_starts_the_count_anew(breaker: Make, sessions: Sessions) -> None:
    for _ in range(FAILURES_TO_PAUSE):
        fail(breaker(), FAILURES_TO_PAUSE - 1)
        breaker().answered()

    assert breaker().enter() is False
    assert (state_of(sessions).failures, state_of(sessions).down_since) == (0, None)


def test_one_provider_down_pauses_no_other(breaker: Make) -> None:
    fail(breaker())

    assert breaker(provider="sce").enter() is False


def test_a_person_who_waits_is_let_through_and_their_answer_counts(breaker: Make) -> None:
    fail(breaker())

    person = breaker(Urgency.PERSON_WAITS)
    person.require_open()
    assert person.enter() is False
    person.answered()

    assert breaker().enter() is False


def test_of_many_at_once_exactly_one_probes(breaker: Make, clock: MovableClock) -> None:
    fail(breaker())
    clock.advance(FIRST_PAUSE)
    probes, refused = list[bool](), list[bool]()
    together = threading.Barrier(8)

    def ask(shared: ProviderBreaker) -> None:
        together.wait()
        try:
            probes.append(shared.enter())
        except ProviderPaused:
            refused.append(True)

    processes = [breaker(), breaker()]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, processes * 4))

    assert probes == [True]
    assert len(refused) == 7


def test_a_probe_that_is_answered_ends_the_pause(breaker: Make, clock: MovableClock) -> None:
    fail(breaker())
    clock.advance(FIRST_PAUSE)
    probing = breaker()
    assert probing.enter()

    probing.answered()

    assert [probing.enter(), breaker().enter()] == [False, False]


def test_each_probe_that_fails_makes_the_pause_longer_up_to_a_limit(
    breaker: Make, sessions: Sessions, clock: MovableClock
) -> None:
    shared = breaker()
    fail(shared)
    pauses = []
    for _ in range(8):
        probe_at = state_of(sessions).probe_at
        assert probe_at is not None
        pauses.append(probe_at - clock.now())
        clock.at = probe_at
        fail(shared, 1)

    assert all(longer > pause for pause, longer in pairwise(pauses[:5]))
    assert all(0.75 * LONGEST_PAUSE <= pause <= LONGEST_PAUSE for pause in pauses[5:])


def test_what_was_under_way_when_the_pause_began_does_not_lengthen_it(
    breaker: Make, sessions: Sessions
) -> None:
    shared = breaker()
    fail(shared)
    before = state_of(sessions)

    for _ in range(20):
        shared.failed(DOWN, is_probe=False)

    after = state_of(sessions)
    assert (after.failures, after.probe_at) == (before.failures, before.probe_at)


def test_a_probe_whose_process_died_is_followed_by_another(
    breaker: Make, clock: MovableClock
) -> None:
    fail(breaker())
    clock.advance(FIRST_PAUSE)
    assert breaker().enter()

    clock.advance(PROBE_TIME)

    assert breaker().enter()


def test_a_pause_is_never_shorter_than_the_provider_asks(breaker: Make, sessions: Sessions) -> None:
    told = ProviderUnavailable("maintenance", retry_after=timedelta(hours=2))
    for _ in range(FAILURES_TO_PAUSE):
        breaker().failed(told, is_probe=False)

    assert state_of(sessions).probe_at == NOW + timedelta(hours=2)


def test_while_it_answers_almost_nothing_is_written(
    breaker: Make, sessions: Sessions, clock: MovableClock
) -> None:
    shared = breaker()
    for _ in range(50):
        shared.enter()
        shared.answered()
        clock.advance(timedelta(seconds=1))

    assert state_of(sessions).last_answer_at == NOW


def waiting_orders(sessions: Sessions, number: int, *, code: str, until: datetime) -> None:
    with sessions.begin() as session:
        for _ in range(number):
            identity, facility = new_id(), Facility(name="F", account_kind="residential")
            session.add(facility)
            session.flush()
            session.add(
                Authorization(
                    id=identity,
                    facility_id=facility.id,
                    method="green_button",
                    provider="pge",
                    utility="PG&E",
                    status="authorized",
                    shard=shard_of(identity),
                )
            )
            session.flush()
            session.add(
                WorkOrder(
                    kind="collect",
                    authorization_id=identity,
                    reason="test",
                    opened_at=NOW,
                    not_before=until,
                    last_error_code=code,
                    progress={},
                )
            )


def due_times(sessions: Sessions) -> list[datetime]:
    with sessions() as session:
        return list(session.scalars(select(WorkOrder.not_before).order_by(WorkOrder.not_before)))


def test_orders_that_waited_come_back_in_groups_when_it_answers(
    breaker: Make, sessions: Sessions, clock: MovableClock
) -> None:
    waiting_orders(sessions, 120, code="provider_paused", until=NOW + timedelta(hours=6))
    shared = breaker()
    fail(shared)

    shared.answered()

    times = due_times(sessions)
    groups = sorted(set(times))
    assert [times.count(at) for at in groups] == [50, 50, 20]
    assert groups[0] == clock.now()
    apart = [later - at for at, later in pairwise(groups)]
    assert apart == [timedelta(seconds=200)] * 2  # fifty times four requests at one a second
    assert groups[-1] < clock.now() + LONGEST_SPREAD


def test_however_many_wait_all_come_back_within_half_an_hour(
    breaker: Make, sessions: Sessions, clock: MovableClock
) -> None:
    waiting_orders(sessions, 600, code="provider_unavailable", until=NOW + timedelta(hours=6))
    shared = breaker()
    fail(shared)

    shared.answered()

    assert max(due_times(sessions)) <= clock.now() + LONGEST_SPREAD
    assert len(set(due_times(sessions))) == 12


def test_orders_that_wait_for_something_else_or_sooner_stay_as_they_are(
    breaker: Make, sessions: Sessions
) -> None:
    others = NOW + timedelta(hours=1)
    soon = NOW + timedelta(seconds=5)
    waiting_orders(sessions, 60, code="provider_paused", until=soon)
    waiting_orders(sessions, 1, code="unreadable_payload", until=others)
    shared = breaker()
    fail(shared)

    shared.answered()

    assert sorted(set(due_times(sessions))) == [NOW, soon, others]


def test_an_order_somebody_is_working_on_is_not_waited_for(
    breaker: Make, sessions: Sessions
) -> None:
    waiting_orders(sessions, 2, code="provider_paused", until=NOW + timedelta(hours=1))
    shared = breaker()
    fail(shared)
    with sessions.begin() as session:
        session.scalars(select(WorkOrder).limit(1).with_for_update()).one()

        shared.answered()

    assert due_times(sessions) == [NOW, NOW + timedelta(hours=1)]


def test_failures_and_answers_of_many_threads_end_in_one_truth(
    breaker: Make, sessions: Sessions
) -> None:
    shared = [breaker(), breaker()]

    def ask(number: int) -> None:
        one = shared[number % 2]
        if number % 3:
            one.failed(DOWN, is_probe=False)
        else:
            with suppress(ProviderPaused):
                one.enter()
            one.answered()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(60)))
    breaker().answered()

    state = state_of(sessions)
    assert (state.failures, state.probe_at, state.down_since) == (0, None, None)


class Utility:
    """Answers from memory: a status, or what the network does instead."""

    def __init__(self, does: int | Exception) -> None:
        self.does = does
        self.asked = 0

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        del request
        self.asked += 1
        if isinstance(self.does, Exception):
            raise self.does
        return httpx2.Response(self.does)

    def ask(self, breaker: ProviderBreaker, limiter: RateLimiter | None = None) -> None:
        network = httpx2.MockTransport(self.answer)
        with (
            Transport(
                "https://utility.example", transport=network, breaker=breaker, limiter=limiter
            ) as transport,
            suppress(DCarbonError),
        ):
            transport.request("GET", "x", accept="*/*")


@pytest.mark.parametrize("does", [200, 202, 302, 400, 401, 403, 404, 429])
def test_whatever_a_provider_says_it_has_answered(
    breaker: Make, sessions: Sessions, does: int
) -> None:
    shared = breaker()
    fail(shared, 2)

    Utility(does).ask(shared)

    assert state_of(sessions).failures == 0


@pytest.mark.parametrize(
    "does",
    [
        *(408, 500, 502, 503, 504),
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
    ],
)
def test_no_answer_and_a_servers_fault_count_as_failures(
    breaker: Make, sessions: Sessions, does: int | Exception
) -> None:
    Utility(does).ask(breaker())

    assert state_of(sessions).failures == 1


def test_while_paused_nothing_is_sent_and_no_turn_is_used(breaker: Make) -> None:
    shared, turns, utility = breaker(), LocalTurns(), Utility(200)
    fail(shared)

    for _ in range(3):
        utility.ask(shared, RateLimiter(RateLimits(per_hour=1), turns=turns))

    assert utility.asked == 0
    assert turns.take(RateLimits(per_hour=1).windows(), ahead=0.0) == 0


def test_a_limit_of_ours_that_is_used_up_is_no_failure_of_the_provider(
    breaker: Make, sessions: Sessions
) -> None:
    shared, utility = breaker(), Utility(200)
    limiter = RateLimiter(RateLimits(per_hour=1))

    for _ in range(FAILURES_TO_PAUSE + 2):
        utility.ask(shared, limiter)

    assert utility.asked == 1
    assert state_of(sessions).failures == 0
