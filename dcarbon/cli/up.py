"""``dcarbon up``: everything, until Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from dcarbon import settings
from dcarbon.cli import examples, waiting
from dcarbon.cli import stack as stacks
from dcarbon.cli.stack import Stack
from dcarbon.settings import Settings


@click.command(
    "up", epilog=examples.of("dcarbon up", "DCARBON_WEB_PORT=8080 dcarbon up --no-sandbox")
)
@click.option(
    "--sandbox/--no-sandbox",
    default=True,
    show_default=True,
    help="With stand-in utilities and a mailbox to try everything with, or without.",
)
def command(*, sandbox: bool) -> None:
    """Start everything that DCarbon is made of, and stop it at Ctrl-C.

    That is PostgreSQL, stand-in utilities, the web app, the mailer and Dagster, which collects the
    readings. Their addresses are shown once all of them answer, half a minute later. Files and
    logs are under .dcarbon/. Where a port is taken, a free one is used instead.
    """
    console = Console()
    console.print("Starting DCarbon.")
    with started(settings.load(), console, with_sandbox=sandbox) as stack:
        console.print(addresses(stack))
        wait(stack, console)


@contextmanager
def started(chosen: Settings, console: Console, *, with_sandbox: bool) -> Iterator[Stack]:
    """Start everything and stop it at the end, and show each part as it starts and stops."""
    with (
        waiting.steps(console) as steps,
        stacks.running(
            chosen,
            with_sandbox=with_sandbox,
            note=lambda part: steps.now(f"starting {part}"),
            leaving=lambda part: steps.now(f"stopping {part}"),
        ) as stack,
    ):
        steps.done()
        yield stack


def addresses(stack: Stack) -> Table:
    """Return where everything is, as a table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("Web app", stack.web)
    table.add_row("API description", f"{stack.web}/docs")
    table.add_row("Dagster UI", stack.dagster)
    if stack.sandbox:
        table.add_row("Sandbox utilities", stack.sandbox)
        table.add_row("Mails it caught", f"{stack.sandbox}/mails")
    table.add_row("Logs", str(stack.settings.directory / "logs"))
    return table


def wait(stack: Stack, console: Console) -> None:
    """Stay until Ctrl-C, or until a part dies, which is said."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    console.print("Ctrl-C stops everything.")
    while not stop.wait(1.0):
        dead = stack.first_dead()
        if dead is not None:
            raise stacks.StartFailed(
                f"{dead.name} ended",
                display_message=f"The {dead.name} ended by itself; {dead.log} says why.",
            )
    console.print("Stopping.")
