"""``dcarbon keys``: the keys that seal tokens, and the platform's own token."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from dcarbon import settings
from dcarbon.cli import answering, examples, opening, waiting
from dcarbon.db import sealing
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.secrets import Secret
from dcarbon.services import administrators, key_loss, key_rotation, live_keys, platform_tokens
from dcarbon.services.actors import SYSTEM, Actor
from dcarbon.services.key_rotation import KeyView, Rotation
from dcarbon.services.runtime import Runtime

_BY = click.option(
    "--by",
    "email",
    metavar="EMAIL",
    help="Your address as an administrator, for the audit log. Otherwise it names the system.",
)


@click.group("keys")
def command() -> None:
    """Make, list and change the keys with which tokens are encrypted (sealed) in the database.

    Without its key a token cannot be used: docs/guides/keys.md says how to keep and change them.
    """


@command.command("new", epilog=examples.of("dcarbon keys new", "dcarbon keys new --add"))
@click.option("--add", is_flag=True, help="Put it first into the key file instead of printing it.")
def new(*, add: bool) -> None:
    """Print a new key for DCARBON_SEAL_KEYS.

    Keep it as you keep the database: without it the tokens in there cannot be opened. To change
    keys, put the new one first and leave the old ones behind it, with commas between; then run
    `dcarbon keys rotate`.
    """
    made = KeyRing.generate()
    if not add:
        click.echo(made.reveal())
        return
    chosen = settings.load()
    file = live_keys.key_file(chosen)
    if file is None:
        raise click.UsageError("The keys are in the environment: put the new one there yourself.")
    _add(file, made)
    click.echo(f"The key {made.current_id} is first in {file}. Now run: dcarbon keys rotate")


@command.command(
    "list", short_help="Show every key and what it seals.", epilog=examples.of("dcarbon keys list")
)
def list_keys() -> None:
    """Show every key: which one seals, what the others still open, and what is missing."""
    console = Console()
    with opening.runtime(Console(stderr=True), needs_keys=False) as runtime:
        views = key_rotation.listed(runtime)
        place = runtime.keys.given.place
    console.print(_table(views))
    for line in _advice(views, place):
        console.print(line, highlight=False, soft_wrap=not console.is_terminal)


@command.command(
    "rotate",
    short_help="Seal everything with a new key.",
    epilog=examples.of("dcarbon keys new --add", "dcarbon keys rotate --by me@example.com"),
)
@_BY
@click.option("--yes", is_flag=True, help="Do not ask.")
def rotate(email: str | None, *, yes: bool) -> None:
    """Seal everything with the first key of the settings, while everything runs.

    Interrupted, run it again: it goes on where it was. With a new key it takes half a minute at
    least, until every process seals with it.
    """
    console = Console(stderr=True)
    with opening.runtime(console) as runtime:
        actor = _actor(runtime, email)
        if not yes:
            _ask_whether_all_have_it(runtime)
        with _progress(console) as progress:
            done = key_rotation.rotate(runtime, actor=actor, progress=progress)
        views = key_rotation.listed(runtime)
        place = runtime.keys.given.place
    _say(console, done)
    for line in _advice(views, place):
        console.print(line, highlight=False, soft_wrap=not console.is_terminal)
    if not done.is_whole:
        sys.exit(1)


@command.command(
    "give-up",
    short_help="Give up a key that is lost.",
    epilog=examples.of("dcarbon keys give-up 3f9c01aa --by me@example.com"),
)
@click.argument("key_id", metavar="KEY")
@_BY
@click.option("--yes", is_flag=True, help="Do not ask.")
def give_up(key_id: str, email: str | None, *, yes: bool) -> None:
    """Give up a KEY that nobody has any more: its customers are asked to authorize anew."""
    with opening.runtime(Console(stderr=True), needs_keys=False) as runtime:
        actor = _actor(runtime, email)
        counts = {view.key_id: view.in_use for view in key_rotation.listed(runtime)}.get(key_id)
        if counts and not yes:
            click.confirm(
                f"{live_keys.in_words(counts)} cannot be opened without this key. Give them up?",
                abort=True,
                err=True,
            )
        ended = key_loss.give_up(runtime, key_id, actor=actor)
    click.echo(f"Given up: {live_keys.in_words(ended) or 'nothing was sealed with it'}.")


@command.command(
    "platform-token",
    short_help="Replace our own token at a provider.",
    epilog=examples.of("dcarbon keys platform-token utilityapi --by me@example.com < token.txt"),
)
@click.argument("provider", metavar="PROVIDER")
@answering.by
def platform_token(provider: str, email: str) -> None:
    """Replace our own token at PROVIDER (utilityapi) with one read from standard input.

    It is tried with one call first; when it is refused, the present one stays. Running processes
    take it up by themselves. Expire the old token in the provider's dashboard afterwards.
    """
    with opening.runtime(Console(stderr=True)) as runtime:
        actor = administrators.by_email(runtime, email)
        platform_tokens.rotate(runtime, provider, _read_token(), actor=actor)
    click.echo("The new token is in force. Expire the old one in the provider's dashboard.")


def _add(file: Path, made: KeyRing) -> None:
    if file.exists():
        sealing.replace(file, made.joined(sealing.load(file)))
    else:
        raise click.UsageError(f"There is no key file {file} yet; the first start makes it.")


def _actor(runtime: Runtime, email: str | None) -> Actor:
    return administrators.by_email(runtime, email) if email else SYSTEM


def _ask_whether_all_have_it(runtime: Runtime) -> None:
    """A new key in a file is found there by running processes; one in the environment is not."""
    given = runtime.keys.given
    known = {view.key_id for view in key_rotation.listed(runtime) if view.in_force_since}
    if given.file is None and given.ring.current_id not in known:
        click.confirm(
            f"Has every process been restarted with the new key in {given.place}?",
            abort=True,
            err=True,
        )


def _table(views: list[KeyView]) -> Table:
    table = Table("Key", "State", "Since (UTC)", "Seals", "Of these in use", box=None)
    for view in views:
        since = view.replaced_at or view.in_force_since
        table.add_row(
            escape(view.key_id),
            _state(view),
            f"{since:%Y-%m-%d %H:%M}" if since else "",
            live_keys.in_words(view.seals) or "nothing",
            live_keys.in_words(view.in_use) or "nothing",
        )
    return table


def _state(view: KeyView) -> str:
    if view.is_in_force:
        state = "in force"
    elif view.replaced_at is not None:
        state = "replaced"
    else:
        state = "not in force yet"
    return state if view.is_held else f"[red]{state}, missing here[/]"


def _advice(views: list[KeyView], place: str) -> Iterator[str]:
    """Say what is to be done about each key, if anything is."""
    current = next((view.key_id for view in views if view.is_in_force), None)
    for view in views:
        name = f"[bold]{escape(view.key_id)}[/]"
        if view.is_lost:
            yield (
                f"{name} is not, or not rightly, in {escape(place)}: put it back there. Only if "
                f"nobody has it any more: dcarbon keys give-up {escape(view.key_id)}"
            )
        elif view.is_held and not view.is_in_force and view.replaced_at is None:
            yield f"{name} is there but does not seal yet: put it first and run dcarbon keys rotate"
        elif view.is_held and view.key_id != current and not view.seals:
            yield (
                f"{name} seals nothing any more: it may be taken out of {escape(place)}. Keep it "
                "for as long as you keep backups that were made with it."
            )


def _say(console: Console, done: Rotation) -> None:
    sealed = live_keys.in_words({name: n for name, n in done.resealed.items() if n})
    console.print(f"{escape(done.key_id)} is in force. Sealed anew: {sealed or 'nothing'}.")
    for name, rows in done.unopened.items():
        if rows:
            shown = ", ".join(map(str, rows[:5])) + (" ..." if len(rows) > 5 else "")  # noqa: PLR2004
            console.print(
                f"[red]{len(rows):,} of {name} cannot be opened with the keys here and are left as "
                f"they are:[/] {shown}"
            )
    if done.held:
        console.print(f"[red]{done.held:,} were held by others: run this again.[/]")


@contextmanager
def _progress(console: Console) -> Iterator[key_rotation.Progress]:
    told = TextColumn("{task.description}")
    columns = (SpinnerColumn(), told, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with waiting.bars(console, *columns, transient=True) as bar:
        task = bar.add_task("Sealing anew", total=None)

        def show(done: int, of: int) -> None:
            words = "Sealing anew" if done < of else "Waiting for every process to follow"
            bar.update(task, completed=done, total=max(of, 1), description=words)

        yield show


def _read_token() -> Secret:
    """Read a token without showing it: no argument, which other users of the machine could see."""
    if sys.stdin.isatty():
        typed = click.prompt("New token", hide_input=True, err=True)
    else:
        typed = sys.stdin.readline()
    if not typed.strip():
        raise click.UsageError("No token was given on standard input.")
    return Secret(typed.strip())
