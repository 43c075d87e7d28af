"""``dcarbon retention``: what is not kept any longer, looked at before it goes, or erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.table import Table

from dcarbon.cli import examples, opening, waiting
from dcarbon.services import leaving_payloads, retention
from dcarbon.services.retention import Enforced
from dcarbon.services.runtime import Runtime

_NARROWEST = 120
"""Columns of the table when the output is not a terminal: nothing is cut then."""


@click.command(
    "retention",
    epilog=examples.of(
        "dcarbon retention", "dcarbon retention --on 2030-01-01", "dcarbon retention --apply"
    ),
)
@click.option(
    "--on",
    "day",
    metavar="YYYY-MM-DD",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Look ahead to what will be due on a later day (UTC), as things stand.",
)
@click.option("--apply", "is_applied", is_flag=True, help="Erase what is due now.")
def command(day: datetime | None, *, is_applied: bool) -> None:
    """Show what is not to be kept any longer after access has ended; with --apply erase it.

    The schedule nightly_retention does the same every night. What a final report rests on is kept,
    and the table says so.
    """
    if day is not None and is_applied:
        raise click.UsageError("--apply erases what is due now; leave --on away.")
    console = Console(stderr=True)
    with opening.runtime(console) as runtime:
        _say_rules(runtime)
        if is_applied:
            done = _apply(runtime, console)
            _show(done)
            click.echo(f"Erased for {len(done)} facilities. Bytes leave for good within two hours.")
            return
        at = datetime.combine(day.date(), time(), UTC) if day else None
        with waiting.under_way(console, "looking at what is due"):
            found = retention.preview(runtime, at=at)
        _show(found)
        click.echo(_words(runtime, found))


def _apply(runtime: Runtime, console: Console) -> list[Enforced]:
    with runtime.sessions() as session:
        found = retention.due(session, runtime.settings, at=runtime.now())
    done = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with waiting.bars(console, *columns, transient=True) as progress:
        task = progress.add_task("Erasing, facilities", total=len(found))
        for one in found:
            if enforced := retention.enforce(runtime, one):
                done.append(enforced)
            progress.advance(task)
    with waiting.under_way(console, "putting bytes aside"):
        leaving_payloads.settle(runtime)
    return done


def _say_rules(runtime: Runtime) -> None:
    chosen = runtime.settings
    for what, days in (
        ("Utilities' answers", chosen.payload_retention_days),
        ("Readings", chosen.reading_retention_days),
    ):
        kept = "for ever" if days is None else f"for {days} days after access has ended"
        click.echo(f"{what} are kept {kept}.")


def _show(found: Sequence[Enforced]) -> None:
    if not found:
        return
    table = Table()
    table.add_column("Facility")
    table.add_column("Utility")
    table.add_column("Access ended")
    for name in ("Readings", "Answers", "Bytes", "Kept for reports"):
        table.add_column(name, justify="right")
    for one in found:
        erased = one.erased
        table.add_row(
            str(one.due.facility_id),
            one.due.utility,
            f"{one.due.ended_at:%Y-%m-%d}",
            f"{erased.readings.readings:,}",
            f"{len(erased.payloads.hashes):,}",
            f"{erased.payloads.total:,}",
            _held(one),
        )
    console = Console()
    (console if console.is_terminal else Console(width=_NARROWEST)).print(table)


def _held(one: Enforced) -> str:
    reports = len(one.erased.held.reports)
    if not reports:
        return "-"
    return f"{reports} reports, {len(one.erased.held_payloads.hashes)} answers"


def _words(runtime: Runtime, found: Sequence[Enforced]) -> str:
    if found:
        return "Nothing was erased: this is a preview. Add --apply, or wait for the night."
    with runtime.sessions() as session:
        following = retention.next_end(session, runtime.settings, at=runtime.now())
    if following is None:
        return "Nothing is due, and nothing will be as things stand."
    return f"Nothing is due. As things stand, the next is on {following}."
