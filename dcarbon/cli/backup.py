"""``dcarbon backup``: a copy of everything that cannot be collected again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dcarbon import settings
from dcarbon.cli import waiting
from dcarbon.services import backup_checking, backup_contents, backups, installation
from dcarbon.services.backup_checking import Checked, Told
from dcarbon.services.backup_contents import Backup

DIRECTORY = click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
DAGSTER_VARIABLE = "DAGSTER_PG_URL"
_FINDINGS_SHOWN = 20


@click.command("backup")
@DIRECTORY
@click.option("--quick", is_flag=True, help="Do not read again what earlier backups brought there.")
@click.option("--keep", type=click.IntRange(min=1), help="Remove all but so many of the newest.")
def command(directory: Path, *, quick: bool, keep: int | None) -> None:
    """Back up the databases and the payloads into DIRECTORY, while everything runs.

    Each backup is a folder of its own; payloads that are there already are not copied again. At the
    end all of it is read back and proven. The keys and the settings are NOT in it: keep them
    elsewhere. Exit status 1 when something is not whole.

    Example: dcarbon backup /mnt/backups/dcarbon --keep 14
    """
    console = Console(stderr=True)
    chosen = settings.load()
    with (
        shown(console) as told,
        installation.opened(chosen, dagster_url=os.environ.get(DAGSTER_VARIABLE)) as house,
    ):
        made = backups.make(
            house, directory, now=datetime.now(UTC), trusting=quick, keep=keep, told=told
        )
    _say(made.backup, made.copied)
    if made.mended:
        click.echo(
            f"Payloads of earlier backups that were damaged and are mended: {made.mended:,}."
        )
    if made.removed:
        click.echo(f"Removed: {', '.join(made.removed)}.")
    conclude(made.checked, made.backup)


@contextmanager
def shown(console: Console) -> Iterator[Told]:
    """Show what is under way, how much of it is done and of how much."""
    columns = (
        *(SpinnerColumn(), TextColumn("{task.description}"), BarColumn()),
        *(TextColumn("{task.completed:,.0f}"), TimeElapsedColumn()),
    )
    with waiting.bars(console, *columns, transient=True) as progress:
        yield _telling(progress)


def conclude(checked: Checked, backup: Backup) -> None:
    """Say whether a backup is whole; leave with status 1 when it is not."""
    log = backup.manifest.audit_log
    click.echo(
        f"Checked: audit log up to {log.last}:{log.last_hash}, entries: {checked.entries:,}; "
        f"payloads: {checked.payloads:,}."
    )
    fail_with(checked.findings, f"The backup {backup.name} is NOT whole")
    click.echo(f"The backup {backup.name} is whole.")


def fail_with(findings: list[str], words: str) -> None:
    """Name what is wrong and leave with status 1, if anything is."""
    if not findings:
        return
    click.echo(f"{words}:")
    for line in findings[:_FINDINGS_SHOWN]:
        click.echo(f"  {line}")
    if len(findings) > _FINDINGS_SHOWN:
        click.echo(f"  and {len(findings) - _FINDINGS_SHOWN} more")
    raise SystemExit(1)


def check(directory: Path, name: str | None) -> None:
    """Read a backup to its end and say whether it is whole."""
    found = backup_contents.find(directory, name)
    with shown(Console(stderr=True)) as told:
        checked = backup_checking.check(found, told=told)
    conclude(checked, found)


def _telling(progress: Progress) -> Told:
    task = progress.add_task("Opening the database", total=None)

    def told(words: str, done: int, of: int | None) -> None:
        progress.update(task, description=escape(words), completed=done, total=of)

    return told


def _say(made: Backup, copied: int) -> None:
    said = made.manifest
    rows = sum(said.tables.values())
    click.echo(
        f"{made.folder}: {rows:,} rows in {len(said.tables)} tables as of "
        f"{said.taken_at:%Y-%m-%d %H:%M:%S} UTC; payloads: {said.payloads.count:,}, "
        f"new: {copied:,}."
    )
    dagster = said.dagster
    words = "in it" if dagster.is_in_it else f"NOT in it, {dagster.why_not}"
    click.echo(f"Dagster's runs: {words.removesuffix('.')}.")
    click.echo("NOT in it:")
    for one in said.not_in_it:
        click.echo(f"  {one}")
    if said.sealing_keys:
        click.echo(f"It needs these keys to be of full use: {', '.join(said.sealing_keys)}.")
