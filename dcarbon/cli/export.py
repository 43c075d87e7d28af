"""``dcarbon export``: readings of a facility to a file, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from dcarbon.cli import examples, facility, opening, waiting
from dcarbon.services import exports, imports
from dcarbon.services.actors import SYSTEM
from dcarbon.services.exports import Format
from dcarbon.services.exports_plan import Wish
from dcarbon.services.runtime import Runtime

_FORMATS = click.Choice([one.value for one in Format])


@click.command(
    "export",
    epilog=examples.of(
        'dcarbon export --facility "My House" --from 2026-01-01 --until 2026-02-01',
        'dcarbon export --facility "My House" --from 2026-01-01 --until 2027-01-01 --format xlsx',
    ),
)
@facility.named
@click.option(
    "--meter",
    "meters",
    multiple=True,
    type=click.UUID,
    help="Only this meter, by its id; may be given again. Otherwise all.",
)
@click.option(
    "--from",
    "start",
    metavar="DAY",
    required=True,
    help="The first day (2026-01-31) at the meter, or a time (2026-01-31T08:00:00Z).",
)
@click.option(
    "--until", "end", metavar="DAY", required=True, help="The day after the last, or a time."
)
@click.option(
    "--reported-on",
    metavar="DAY",
    default="",
    help="As the utility had reported by the end of this day. Otherwise as known today.",
)
@click.option(
    "--format",
    "kind",
    type=_FORMATS,
    default="csv",
    show_default=True,
    help="Excel is xlsx; zip holds a CSV file for each meter.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="The file to write. Otherwise one in this folder, named after what it holds.",
)
def command(
    *,
    named: str,
    meters: tuple[UUID, ...],
    start: str,
    end: str,
    reported_on: str,
    kind: str,
    output: Path | None,
) -> None:
    """Write the readings of a facility to a file, and print the name of the file.

    The file appears when it is whole; when something goes wrong there is none.
    """
    console = Console(stderr=True)
    with opening.runtime(console) as runtime:
        facility = imports.find_facility(runtime, named, actor=SYSTEM)
        wish = Wish(start, end, facility.id, meters, reported_on)
        path, readings = _write(runtime, wish, Format(kind), output, console)
    console.print(f"{readings:,} readings written to {escape(str(path))}", highlight=False)
    click.echo(str(path))


def _write(
    runtime: Runtime, wish: Wish, kind: Format, output: Path | None, console: Console
) -> tuple[Path, int]:
    told = TextColumn("{task.description}")
    columns = (told, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with waiting.bars(console, *columns, transient=True) as progress:
        task = progress.add_task("Exporting", total=None)
        export = exports.begin(
            runtime,
            wish,
            kind=kind,
            actor=SYSTEM,
            told=lambda readings: progress.advance(task, readings),
        )
        progress.update(task, total=export.plan.readings)
        path = output or Path(export.file_name)
        with _finished_or_gone(path) as part, part.open("wb") as file:
            file.writelines(export.chunks)
    return path, export.plan.readings


@contextmanager
def _finished_or_gone(path: Path) -> Iterator[Path]:
    """Give a file to write beside the path; it takes the path's place once it is whole."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise click.FileError(str(path), hint=error.strerror) from error
    finally:
        part.unlink(missing_ok=True)
