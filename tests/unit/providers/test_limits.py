"""Requests wait for their turn, and are handed back when the wait is long."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from dcarbon.domain.errors import ProviderThrottled
from dcarbon.providers.limits import RateLimiter, RateLimits


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
