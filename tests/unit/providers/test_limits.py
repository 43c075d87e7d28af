"""Requests wait for their turn, and are handed back when the wait is long."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from dcarbon.domain.errors import ProviderThrottled
from dcarbon.providers.limits import LocalTurns, RateLimiter, RateLimits, Urgency


class SteppedClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def limiter(clock: SteppedClock, limits: RateLimits) -> RateLimiter:
    return RateLimiter(limits, clock=clock, sleep=clock.sleep)


def test_requests_are_spaced_by_the_limit_per_second() -> None:
    clock = SteppedClock()
    limited = limiter(clock, RateLimits(per_second=1))

    for _ in range(4):
        limited.acquire()

    assert 3.0 < clock.now - 1_000.0 < 3.5


def test_a_limit_of_several_per_second_lets_them_through_at_once() -> None:
    clock = SteppedClock()
    limited = limiter(clock, RateLimits(per_second=50))

    for _ in range(50):
        limited.acquire()

    assert clock.slept == []


def test_a_used_up_hour_is_handed_back_with_the_time_it_ends() -> None:
    clock = SteppedClock()
    limited = limiter(clock, RateLimits(per_hour=2))
    limited.acquire()
    limited.acquire()

    with pytest.raises(ProviderThrottled) as caught:
        limited.acquire()

    assert caught.value.retry_after is not None
    assert timedelta(minutes=59) < caught.value.retry_after <= timedelta(hours=1, seconds=1)
    assert not caught.value.may_have_arrived
    assert clock.slept == []


def test_the_hour_is_open_again_after_it_has_passed() -> None:
    clock = SteppedClock()
    limited = limiter(clock, RateLimits(per_hour=1))
    limited.acquire()
    clock.now += 3_601

    limited.acquire()

    assert clock.slept == []


def test_the_day_counts_although_hours_pass() -> None:
    clock = SteppedClock()
    limited = limiter(clock, RateLimits(per_hour=2, per_day=3))
    for _ in range(3):
        limited.acquire()
        clock.now += 3_700

    with pytest.raises(ProviderThrottled):
        limited.acquire()


def test_without_limits_nobody_waits() -> None:
    clock = SteppedClock()
    limited = limiter(clock, RateLimits())

    for _ in range(1_000):
        limited.acquire()

    assert clock.slept == []


def test_threads_together_keep_the_limit() -> None:
    limited = RateLimiter(RateLimits(per_hour=40))
    outcomes: list[bool] = []

    def ask() -> None:
        for _ in range(10):
            try:
                limited.acquire()
            except ProviderThrottled:
                outcomes.append(False)
            else:
                outcomes.append(True)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count(True) == 40
    assert len(outcomes) == 80


def background(clock: SteppedClock, turns: LocalTurns, limits: RateLimits) -> RateLimiter:
    return RateLimiter(
        limits, turns=turns, urgency=Urgency.BACKGROUND, clock=clock, sleep=clock.sleep
    )


def test_who_is_refused_takes_nobodys_turn() -> None:
    clock = SteppedClock()
    limited = limiter(clock, RateLimits(per_hour=1))
    limited.acquire()

    for _ in range(5):
        with pytest.raises(ProviderThrottled):
            limited.acquire()
    clock.now += 3_601
    limited.acquire()

    assert clock.slept == []


def test_the_background_waits_longer_than_a_person_does() -> None:
    clock = SteppedClock()
    turns, limits = LocalTurns(clock), RateLimits(per_second=1)
    for _ in range(100):
        turns.take(limits.windows(), ahead=1_000.0)

    with pytest.raises(ProviderThrottled):
        RateLimiter(limits, turns=turns, clock=clock, sleep=clock.sleep).acquire()
    background(clock, turns, limits).acquire()

    assert clock.now > 1_104.9


def test_the_background_leaves_the_line_short_for_a_person() -> None:
    clock = SteppedClock()
    turns, limits = LocalTurns(clock), RateLimits(per_second=1)
    while turns.take(limits.windows(), ahead=Urgency.BACKGROUND.ahead) <= 4:
        pass

    RateLimiter(limits, turns=turns, clock=clock, sleep=clock.sleep).acquire()

    assert clock.now <= 1_000.0 + Urgency.BACKGROUND.ahead + 1.05


def test_background_threads_of_one_process_together_keep_the_limit() -> None:
    limited = RateLimiter(RateLimits(per_hour=8), urgency=Urgency.BACKGROUND)
    got: list[bool] = []

    def ask() -> None:
        try:
            limited.acquire(patience=timedelta(0))
        except ProviderThrottled:
            got.append(False)
        else:
            got.append(True)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert got.count(True) <= 8
    assert len(got) == 16


def test_a_day_of_a_real_profile_is_stepped_through_in_no_time() -> None:
    clock = SteppedClock()
    limits = RateLimits(per_second=1, per_hour=2_000, per_day=20_000)
    limited = background(clock, LocalTurns(clock), limits)
    starts = []

    for _ in range(6_001):
        limited.acquire(patience=timedelta(hours=1))
        starts.append(clock.now - 1_000.0)

    assert 2_000 < starts[1_999] < 2_150
    assert 3_600 <= starts[2_000] < 3_602
    assert 10_800 <= starts[6_000] < 10_802
