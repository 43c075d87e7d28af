"""Doing at once what several threads of a process ask for at the same time.

A night's sync asks for the same few transactions tens of thousands of times. One transaction for
those who ask together costs little more than one for a single of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

Context = TypeVar("Context")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST = 64
"""Done together at most: a transaction stays short, and its locks few."""


class Together:
    """The queues of one process, one for each kind of work.

    Whoever finds nobody at work does it for all that wait by then; they get their answers from it.
    """

    def __init__(self) -> None:
        self._queues: dict[Callable[..., Any], _Queue] = {}
        self._guard = threading.Lock()

    def do(
        self,
        work: Callable[[Context, Sequence[Asked]], Sequence[Answer]],
        context: Context,
        asked: Asked,
    ) -> Answer:
        """Return the answer of ``work`` to ``asked``, done with what other threads ask of it.

        ``work`` does all or nothing and answers in order. Where it fails for several, it does each
        alone, so that an error reaches only those whom it concerns.
        """
        with self._guard:
            queue = self._queues.setdefault(work, _Queue())
        answer: Answer = queue.answer(lambda several: work(context, several), asked)
        return answer


class _Queue:
    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._waiting: list[tuple[Any, Future[Any]]] = []

    def answer(self, work: Callable[[list[Any]], Sequence[Any]], asked: Any) -> Any:
        mine: Future[Any] = Future()
        with self._guard:
            self._waiting.append((asked, mine))
        while not mine.done():
            with self._turn:
                if not mine.done():
                    self._serve(work)
        return mine.result()

    def _serve(self, work: Callable[[list[Any]], Sequence[Any]]) -> None:
        with self._guard:
            taken, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        if not _served(work, taken):
            for one in taken:
                _served(work, [one])


def _served(
    work: Callable[[list[Any]], Sequence[Any]], taken: Sequence[tuple[Any, Future[Any]]]
) -> bool:
    """Answer all; ``False`` when it failed for several, and nobody is answered."""
    try:
        answers = work([asked for asked, _ in taken])
    except Exception as error:  # noqa: BLE001 — raised where it was asked for
        if len(taken) > 1:
            return False
        taken[0][1].set_exception(error)
        return True
    except BaseException as error:
        for _, answer in taken:
            answer.set_exception(error)
        raise
    for (_, future), answer in zip(taken, answers, strict=True):
        future.set_result(answer)
    return True
