"""Showing that something is under way, so that nobody wonders: never silent for five seconds.

On a terminal a spinner or a bar moves; elsewhere, as in a log file, a line comes every few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

SILENT_AT_MOST_S = 2.5
"""Starting Python and importing what a command needs takes one or two seconds before it."""

_SHORTEST = 0.2
"""Part of the pause: what takes less is never told, however long the silence before it was."""


@dataclass
class _Heard:
    """When we last said something (monotonic), or began to wait without having said anything."""

    at: float | None = None


_heard = _Heard()


class Steps:
    """One thing after the other, each named once when it begins; the last is shown as it lasts."""

    def __init__(self, console: Console, *, every_s: float = SILENT_AT_MOST_S) -> None:
        self._console = console
        self._every_s = every_s
        self._shown: Callable[[], None] | None = None

    def now(self, words: str) -> None:
        """Say what begins, in place of what was under way before."""
        self.done()
        self._console.print(f"  [dim]{escape(words)} ...[/]", highlight=False)
        self._shown = _show(self._console, words, every_s=self._every_s)

    def done(self) -> None:
        """Nothing is under way any more."""
        shown, self._shown = self._shown, None
        if shown is not None:
            shown()


@contextmanager
def steps(console: Console) -> Iterator[Steps]:
    """Give steps to name; what is under way at the end is done."""
    made = Steps(console)
    try:
        yield made
    finally:
        made.done()


@contextmanager
def under_way(console: Console, words: str, *, every_s: float = SILENT_AT_MOST_S) -> Iterator[None]:
    """Show one thing as it lasts. What takes no time leaves no trace."""
    stop = _show(console, words, every_s=every_s)
    try:
        yield
    finally:
        stop()


@contextmanager
def bars(
    console: Console,
    *columns: str | ProgressColumn,
    transient: bool = False,
    every_s: float = SILENT_AT_MOST_S,
) -> Iterator[Progress]:
    """Give rich's bars; where they cannot move, a line every few seconds says how far they are."""
    moves = _can_move(console)
    with Progress(*columns, console=console, transient=transient, disable=not moves) as progress:
        stop = None if moves else _every(every_s, lambda _seconds: _say_how_far(progress))
        try:
            yield progress
        finally:
            if stop is not None:
                stop()


def _show(console: Console, words: str, *, every_s: float) -> Callable[[], None]:
    """Show the words until the function that is returned is called."""
    if _can_move(console):
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        progress = Progress(*columns, console=console, transient=True)
        progress.add_task(escape(words))
        progress.start()
        return progress.stop

    def say(seconds: float) -> None:
        console.print(f"  ... still {words}, {seconds:.0f} s", markup=False, highlight=False)

    return _every(every_s, say)


def _say_how_far(progress: Progress) -> None:
    under_way = [task for task in progress.tasks if not task.finished]
    # All counted and yet not at its end: what comes last takes its time.
    for task in under_way or progress.tasks[-1:]:
        far = f"{task.completed:,.0f}"
        of = f"{far} of {task.total:,.0f}" if task.total else far if task.completed else ""
        words = ", ".join(filter(None, (str(task.description), of)))
        progress.console.print(f"  ... {words}, {task.elapsed or 0:.0f} s", highlight=False)


def _every(pause_s: float, say: Callable[[float], None]) -> Callable[[], None]:
    """Call ``say`` with the seconds since now, again and again; return what ends it."""
    ended, began = threading.Event(), time.monotonic()
    # Short waits one after the other are one long silence for whoever looks.
    silent_s = began - _heard.at if _heard.at is not None else 0.0
    _heard.at = began - silent_s

    def go_on() -> None:
        pause = max(pause_s - silent_s, pause_s * _SHORTEST)
        while not ended.wait(pause):
            say(time.monotonic() - began)
            _heard.at, pause = time.monotonic(), pause_s

    thread = threading.Thread(target=go_on, name="waiting", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end


def _can_move(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal
