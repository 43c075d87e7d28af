"""``dcarbon admin``: administrators, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import click
from rich.console import Console

from dcarbon import settings
from dcarbon.services import people, retrying, revocation, sign_in
from dcarbon.services.actors import SYSTEM
from dcarbon.services.retrying import RetriedBy
from dcarbon.services.runtime import open_runtime

_RETRIED = {
    RetriedBy.ASKING: "Whoever may authorize was asked by mail to do it again.",
    RetriedBy.LOOKING_AGAIN: "The provider is asked again whether the authorization is there.",
    RetriedBy.COLLECTING: "Its readings are collected at once.",
    None: "This was retried less than a minute ago; nothing was done again.",
}


@click.group("admin")
def command() -> None:
    """Make administrators, and do what administrators do."""


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


@command.command("retry")
@click.argument("authorization", type=click.UUID)
def retry(authorization: UUID) -> None:
    """Start an AUTHORIZATION again that failed, expired or is held up."""
    with open_runtime(settings.load()) as runtime:
        done = retrying.retry(runtime, authorization, actor=SYSTEM)
    click.echo(f"{done.status}: {_RETRIED[done.by]}")


@command.command("revoke")
@click.argument("authorization", type=click.UUID)
@click.option("--reason", required=True, help="Why; the people of the facility read it.")
def revoke(authorization: UUID, reason: str) -> None:
    """End an AUTHORIZATION here at once; its readings are landed and the provider is told."""
    with open_runtime(settings.load()) as runtime:
        ended = revocation.revoke(runtime, authorization, actor=SYSTEM, reason=reason)
    told = "the provider is told until it confirms" if ended.order_id else "nothing to end there"
    click.echo(f"revoked: {told}.")
