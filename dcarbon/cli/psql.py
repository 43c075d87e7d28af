"""``dcarbon psql``: SQL on the database that is in use, the embedded one too."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack

import click
from rich.console import Console

from dcarbon import settings
from dcarbon.cli import examples, waiting
from dcarbon.db import archives, embedded, privileges
from dcarbon.db import engine as database


@click.command(
    "psql",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]},
    epilog=examples.of("dcarbon psql", "dcarbon psql < question.sql"),
)
@click.argument("arguments", metavar="[PSQL'S ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def command(arguments: Sequence[str]) -> None:
    """Open PostgreSQL's psql on the database in use, as the role DCarbon works as.

    The embedded server is started for as long as psql runs if nothing else has it up.
    """
    chosen = settings.load()
    with ExitStack() as opened:
        with waiting.under_way(Console(stderr=True), "opening the database"):
            url = opened.enter_context(embedded.database_url(chosen))
            if chosen.database_url is None:
                engine = database.create(url)
                opened.callback(engine.dispose)
                url = privileges.as_app(url, engine)
        program, environment = archives.program("psql", url)
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is psql's: it ends a statement
        status = subprocess.call([*program, *arguments], env=environment)  # noqa: S603 — psql
    raise SystemExit(status)
