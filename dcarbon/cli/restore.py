"""``dcarbon restore``: a backup put back where nothing is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from dcarbon import settings
from dcarbon.cli import backup as backing_up
from dcarbon.cli.backup import DAGSTER_VARIABLE, DIRECTORY
from dcarbon.db import migrate, sealing
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.services import backup_contents, installation, live_keys, restoring
from dcarbon.services.backup_contents import Backup
from dcarbon.services.restoring import Restored
from dcarbon.settings import Settings


@click.command("restore")
@DIRECTORY
@click.option("--name", help="Which backup: the name of its folder.  [default: the newest]")
@click.option("--check", is_flag=True, help="Restore nothing; say whether the backup is whole.")
def command(directory: Path, name: str | None, *, check: bool) -> None:
    """Restore a backup from DIRECTORY into an empty database and the landing zone.

    Nothing is ever overwritten: a database with tables in it is refused. At the end everything is
    compared with the backup and proven. Exit status 1 when something is not whole.

    Example: dcarbon restore /mnt/backups/dcarbon --check
    """
    if check:
        backing_up.check(directory, name)
        return
    chosen = settings.load()
    found = backup_contents.find(directory, name)
    console = Console(stderr=True)
    with (
        backing_up.shown(console) as told,
        installation.opened(chosen, dagster_url=os.environ.get(DAGSTER_VARIABLE)) as house,
    ):
        done = restoring.restore(house, found, now=datetime.now(UTC), told=told)
    _say(found, done)
    _say_what_is_next(found, chosen)
    backing_up.fail_with(done.findings, "Restored, but NOT as the backup says")


def _say(found: Backup, done: Restored) -> None:
    log = found.manifest.audit_log
    click.echo(
        f"Restored {found.name}: {done.rows:,} rows as of "
        f"{found.manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC; payloads: {done.payloads:,}, copied: "
        f"{done.copied:,}."
    )
    click.echo(f"Proven: audit log up to {log.last}:{log.last_hash}, entries: {done.entries:,}.")
    dagster = done.dagster
    words = "restored too" if dagster.is_in_it else f"NOT restored, {dagster.why_not}"
    click.echo(f"Dagster's runs: {words.removesuffix('.')}.")
    if done.lost_before:
        click.echo(
            f"Payloads that were lost before the backup was made: {len(done.lost_before):,}, "
            f"such as {done.lost_before[0]}."
        )


def _say_what_is_next(found: Backup, chosen: Settings) -> None:
    revision = found.manifest.revision
    if revision != migrate.head():
        click.echo(f"The schema is at {revision}. Now run: dcarbon migrate")
    missing = sorted(set(found.manifest.sealing_keys) - _held(chosen))
    if missing:
        click.echo(
            f"These keys are missing here: {', '.join(missing)}. Put them back before anything is "
            "started; docs/runbooks/key-lost.md says what to do when nobody has them."
        )
    click.echo("What came after the backup is gone; docs/runbooks/restore.md says what that means.")


def _held(chosen: Settings) -> set[str]:
    """Return the ids of the keys that are here. Makes none."""
    file = live_keys.key_file(chosen)
    try:
        if file is not None:
            return set(sealing.load(file).ids) if file.exists() else set()
        return set(live_keys.given(chosen).ring.ids)
    except SettingsInvalid:
        return set()
