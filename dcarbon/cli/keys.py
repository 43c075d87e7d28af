"""``dcarbon keys``: the key ring that seals tokens."""

from __future__ import annotations

import click

from dcarbon.db.sealing import KeyRing


@click.group("keys")
def command() -> None:
    """Make keys that seal tokens."""


@command.command("new")
def new() -> None:
    """Print a new key for DCARBON_SEAL_KEYS.

    Keep it as you keep the database: without it the tokens in there cannot be opened. To change
    keys, put the new one first and leave the old ones behind it, with commas between.
    """
    click.echo(KeyRing.generate().reveal())
