"""``dcarbon doctor``: what is set up wrongly, and how to mend it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dcarbon import settings
from dcarbon.cli import examples, waiting
from dcarbon.cli import stack as stacks
from dcarbon.domain.doctor_words import DOCTOR_PARTS, DOCTOR_STATES
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.domain.system_words import State
from dcarbon.services import running_stack
from dcarbon.services.doctor import examining
from dcarbon.services.doctor.examining import Subject
from dcarbon.services.system_checks import Finding
from dcarbon.settings import PREFIX

_STYLES = {State.WRONG: "bold red", State.WATCH: "yellow", State.GOOD: "green"}
_NAMES = 9
"""Columns of the names of states."""


@click.command("doctor", epilog=examples.of("dcarbon doctor", "dcarbon doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def command(*, as_json: bool) -> None:
    """Look whether everything is set up rightly, and say how to mend what is not.

    Looks at Python and its packages, settings, files, disks, ports, the database, keys, the
    landing zone, mail, the utilities, the public address, clocks and Dagster. Works before
    anything is set up and while parts are broken; changes nothing; prints no secret.

    Every line is OK, a Warning, or a Problem. Exit status 1 when there is a problem.
    """
    console = Console(stderr=True)
    found: list[Finding] = []
    with waiting.under_way(console, "looking at what runs"):
        subject = _subject(dict(os.environ))
    for words, look in examining.looks(subject):
        with waiting.under_way(console, f"looking at {words}"):
            some = list(look())
        found += some
        if not as_json:
            _show(some)
    if as_json:
        click.echo(json.dumps(_document(subject.now, found), indent=2))
    else:
        _sum_up(found)
    if any(finding.state is State.WRONG for finding in found):
        raise SystemExit(1)


def _subject(environ: Mapping[str, str]) -> Subject:
    """Return what is to be examined; where ``dcarbon up`` runs, as its parts see it."""
    now = datetime.now(UTC)
    try:
        plain = settings.load(environ)
    except SettingsInvalid as error:
        return Subject(error, environ, None, now)
    stack = running_stack.find(plain.directory)
    if stack is None:
        return Subject(plain, environ, None, now)
    told = {f"{PREFIX}DAGSTER_URL": stack.dagster}
    if "public_url" not in plain.model_fields_set:
        told[f"{PREFIX}PUBLIC_URL"] = stack.web
    if stack.sandbox is not None:
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            told |= stacks.sandbox_settings(plain.directory.absolute())
    return Subject(settings.load(told | dict(environ)), environ, stack, now)


def _show(findings: Sequence[Finding]) -> None:
    """Print them, wrapped on a terminal; elsewhere each sentence stays in one line."""
    console = Console()
    for finding in findings:
        text, name = finding.text, DOCTOR_STATES[finding.state]
        said = f"{DOCTOR_PARTS[finding.part]}: {text.title}. {text.what_happened}"
        to_do = f"To do: {text.what_to_do}" if text.what_to_do else ""
        if not console.is_terminal:
            click.echo(f"{name:<{_NAMES}}{said}" + (f"\n{'':<{_NAMES}}{to_do}" if to_do else ""))
            continue
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_row(f"[{_STYLES[finding.state]}]{name:<{_NAMES - 2}}[/]", escape(said))
        if to_do:
            table.add_row("", f"[bold]{escape(to_do)}[/]")
        console.print(table, highlight=False)


def _sum_up(findings: Sequence[Finding]) -> None:
    click.echo(f"\n{', '.join(_counted(findings))}.")


def _counted(findings: Sequence[Finding]) -> Iterator[str]:
    names = {State.WRONG: "problem", State.WATCH: "warning"}
    for state, name in names.items():
        count = sum(finding.state is state for finding in findings)
        yield f"{count or 'no'} {name}{'' if count == 1 else 's'}"
    yield f"{sum(finding.state is State.GOOD for finding in findings)} OK"


def _document(now: datetime, findings: Sequence[Finding]) -> dict[str, object]:
    states = [finding.state for finding in findings]
    return {
        "at": now.isoformat(timespec="seconds"),
        "state": next(state.value for state in State if state in states),
        "findings": [
            {
                "part": finding.part,
                "state": finding.state.value,
                "code": finding.code,
                "title": finding.text.title,
                "what_happened": finding.text.what_happened,
                "what_to_do": finding.text.what_to_do or None,
            }
            for finding in findings
        ],
    }
