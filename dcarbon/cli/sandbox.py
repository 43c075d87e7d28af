"""``dcarbon sandbox``: hands over to the sandbox program, which is a process of its own."""

from __future__ import annotations

import os
import sys

import click


@click.command(
    "sandbox",
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Start the stand-in utilities; everything after the name goes to `dcarbon-sandbox`."""
    sys.stdout.flush()
    os.execv(  # noqa: S606 — replaces this process by our own program, no shell
        sys.executable, [sys.executable, "-m", "dcarbon_sandbox", *arguments]
    )
