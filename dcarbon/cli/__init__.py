"""The dcarbon command. Subcommands are imported when they run, so that ``--help`` is quick."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import IO, Any

import click
from rich.console import Console
from rich.markup import escape

from dcarbon.cli import waiting
from dcarbon.domain.errors import DCarbonError

_COMMANDS = {
    "up": ("dcarbon.cli.up", "Start everything; Ctrl-C stops it."),
    "demo": ("dcarbon.cli.demo", "Show the main job from end to end, on stand-in utilities."),
    "doctor": ("dcarbon.cli.doctor", "Say what is set up wrongly, and how to mend it."),
    "sandbox": ("dcarbon.cli.sandbox", "Start the stand-in utilities (a separate program)."),
    "import": ("dcarbon.cli.imports", "Take in files downloaded from a utility's site."),
    "export": ("dcarbon.cli.export", "Write readings to a CSV, Excel or Parquet file."),
    "inspect": ("dcarbon.cli.inspect", "Show what a downloaded file holds, without storing it."),
    "facility": ("dcarbon.cli.facility", "Register and list facilities."),
    "token": ("dcarbon.cli.token", "Make a token for the JSON API."),
    "admin": ("dcarbon.cli.admin", "Make administrators; retry or end an authorization."),
    "mailer": ("dcarbon.cli.mailer", "Send the mails that wait to be sent."),
    "audit": ("dcarbon.cli.audit", "Prove the audit log, and export it."),
    "landing": ("dcarbon.cli.landing", "Move the utilities' answers, or read all of them again."),
    "retention": ("dcarbon.cli.retention", "Show or erase what is not kept any longer."),
    "backup": ("dcarbon.cli.backup", "Copy databases and payloads into a directory, verified."),
    "restore": ("dcarbon.cli.restore", "Put a backup back into an empty database."),
    "migrate": ("dcarbon.cli.migrate", "Bring the database up to this version."),
    "psql": ("dcarbon.cli.psql", "Open psql on the database, for SQL."),
    "readings": ("dcarbon.cli.readings", "Keep readings by month."),
    "keys": ("dcarbon.cli.keys", "Make, list and change the keys that encrypt tokens."),
}


class _Said(click.ClickException):
    """What people did wrong, or has to be mended: a sentence and exit status 1, no traceback."""

    def show(self, file: IO[Any] | None = None) -> None:
        console = Console(file=file, stderr=file is None)
        wraps = console.is_terminal  # in a log a sentence stays in its line
        said = f"[bold red]Error:[/] {self.message}"
        console.print(said, highlight=False, soft_wrap=not wraps)


class _Lazy(click.Group):
    """A group that knows its commands' names and one line each, and imports the one that runs."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DCarbonError as error:
            # Names of facilities and files may hold brackets: they are text, not markup.
            raise _Said(f"{escape(error.display_message)} [dim]({error.code})[/]") from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], _COMMANDS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"{error.message}{meant}", ctx) from error

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 — click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        # The first start after an installation compiles what it imports, and takes its time.
        with waiting.under_way(Console(stderr=True), "loading"):
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

    Nothing has to be set up first: everything is kept under .dcarbon/ in this folder. Settings
    come from the environment (DCARBON_...) and from dcarbon.toml.

    Begin with `dcarbon demo` or `dcarbon up`. `dcarbon COMMAND --help` explains one command, and
    `dcarbon doctor` says what is set up wrongly.
    """


def main() -> None:
    """Run the command."""
    dcarbon()
