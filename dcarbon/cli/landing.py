"""``dcarbon landing``: take the utilities' answers to another place, and read all of them again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from dcarbon.cli import examples, opening, waiting
from dcarbon.db.landing_zone import LandingZone
from dcarbon.domain.errors import LandingUnavailable
from dcarbon.services import landing_copies
from dcarbon.services.landing_copies import Looked, Told
from dcarbon.services.runtime import Runtime

_SHOWN = 20
"""Hashes that are named; more of them say no more."""


@click.group("landing")
def command() -> None:
    """Move the landing zone, where the utilities' answers are kept, or read all of it again.

    A place is a folder or the address of an object store, as in DCARBON_LANDING_URI.
    """


@command.command(
    "copy",
    epilog=examples.of('dcarbon landing copy "s3://bucket/payloads?region=us-west-2"'),
)
@click.argument("target", metavar="PLACE")
@click.option("--from", "source", metavar="PLACE", help="Default: the landing zone in use.")
def copy(target: str, source: str | None) -> None:
    """Copy every answer to PLACE and read each one back there.

    What is in PLACE already is not copied again: run it once while DCarbon works, stop DCarbon,
    run it again for what came meanwhile, set DCARBON_LANDING_URI to PLACE and start. Nothing is
    removed from where it was. Exit status 1 when an answer is damaged or missing.
    """
    console = Console(stderr=True)
    with opening.runtime(console) as runtime, _said():
        here = LandingZone(source) if source else runtime.landing
        there = LandingZone(target)
        if here.address == there.address:
            raise click.UsageError("PLACE is the landing zone in use; name another one.")
        there.look()
        with _progress(console, runtime, "Copying answers") as told:
            done = landing_copies.copy(runtime, here, there, told=told)
    click.echo(
        f"Copied {done.copied:,} answers from {here.shown} to {there.shown} and read each back. "
        f"There before: {done.whole:,}."
    )
    if done.erased:
        click.echo(f"Taken out there, since they have been erased: {done.erased:,}.")
    _name_losses(done)


@command.command(
    "verify",
    short_help="Read all answers and compare them with their hashes.",
    epilog=examples.of("dcarbon landing verify"),
)
@click.option("--in", "place", metavar="PLACE", help="Default: the landing zone in use.")
def verify(place: str | None) -> None:
    """Read every answer that should be kept and compare it with its hash.

    Exit status 1 when one is damaged or missing.
    """
    console = Console(stderr=True)
    with opening.runtime(console) as runtime, _said():
        zone = LandingZone(place) if place else runtime.landing
        zone.look()
        with _progress(console, runtime, "Reading answers") as told:
            done = landing_copies.verify(runtime, zone, told=told)
    click.echo(f"Whole: {done.whole:,} answers in {zone.shown}.")
    _name_losses(done)


@contextmanager
def _said() -> Iterator[None]:
    """Say why a place cannot be used: whoever runs this command can mend it."""
    try:
        yield
    except LandingUnavailable as error:
        error.display_message = f"The landing zone cannot be used: {error.reason}. {error}"
        raise


@contextmanager
def _progress(console: Console, runtime: Runtime, words: str) -> Iterator[Told]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with waiting.bars(console, *columns, transient=True) as progress:
        task = progress.add_task(words, total=landing_copies.expected(runtime))
        yield lambda count: progress.update(task, completed=count)


def _name_losses(done: Looked) -> None:
    for word, hashes in (("damaged", done.damaged), ("missing", done.missing)):
        for name in hashes[:_SHOWN]:
            click.echo(f"{word}: {name}")
        if len(hashes) > _SHOWN:
            click.echo(f"{word}: {len(hashes) - _SHOWN:,} more")
    if not done.is_whole:
        raise SystemExit(1)
