"""``dcarbon export``: readings of a facility to a file, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dcarbon import settings
from dcarbon.services import exports, imports
from dcarbon.services.actors import SYSTEM
from dcarbon.services.exports import Format
from dcarbon.services.exports_plan import Wish
from dcarbon.services.runtime import Runtime, open_runtime

_FORMATS = click.Choice([one.value for one in Format])


@click.command("export")
@click.option("--facility", "named", required=True, help="The facility's id or name.")
@click.option(
    "--meter", "meters", multiple=True, type=click.UUID, help="One meter's id; may be repeated."
)
@click.option("--from", "start", required=True, help="First day at the meter, or an instant.")
@click.option("--until", "end", required=True, help="The day after the last, or an instant.")
@click.option(
    "--reported-on",
    default="",
    help="As reported by the end of this day, or at this instant; otherwise as known today.",
)
@click.option("--format", "kind", type=_FORMATS, default="csv", show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="The file to write; otherwise one in this folder, named after what it holds.",
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
    """Write the readings of a facility to a file and print its name.

    The file is there when it is whole: one that could not be finished is taken away again.
    """
    console = Console(stderr=True)
    with open_runtime(settings.load()) as runtime:
        facility = imports.find_facility(runtime, named, actor=SYSTEM)
        wish = Wish(start, end, facility.id, meters, reported_on)
        path, readings = _write(runtime, wish, Format(kind), output, console)
    console.print(f"{readings:,} readings written to {escape(str(path))}", highlight=False)
    click.echo(str(path))


def _write(
    runtime: Runtime, wish: Wish, kind: Format, output: Path | None, console: Console
) -> tuple[Path, int]:
    columns = (TextColumn("Exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("")
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
