"""``dcarbon facility``: register and list facilities from the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dcarbon.cli import examples, opening
from dcarbon.services import facilities, people
from dcarbon.services.actors import SYSTEM
from dcarbon.services.facilities import FacilityDetails

_NARROWEST = 120
"""Columns of the table when the output is not a terminal: nothing is cut then."""


named = click.option(
    "--facility",
    "named",
    metavar="NAME",
    required=True,
    help="The facility, by name or id: dcarbon facility list.",
)
"""The facility that a command is about."""


@click.group("facility")
def command() -> None:
    """Register and list facilities."""


@command.command(
    "add",
    short_help="Register a facility.",
    epilog=examples.of(
        'dcarbon facility add "My House" --owner me@example.com',
        'dcarbon facility add "The Plant" --owner me@example.com --kind commercial',
    ),
)
@click.argument("name")
@click.option(
    "--owner",
    metavar="EMAIL",
    required=True,
    help="Whose it is; a person who is not known yet is registered too.",
)
@click.option(
    "--kind",
    type=click.Choice(["commercial", "residential"]),
    default="residential",
    show_default=True,
    help="Whether people live there or work there.",
)
@click.option(
    "--time-zone",
    metavar="ZONE",
    default="America/Los_Angeles",
    show_default=True,
    help="Where its meters stand; their days begin and end by it.",
)
def add(name: str, owner: str, kind: str, time_zone: str) -> None:
    """Register a facility called NAME, and print its id."""
    now = datetime.now(UTC)
    with opening.runtime(Console(stderr=True)) as runtime:
        person = people.ensure(
            runtime.sessions, email=owner, account_kind=kind, actor=SYSTEM, now=now
        )
        facility = facilities.create(
            runtime.sessions,
            FacilityDetails(name=name, time_zone=time_zone),
            account_kind=kind,
            role="owner_operator",
            actor=SYSTEM,
            now=now,
            person_id=person.id,
        )
    click.echo(str(facility.id))


@command.command("list", epilog=examples.of("dcarbon facility list"))
def listing() -> None:
    """List every facility: id, name, utility, status and last sync."""
    plain = Console()
    console = plain if plain.is_terminal else Console(width=_NARROWEST)
    with opening.runtime(Console(stderr=True)) as runtime, runtime.sessions() as session:
        found = facilities.visible(session, actor=SYSTEM)
    if not found:
        console.print("No facilities yet. Register one: dcarbon facility add NAME --owner EMAIL")
        return
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("id", no_wrap=True, min_width=36)
    for column in ("name", "utility", "status", "last sync"):
        table.add_column(column, overflow="fold")
    for each in found:
        last = each.last_sync.strftime("%Y-%m-%d %H:%M UTC") if each.last_sync else "never"
        utility = escape(each.auth_provider or "-")
        table.add_row(str(each.id), escape(each.name), utility, each.auth_status or "-", last)
    console.print(table)
