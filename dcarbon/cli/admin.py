"""``dcarbon admin``: administrators, from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

import click
from rich.console import Console

from dcarbon.cli import examples, opening
from dcarbon.domain.errors import NotFound
from dcarbon.services import people, retrying, revocation, sign_in
from dcarbon.services.actors import SYSTEM
from dcarbon.services.retrying import RetriedBy

_RETRIED = {
    RetriedBy.ASKING: "Whoever may authorize was asked by mail to do it again.",
    RetriedBy.LOOKING_AGAIN: "The provider is asked again whether the authorization is there.",
    RetriedBy.COLLECTING: "Its readings are collected at once.",
    None: "This was retried less than a minute ago; nothing was done again.",
}


@click.group("admin")
def command() -> None:
    """Make administrators, and do what administrators do."""


@command.command(
    "create",
    short_help="Make somebody an administrator.",
    epilog=examples.of("dcarbon admin create me@example.com"),
)
@click.argument("email")
def create(email: str) -> None:
    """Make the person with this EMAIL an administrator, created if new, and print a sign-in link.

    The link works once and for 15 minutes; later ones are asked for on the sign-in page.
    """
    now = datetime.now(UTC)
    with opening.runtime(Console(stderr=True)) as runtime:
        person = people.make_admin(runtime.sessions, email=email, actor=SYSTEM, now=now)
        link = sign_in.new_link(runtime, person.email)
    Console(stderr=True).print(
        f"{person.email} is an administrator. Sign in within 15 minutes, once:", highlight=False
    )
    click.echo(link)


@command.command(
    "retry",
    short_help="Start an authorization again.",
    epilog=examples.of("dcarbon admin retry 01a20895-cda5-743f-884a-a84591885964"),
)
@click.argument("authorization", type=click.UUID)
def retry(authorization: UUID) -> None:
    """Start an AUTHORIZATION again that failed, expired or is held up.

    Its id is on its page under Administration, Authorizations.
    """
    with opening.runtime(Console(stderr=True)) as runtime, _known(authorization):
        done = retrying.retry(runtime, authorization, actor=SYSTEM)
    click.echo(f"{done.status}: {_RETRIED[done.by]}")


@command.command(
    "revoke",
    short_help="End an authorization.",
    epilog=examples.of(
        "dcarbon admin revoke 01a20895-cda5-743f-884a-a84591885964 --reason 'sold the house'"
    ),
)
@click.argument("authorization", type=click.UUID)
@click.option("--reason", required=True, help="Why; the people of the facility read it.")
def revoke(authorization: UUID, reason: str) -> None:
    """End an AUTHORIZATION at once: nothing is collected for it any more.

    What the utility still has is fetched before, and the utility is told. Its id is on its page
    under Administration, Authorizations.
    """
    with opening.runtime(Console(stderr=True)) as runtime, _known(authorization):
        ended = revocation.revoke(runtime, authorization, actor=SYSTEM, reason=reason)
    told = "the provider is told until it confirms" if ended.order_id else "nothing to end there"
    click.echo(f"revoked: {told}.")


@contextmanager
def _known(authorization: UUID) -> Iterator[None]:
    """Say which authorization is not there: the words for a page speak of addresses."""
    try:
        yield
    except NotFound as error:
        error.display_message = (
            f"There is no authorization {authorization}. Their ids are on their pages under "
            "Administration, Authorizations."
        )
        raise
