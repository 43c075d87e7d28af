"""``dcarbon token``: API tokens for people, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape

from dcarbon.cli import examples, opening
from dcarbon.services import api_tokens, people
from dcarbon.services.actors import SYSTEM


@click.command(
    "token",
    epilog=examples.of(
        "dcarbon token me@example.com",
        'dcarbon token me@example.com --scope read --name "the dashboard"',
    ),
)
@click.argument("email")
@click.option(
    "--name",
    default="command line",
    show_default=True,
    help="What the token is for, to tell it from others.",
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(api_tokens.SCOPES),
    default=api_tokens.SCOPES,
    help="What it may do; may be given twice. Both if left out.",
)
@click.option(
    "--kind",
    type=click.Choice(["commercial", "residential"]),
    default="commercial",
    show_default=True,
    help="The kind of account, if the person is new.",
)
def command(email: str, name: str, scopes: tuple[str, ...], kind: str) -> None:
    """Make a token with which a program of the person EMAIL uses the JSON API.

    A person who is not known yet is registered. The token is shown this once; programs send it as
    `Authorization: Bearer TOKEN`. docs/guides/api.md says what can be asked for.
    """
    now = datetime.now(UTC)
    with opening.runtime(Console(stderr=True)) as runtime:
        person = people.ensure(
            runtime.sessions, email=email, account_kind=kind, actor=SYSTEM, now=now
        )
        _, secret = api_tokens.create(
            runtime.sessions,
            person_id=person.id,
            name=name,
            scopes=scopes,
            actor=SYSTEM,
            now=now,
        )
    Console(stderr=True).print(f"Token for {escape(person.email)}, shown this once:")
    click.echo(secret)
