"""``dcarbon up``: everything, until Ctrl-C."""

from __future__ import annotations

import signal
import threading

import click
from rich.console import Console
from rich.table import Table

from dcarbon import settings
from dcarbon.cli import stack as stacks
from dcarbon.cli.stack import Stack


@click.command("up")
@click.option(
    "--sandbox/--no-sandbox", default=True, show_default=True, help="With the stand-in utilities."
)
def command(*, sandbox: bool) -> None:
    """Start PostgreSQL, the sandbox utilities, the web app and Dagster; Ctrl-C stops all.

    Files and logs are under .dcarbon/. Ports that are taken are replaced by free ones.
    """
    console = Console()
    console.print("Starting DCarbon.")
    with stacks.running(
        settings.load(),
        with_sandbox=sandbox,
        note=lambda part: console.print(f"  [dim]starting[/] {part} ..."),
    ) as stack:
        console.print(addresses(stack))
        wait(stack, console)


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
    console.print("Stopping ...")
