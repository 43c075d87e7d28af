"""``dcarbon import``: Download My Data files into a facility, with a progress bar."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from dcarbon.cli import examples, facility, opening, waiting
from dcarbon.db.facilities import Facility
from dcarbon.domain.errors import DCarbonError
from dcarbon.services import imports
from dcarbon.services.actors import SYSTEM
from dcarbon.services.imports import Clock
from dcarbon.services.ingestion import Ingested
from dcarbon.services.runtime import Runtime

_Result = Ingested | DCarbonError


@click.command(
    "import",
    epilog=examples.of(
        'dcarbon import --facility "My House" my-download.xml',
        'dcarbon import --facility "My House" --clock local downloads/*.xml',
    ),
)
@facility.named
@click.option(
    "--clock",
    type=click.Choice(["auto", "utc", "local"]),
    default="auto",
    show_default=True,
    help="How the files write times: some utilities write the local clock as if it were UTC. "
    "auto finds out.",
)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
def command(named: str, clock: str, files: tuple[Path, ...]) -> None:
    """Take in FILES that were downloaded from a utility's site (Green Button Download My Data).

    The facility has to be there: dcarbon facility add. Each file is kept as it is, and its
    readings are stored; the same file again changes nothing. A file that cannot be read is named,
    and the others go on. Exit status 1 if any was not taken in.
    """
    console = Console(stderr=True)
    with opening.runtime(console) as runtime:
        facility = imports.find_facility(runtime, named, actor=SYSTEM)
        results = _take_in(runtime, facility, files, cast("Clock", clock), console)
    Console().print(_table(results))
    if any(isinstance(result, DCarbonError) for _, result in results):
        console.print("`dcarbon inspect FILE` shows what a file holds.")
        sys.exit(1)


def _take_in(
    runtime: Runtime, facility: Facility, files: tuple[Path, ...], clock: Clock, console: Console
) -> list[tuple[Path, _Result]]:
    results: list[tuple[Path, _Result]] = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with waiting.bars(console, *columns) as progress:
        task = progress.add_task("Importing", total=len(files))
        for path in files:

            def note(stage: str, path: Path = path) -> None:
                progress.update(task, description=f"{escape(path.name)}: {stage}")

            results.append((path, _one(runtime, facility, path, clock, note)))
            progress.advance(task)
        progress.update(task, description="Importing")
    return results


def _one(
    runtime: Runtime, facility: Facility, path: Path, clock: Clock, note: imports.Note
) -> _Result:
    try:
        ingested = imports.import_file(
            runtime, facility, path, actor=SYSTEM, clock=clock, note=note
        )
    except DCarbonError as error:
        return error
    return ingested.error or ingested


def _table(results: list[tuple[Path, _Result]]) -> Table:
    table = Table("file", "result", box=None, padding=(0, 2, 0, 0))
    for column in ("readings", "new", "restated"):
        table.add_column(column, justify="right")
    for path, result in results:
        if isinstance(result, DCarbonError):
            words = f"[red]not taken in:[/] {escape(_short(result))}"
            table.add_row(escape(path.name), words, "", "", "")
        elif result.stored is not None:
            counts = (result.stored.readings, result.stored.new, result.stored.restated)
            table.add_row(escape(path.name), "[green]imported[/]", *(f"{n:,}" for n in counts))
    return table


def _short(error: DCarbonError) -> str:
    """Return the first sentence: the table is no place for a paragraph."""
    return error.display_message.split(". ")[0].rstrip(".")
