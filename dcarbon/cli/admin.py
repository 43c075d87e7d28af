"""``dcarbon admin``: administrators, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.console import Console

from dcarbon import settings
from dcarbon.services import people, sign_in
from dcarbon.services.actors import SYSTEM
from dcarbon.services.runtime import open_runtime


@click.group("admin")
def command() -> None:
    """Make administrators."""


@command.command("create")
@click.argument("email")
def create(email: str) -> None:
    """Make the person with this EMAIL an administrator, created if new, and print a sign-in link.

    The link works once and for 15 minutes; later ones are asked for on the sign-in page.
    """
    now = datetime.now(UTC)
    with open_runtime(settings.load()) as runtime:
        person = people.make_admin(runtime.sessions, email=email, actor=SYSTEM, now=now)
        link = sign_in.new_link(runtime, person.email)
    Console(stderr=True).print(
        f"{person.email} is an administrator. Sign in within 15 minutes, once:", highlight=False
    )
    click.echo(link)
