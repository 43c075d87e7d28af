"""How far what is under way for an authorization has come, for a page that looks again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dcarbon.domain import task_words
from dcarbon.services.authorization_details import Underway
from dcarbon.services.authorization_tasks import Task
from dcarbon_api import words

SOON_S, LATER_S = 2, 20
"""How often a page asks how it goes: while something may happen within seconds, and otherwise."""


@dataclass(frozen=True, slots=True)
class ShownTask:
    """A task with its words; ``lines`` are what else is to be said."""

    task: Task
    title: str
    words: str
    lines: tuple[str, ...]
    percent: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What is under way. ``key`` changes when something began or is over."""

    tasks: tuple[ShownTask, ...]
    key: str
    again_s: int | None
    """After how many seconds to look again; ``None``: nothing is under way."""

    @property
    def words(self) -> str:
        return " ".join(f"{one.title}: {one.words}" for one in self.tasks if not one.task.is_over)


def of(underway: Underway) -> Progress:
    """Return what is under way, and when to look again."""
    open_tasks = [one for one in underway.tasks if not one.is_over]
    again_s = None
    if open_tasks:
        again_s = SOON_S if any(one.is_moving for one in open_tasks) else LATER_S
    parts = [underway.status.value, *(one.id.hex[-8:] for one in open_tasks)]
    shown = tuple(_task(one, underway) for one in underway.tasks)
    return Progress(shown, "-".join(parts), again_s)


def _task(task: Task, underway: Underway) -> ShownTask:
    told = task_words.of(
        task.kind, task.state.value, outcome=task.outcome, utility=underway.utility
    )
    lines: list[str] = []
    if task.start and task.end:
        lines.append(range_words(task.start, task.end, underway.provider_zone))
    if task.error is not None:
        lines.append(task.error.what_happened)
    if task.attempts and not task.is_over and task.kind != "ask":
        lines.append("Tried once." if task.attempts == 1 else f"Tried {task.attempts} times.")
    if task.next_try_at is not None:
        lines.append(f"Next try: {words.local_time(task.next_try_at, underway.time_zone)}.")
    lines += _counts(task.progress, is_over=task.is_over)
    return ShownTask(task, task_words.TITLES[task.kind], told, tuple(lines), task.percent)


def range_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Return a range in local days, both included."""
    first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone)
    if first == last.date():
        return f"{words.plain_date(first)}."
    return f"{words.plain_date(first)} to {words.plain_date(last.date())}."


def _counts(told: Mapping[str, Any], *, is_over: bool) -> list[str]:
    parts, so_far = [], "" if is_over else " so far"
    if isinstance(told.get("readings"), int):
        parts.append(f"{told['readings']:,} readings{so_far}.")
    if isinstance(told.get("days_in"), int) and isinstance(told.get("days_wanted"), int):
        parts.append(f"{told['days_in']} of {told['days_wanted']} days asked for.")
    return parts
