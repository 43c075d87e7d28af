"""``dcarbon readings``: how readings are kept on disk."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from dcarbon import settings
from dcarbon.cli import waiting
from dcarbon.db import embedded
from dcarbon.db import engine as database
from dcarbon.services import reading_months
from dcarbon.services.reading_months import Kept, Progress


@click.group("readings")
def command() -> None:
    """Keep readings by month, so that years of them stay quick to write and to look after."""


@command.command("sort", short_help="Sort readings into months now.")
def sort() -> None:
    """Sort readings that lie in no month of their own into months, however many they are.

    The nightly housekeeping does this by itself up to 8 GB; this is for more, and for doing it
    now. Reads and writes go on meanwhile. For a while the readings are on disk twice, so have as
    much space free as they take. Broken off, it goes on where it was when you call it again.

    Example: dcarbon readings sort
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        embedded.database_url(settings.load()) as url,
        waiting.bars(console, *columns, transient=True) as bar,
    ):
        task = bar.add_task("sorting readings, MB", total=None)
        kept = _keep(
            url, lambda done, of: bar.update(task, completed=done >> 20, total=max(1, of >> 20))
        )
    console.print(_told(kept))
    if kept.gave_way:
        raise SystemExit(1)


def _keep(url: str, progress: Progress) -> Kept:
    engine = database.create(url)
    try:
        database.require_reachable(engine)
        today = datetime.now(UTC).date()
        sessions = database.sessions(engine)
        return reading_months.keep(
            sessions, today=today, sort_from=0, sort_to=sys.maxsize, progress=progress
        )
    finally:
        engine.dispose()


def _told(kept: Kept) -> str:
    if kept.gave_way:
        return (
            "Others worked on the readings all the time, so the last step could not be done. "
            "Nothing is lost: run this again at a quieter time, or leave it to the night."
        )
    return f"{kept.sorted} months sorted, {kept.added} made ahead; {kept.months} in all."
