"""No window of time holds more requests than it may, whenever they are asked for."""

from __future__ import annotations

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from dcarbon.domain.turns import FARTHEST_S, Window, next_turn

windows_of_any_size = st.lists(
    st.builds(Window, count=st.integers(1, 5), seconds=st.integers(1, 60).map(float)),
    min_size=1,
    max_size=3,
)


def given_out(windows: list[Window], pauses: list[float]) -> list[float]:
    """Give out a turn after each pause of the one who asks."""
    now, starts = 1_000.0, list[float]()
    for pause in pauses:
        now += pause
        before = [(w, starts[-w.count] if w.count <= len(starts) else None) for w in windows]
        starts.append(next_turn(now, before))
    return starts


@given(windows_of_any_size, st.lists(st.floats(0, 30), min_size=1, max_size=40))
def test_no_window_ever_holds_more_than_it_may(windows: list[Window], pauses: list[float]) -> None:
    starts = given_out(windows, pauses)

    assert starts == sorted(starts)
    for window in windows:
        for place, start in enumerate(starts):
            # A hair less than the window: the sum of floats may fall short of it by one.
            within = bisect_left(starts, start + window.seconds * (1 - 1e-9)) - place
            assert within <= window.count


@given(windows_of_any_size, st.integers(1, 40))
def test_no_turn_is_later_than_some_window_demands(windows: list[Window], asked: int) -> None:
    starts = given_out(windows, [0.0] * asked)

    for place, start in enumerate(starts):
        demanded = [starts[place - w.count] + w.seconds for w in windows if place >= w.count]
        assert start == max([1_000.0, *demanded])


def test_a_turn_given_before_the_clock_was_set_back_holds_up_nobody() -> None:
    window = Window(1, 1.0)

    assert FARTHEST_S == 3_600
    assert next_turn(1_000.0, [(window, 1_000.0 + FARTHEST_S + 1)]) == 1_000.0
    assert next_turn(1_000.0, [(window, 1_000.0 + FARTHEST_S)]) == 1_001.0 + FARTHEST_S
    assert next_turn(1_000.0, [(window, 1_010.0)]) == 1_011.0
