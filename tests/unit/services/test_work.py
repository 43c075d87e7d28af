"""How long to wait before the next try."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.errors import (
    ContractViolation,
    ProviderPaused,
    ProviderThrottled,
    ProviderUnavailable,
)
from dcarbon.services.work import FIRST_WAIT, LONGEST_WAIT, SPREAD, back_off

ATTEMPTS = st.integers(0, 10_000)


@given(ATTEMPTS)
def test_waiting_stays_within_its_bounds(attempts: int) -> None:
    wait = back_off(attempts, ProviderUnavailable())

    assert FIRST_WAIT / 2 <= wait <= LONGEST_WAIT


@given(ATTEMPTS, st.timedeltas(timedelta(), timedelta(days=7)))
def test_a_told_time_is_never_undercut(attempts: int, told: timedelta) -> None:
    wait = back_off(attempts, ProviderThrottled(retry_after=told))

    assert wait >= told
    assert wait <= max(told + SPREAD, LONGEST_WAIT)


@given(ATTEMPTS)
def test_a_pause_for_everybody_decides_alone_how_long(attempts: int) -> None:
    told = timedelta(minutes=2)

    assert told <= back_off(attempts, ProviderPaused(retry_after=told)) <= told + SPREAD


def test_waiting_doubles_until_it_is_long() -> None:
    waits = [back_off(n, ContractViolation()) for n in (0, 2, 4, 6, 20)]

    assert waits == sorted(waits)
    assert waits[-1] >= LONGEST_WAIT / 2
