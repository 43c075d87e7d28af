"""The dcarbon command. Subcommands are imported when they run, so that ``--help`` is quick."""

from __future__ import annotations

from importlib import import_module
from typing import IO, Any

import click
from rich.console import Console
from rich.markup import escape

from dcarbon.domain.errors import DCarbonError

_COMMANDS = {
    "up": ("dcarbon.cli.up", "Start everything on embedded defaults; Ctrl-C stops it all."),
    "demo": ("dcarbon.cli.demo", "Run the main job end to end and show what it collected."),
    "sandbox": ("dcarbon.cli.sandbox", "Start the stand-in utilities (a separate program)."),
    "import": ("dcarbon.cli.imports", "Take in Green Button Download My Data files."),
    "export": ("dcarbon.cli.export", "Write readings to a CSV, Excel or Parquet file."),
    "inspect": ("dcarbon.cli.inspect", "Show what an ESPI file holds, without storing it."),
    "facility": ("dcarbon.cli.facility", "Register and list facilities."),
    "token": ("dcarbon.cli.token", "Make an API token for a person."),
    "admin": ("dcarbon.cli.admin", "Make administrators."),
    "mailer": ("dcarbon.cli.mailer", "Send queued mails."),
    "audit": ("dcarbon.cli.audit", "Prove the audit log, export it, and keep its heads."),
    "retention": ("dcarbon.cli.retention", "Show or erase what is not kept any longer."),
    "migrate": ("dcarbon.cli.migrate", "Bring the database schema up to date."),
    "keys": ("dcarbon.cli.keys", "Make, list and change the keys that seal tokens."),
}


class _Said(click.ClickException):
    """What people did wrong, or has to be mended: a sentence and exit status 1, no traceback."""

    def show(self, file: IO[Any] | None = None) -> None:
        console = Console(file=file, stderr=file is None)
        console.print(f"[bold red]Error:[/] {self.message}", highlight=False)


class _Lazy(click.Group):
    """A group that knows its commands' names and one line each, and imports the one that runs."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DCarbonError as error:
            # Names of facilities and files may hold brackets: they are text, not markup.
            raise _Said(f"{escape(error.display_message)} [dim]({error.code})[/]") from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 — click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(_COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dcarbon")
def dcarbon() -> None:
    """DCarbon: meter readings for renewable energy certificates, complete and provable.

    Settings come from the environment (DCARBON_...) and dcarbon.toml. Without any, everything
    runs on embedded defaults under .dcarbon/.
    """


def main() -> None:
    """Run the command."""
    dcarbon()
