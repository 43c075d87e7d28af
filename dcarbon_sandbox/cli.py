"""The command ``dcarbon-sandbox``: serve, and look at what a running sandbox offers."""

from __future__ import annotations

import logging
import shlex
import signal
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from dcarbon_sandbox import scenarios
from dcarbon_sandbox.app import Options
from dcarbon_sandbox.clock import SandboxClock
from dcarbon_sandbox.customers import CUSTOMERS
from dcarbon_sandbox.green_button.profiles import PROFILES
from dcarbon_sandbox.product_settings import product_settings
from dcarbon_sandbox.scenarios import SCENARIOS
from dcarbon_sandbox.server import Endpoints, Ports, running
from dcarbon_sandbox.utilityapi.settings import validated

_DIRECTORY = Path(".dcarbon") / "sandbox"
_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=_DIRECTORY,
    show_default=True,
    help="Where certificates, state and endpoints.json are kept.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Stand-in utilities and a mail sink, for trying and testing DCarbon offline.

    Nothing here is real: invented customers, made-up readings, its own certificate authority.
    """


def _pairs(
    _context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, found, rest = value.partition("=")
        if not (name and found and rest):
            raise click.BadParameter(f"{value!r} is not NAME=VALUE", param=parameter)
        pairs[name] = rest
    return pairs


def _files(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, Path]:
    files = {login: Path(name) for login, name in _pairs(context, parameter, values).items()}
    for path in files.values():
        if not path.is_file():
            raise click.BadParameter(f"{path} is not a file", param=parameter)
    return files


def _notification_uris(
    _context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, str]:
    uris = {}
    for value in values:
        utility, found, rest = value.partition("=")
        if found and utility in PROFILES:
            uris[utility] = rest
        elif value.startswith(("http://", "https://")):
            uris["*"] = value
        else:
            raise click.BadParameter(f"{value!r} is not an address", param=parameter)
    return uris


def _utilityapi_settings(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, Any]:
    given = {}
    for name, text in _pairs(context, parameter, values).items():
        try:
            given[name] = orjson.loads(text)
        except orjson.JSONDecodeError:
            given[name] = text  # a plain word needs no quotes
    try:
        return validated(given)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from error


def _moment(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@main.command()
@_directory
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--https-port", default=8443, show_default=True, help="Preferred; 0: any free one.")
@click.option("--http-port", default=8480, show_default=True, help="For browsers. Preferred.")
@click.option("--smtp-port", default=8025, show_default=True, help="For mail. Preferred.")
@click.option(
    "--redirect-uri",
    "redirect_uris",
    multiple=True,
    metavar="URI",
    help="Accept this OAuth redirect beside any loopback address. Repeatable.",
)
@click.option(
    "--notification-uri",
    "notification_uris",
    multiple=True,
    metavar="[UTILITY=]URI",
    callback=_notification_uris,
    help="Where notifications go, for one utility or all. Repeatable.",
)
@click.option(
    "--feed",
    "feeds",
    multiple=True,
    metavar="LOGIN=FILE",
    callback=_files,
    help="Serve FILE unchanged as this customer's batch subscription. Repeatable.",
)
@click.option(
    "--utilityapi",
    multiple=True,
    metavar="NAME=JSON",
    callback=_utilityapi_settings,
    help="Set a switch of the UtilityAPI server, for example token=secret. Repeatable.",
)
@click.option(
    "--scenario",
    "wanted",
    multiple=True,
    type=click.Choice(list(SCENARIOS)),
    help="Start in this situation. Repeatable; see the command 'scenarios'.",
)
@click.option(
    "--at", callback=_moment, metavar="TIME", help="Freeze the clock at this ISO 8601 time (UTC)."
)
def serve(
    *,
    directory: Path,
    host: str,
    https_port: int,
    http_port: int,
    smtp_port: int,
    redirect_uris: tuple[str, ...],
    notification_uris: dict[str, str],
    feeds: dict[str, Path],
    utilityapi: dict[str, Any],
    wanted: tuple[str, ...],
    at: datetime | None,
) -> None:
    """Run the sandbox until Ctrl-C. Ports that are taken are replaced by free ones."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    options = Options(redirect_uris, notification_uris, feeds, utilityapi)
    ports = Ports(https_port, http_port, smtp_port)
    clock = SandboxClock(at)
    try:
        with running(directory, ports=ports, host=host, options=options, clock=clock) as served:
            for name in wanted:
                scenarios.apply(name, served.sandbox.store, served.sandbox.faults)
            _show(served.endpoints)
            stop.wait()
    except OSError as error:
        raise click.ClickException(f"the sandbox cannot start: {error}") from error


@main.command()
@_directory
def where(directory: Path) -> None:
    """Say where the running sandbox is."""
    path = directory / "endpoints.json"
    if not path.exists():
        raise click.ClickException(f"no sandbox runs in {directory}; start one with 'serve'")
    _show(Endpoints(**orjson.loads(path.read_bytes())))


@main.command("settings")
@_directory
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of export lines.")
def print_settings(directory: Path, *, as_json: bool) -> None:
    """Print the settings with which DCarbon reaches the running sandbox."""
    path = directory / "endpoints.json"
    if not path.exists():
        raise click.ClickException(f"no sandbox runs in {directory}; start one with 'serve'")
    found = product_settings(Endpoints(**orjson.loads(path.read_bytes())))
    if as_json:
        click.echo(orjson.dumps(found).decode())
        return
    for name, value in found.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command("scenarios")
def list_scenarios() -> None:
    """List the situations that can be put in force."""
    table = Table("Scenario", "What happens")
    for name, scenario in SCENARIOS.items():
        table.add_row(name, scenario.text)
    Console().print(table)


@main.command()
def customers() -> None:
    """List the invented customers and their logins."""
    table = Table("Login", "Password", "Name", "Meters", "Known at")
    for customer in CUSTOMERS:
        meters = ", ".join(f"{meter.id} ({meter.kind})" for meter in customer.meters)
        known = ", ".join(sorted(customer.utilities))
        table.add_row(customer.login, customer.password, customer.name, meters, known)
    Console().print(table)


@main.command()
def clients() -> None:
    """List the registered clients: what a third party's settings need."""
    table = Table("Utility", "client_id", "client_secret", "Token path", "Resource path")
    for profile in PROFILES.values():
        table.add_row(
            profile.code,
            profile.client_id,
            profile.client_secret,
            profile.token_path,
            profile.base_path,
        )
    Console(width=200).print(table)


def _show(endpoints: Endpoints) -> None:
    table = Table("What", "Where", show_header=False, title="DCarbon sandbox")
    table.add_row("Start page, for a browser", endpoints.http)
    table.add_row("API, HTTPS", endpoints.https)
    table.add_row("Control room", f"{endpoints.http}/sandbox/")
    table.add_row("Mails", f"{endpoints.http}/mails")
    table.add_row("SMTP", endpoints.smtp)
    table.add_row("Certificate authority", endpoints.ca)
    table.add_row("Client certificate", endpoints.client_certificate)
    Console(soft_wrap=True).print(table)
