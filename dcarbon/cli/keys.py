"""``dcarbon keys``: the key ring that seals tokens, and the platform's own token."""

from __future__ import annotations

import sys

import click

from dcarbon import settings
from dcarbon.db.sealing import KeyRing
from dcarbon.domain.secrets import Secret
from dcarbon.services import platform_tokens
from dcarbon.services.runtime import open_runtime


@click.group("keys")
def command() -> None:
    """Make keys that seal tokens, and change the platform's own token."""


@command.command("new")
def new() -> None:
    """Print a new key for DCARBON_SEAL_KEYS.

    Keep it as you keep the database: without it the tokens in there cannot be opened. To change
    keys, put the new one first and leave the old ones behind it, with commas between.
    """
    click.echo(KeyRing.generate().reveal())


@command.command("platform-token")
@click.argument("provider", metavar="PROVIDER")
@click.option("--by", "email", required=True, help="Your address, for the audit log.")
def platform_token(provider: str, email: str) -> None:
    """Replace our own token at PROVIDER (utilityapi) with one read from standard input.

    It is tried with one call first; when it is refused, the present one stays. Running processes
    take it up by themselves. Expire the old token in the provider's dashboard afterwards.
    """
    with open_runtime(settings.load()) as runtime:
        actor = platform_tokens.administrator(runtime, email)
        platform_tokens.rotate(runtime, provider, _read_token(), actor=actor)
    click.echo("The new token is in force. Expire the old one in the provider's dashboard.")


def _read_token() -> Secret:
    """Read a token without showing it: no argument, which other users of the machine could see."""
    if sys.stdin.isatty():
        typed = click.prompt("New token", hide_input=True, err=True)
    else:
        typed = sys.stdin.readline()
    if not typed.strip():
        raise click.UsageError("No token was given on standard input.")
    return Secret(typed.strip())
