"""``dcarbon token``: API tokens for people, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape

from dcarbon import settings
from dcarbon.services import api_tokens, people
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import open_runtime


@click.command("token")
@click.argument("email")
@click.option("--name", default="command line", show_default=True, help="What the token is for.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(api_tokens.SCOPES),
    default=api_tokens.SCOPES,
    help="May be given twice; both by default.",
)
@click.option(
    "--kind",
    type=click.Choice(["commercial", "residential"]),
    default="commercial",
    show_default=True,
    help="Account kind, if the person is new.",
)
def command(email: str, name: str, scopes: tuple[str, ...], kind: str) -> None:
    """Make an API token for the person with this EMAIL, who is created if new.

    The token is shown once. Send it as `Authorization: Bearer TOKEN`.
    """
    now = datetime.now(UTC)
    with open_runtime(settings.load()) as runtime:
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
