"""What threads ask for at the same time is done at once, and an error reaches only its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from dcarbon.services.together import MOST, Together


def _doubled(done: list[list[int]], several: Sequence[int]) -> list[int]:
    done.append(list(several))
    if 13 in several:
        raise ValueError("13 is unlucky")
    return [2 * one for one in several]


class _Held:
    """Work that stays under way until it is let go, so that others have time to ask."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.done: list[list[int]] = []

    def work(self, _context: None, several: Sequence[int]) -> list[int]:
        self.begun.set()
        assert self.let_go.wait(10)
        return _doubled(self.done, several)


def _ask_while_held(together: Together, numbers: Sequence[int]) -> tuple[_Held, list[object]]:
    """Let the first be at work while the others ask; return what each got."""
    held = _Held()

    def ask(number: int) -> object:
        try:
            return together.do(held.work, None, number)
        except ValueError as error:
            return error

    with ThreadPoolExecutor(len(numbers)) as pool:
        first = pool.submit(ask, numbers[0])
        assert held.begun.wait(10)
        others = [pool.submit(ask, number) for number in numbers[1:]]
        queue = together._queues[held.work]
        while len(queue._waiting) < len(others):
            pass
        held.let_go.set()
        return held, [each.result(10) for each in (first, *others)]


def test_one_alone_is_answered_at_once() -> None:
    done: list[list[int]] = []

    assert Together().do(_doubled, done, 21) == 42
    assert done == [[21]]


def test_those_who_ask_meanwhile_are_done_together_each_with_its_own_answer() -> None:
    held, answers = _ask_while_held(Together(), [1, 2, 3, 4])

    assert answers == [2, 4, 6, 8]
    assert [sorted(several) for several in held.done] == [[1], [2, 3, 4]]


def test_an_error_of_one_reaches_nobody_else() -> None:
    held, answers = _ask_while_held(Together(), [1, 12, 13, 14])

    assert [answer for answer in answers if isinstance(answer, int)] == [2, 24, 28]
    assert [str(answer) for answer in answers if isinstance(answer, ValueError)] == [
        "13 is unlucky"
    ]
    assert sorted(map(sorted, held.done)) == [[1], [12], [12, 13, 14], [13], [14]]


def test_no_more_than_the_most_are_done_together() -> None:
    held, answers = _ask_while_held(Together(), list(range(100, 102 + MOST)))

    assert answers == [2 * number for number in range(100, 102 + MOST)]
    assert [len(several) for several in held.done] == [1, MOST, 1]


def test_different_work_has_queues_of_its_own() -> None:
    together = Together()
    done: list[int] = []

    def negated(context: list[int], several: Sequence[int]) -> list[int]:
        context += several
        return [-one for one in several]

    assert together.do(negated, done, 3) == -3
    assert together.do(_doubled, [], 3) == 6
    assert done == [3]


def test_what_ends_the_process_leaves_nobody_waiting() -> None:
    def interrupted(_context: None, _several: Sequence[int]) -> list[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Together().do(interrupted, None, 1)
