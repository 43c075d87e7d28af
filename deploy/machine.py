"""``python -m deploy.machine``: an installation here, every part a process of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from dcarbon import settings
from dcarbon.domain.errors import DCarbonError
from deploy.configuration import ProgramMissing
from deploy.engine import RUNS_END_S, Engine
from deploy.plan import Plan
from deploy.processes import NotStarted

MEGABYTE = 1_000_000
_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)
_FAILURES = (DCarbonError, ProgramMissing, NotStarted)

directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where everything is kept.  [default: DCARBON_DIRECTORY, else .dcarbon]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run DCarbon as separate processes: broker, workers, Dagster, web app behind TLS, PostgreSQL.

    They live on when this command ends. Settings come from the environment (DCARBON_...) and
    dcarbon.toml; with DCARBON_DATABASE_URL that server is used and none is started.
    """


@main.command()
@directory
@click.option("--workers", type=click.IntRange(1), help="Celery workers.  [default: 2]")
@click.option("--slots", type=click.IntRange(1), help="Runs at once on each.  [default: 4]")
@click.option(
    "--celery/--no-celery",
    default=None,
    help="Runs go to Celery workers, or each to a process of its own.  [default: celery]",
)
@click.option("--sandbox/--no-sandbox", default=None, help="With the stand-in utilities.")
@click.option("--certificate", type=_FILE, help="PEM file of the TLS proxy, the chain included.")
@click.option("--key", type=_FILE, help="Its key.")
@click.option("--only", multiple=True, help="Start this part alone. Repeatable.")
def start(directory: Path | None, only: tuple[str, ...], **given: object) -> None:
    """Start whatever does not run, and wait until it answers. Safe to repeat.

    Options left out keep their values from the last start.
    """
    if bool(given["certificate"]) != bool(given["key"]):
        raise click.UsageError("--certificate and --key belong together.")
    chosen, home = _place(directory)
    said: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    plan = replace(Plan.kept(home) or Plan(), **said)
    unknown = sorted(set(only) - set(plan.names))
    if unknown:
        raise click.UsageError(
            f"There is no part {unknown[0]}. There are: {', '.join(plan.names)}."
        )
    engine = Engine(home, chosen, plan, note=lambda words: click.echo(f"  {words} ..."))
    try:
        engine.start(only=only)
    except _FAILURES as error:
        words = error.display_message if isinstance(error, DCarbonError) else str(error)
        raise click.ClickException(words) from error
    click.echo(f"Web app: {engine.public_url}")
    click.echo(f"Dagster: http://127.0.0.1:{engine.plan.ports['dagster']} (this machine only)")


@main.command()
@directory
def status(directory: Path | None) -> None:
    """Show every part; exit status 1 when one does not run."""
    engine = _installed(directory)
    table = Table("part", "", "pid", "memory MB", "log", box=None)
    is_whole = True
    for name in engine.names:
        process = engine.processes.find(name)
        is_alive = process is not None and process.is_alive
        is_whole = is_whole and is_alive
        memory = f"{process.memory_bytes() / MEGABYTE:.0f}" if process and is_alive else ""
        pid = str(process.pid) if process else ""
        word = "runs" if is_alive else "does not run"
        table.add_row(name, word, pid, memory, str(engine.processes.log(name)))
    Console(soft_wrap=True).print(table)
    raise SystemExit(0 if is_whole else 1)


@main.command()
@directory
@click.argument("part")
@click.option("--lines", default=40, show_default=True, help="How many of its last lines.")
def logs(directory: Path | None, part: str, *, lines: int) -> None:
    """Show the last lines of PART's log."""
    engine = _installed(directory)
    if part not in engine.names:
        raise click.UsageError(f"There is no part {part}. There are: {', '.join(engine.names)}.")
    click.echo(engine.processes.end_of_log(part, lines))


@main.command()
@directory
@click.option(
    "--patience",
    default=RUNS_END_S,
    show_default=True,
    help="Seconds that runs under way have; what is cut is taken up again at the next start.",
)
def stop(directory: Path | None, *, patience: float) -> None:
    """Stop every part, the last started first."""
    engine = _installed(directory)
    forced = engine.stop(patience_s=patience)
    click.echo(f"Ended by force: {', '.join(forced)}." if forced else "Everything has stopped.")


def _place(directory: Path | None) -> tuple[settings.Settings, Path]:
    try:
        chosen = settings.load()
    except DCarbonError as error:
        raise click.ClickException(error.display_message) from error
    return chosen, (directory or chosen.directory).absolute()


def _installed(directory: Path | None) -> Engine:
    chosen, home = _place(directory)
    plan = Plan.kept(home)
    if plan is None:
        raise click.ClickException(f"Nothing was started in {home}.")
    return Engine(home, chosen, plan, note=lambda words: click.echo(f"  {words} ..."))


if __name__ == "__main__":
    main()
