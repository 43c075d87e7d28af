"""``dcarbon audit``: prove the audit log, keep its heads, and give both to somebody else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.progress import Progress

from dcarbon import settings
from dcarbon.cli import answering, examples, opening, waiting
from dcarbon.db import audit_chain, privileges
from dcarbon.domain import audit_proof
from dcarbon.domain.audit_proof import Head, Verdict
from dcarbon.services import administrators, audit_export, audit_heads
from dcarbon.services.runtime import Runtime

_SHOWN_EVERY = 1_000


class _HeadType(click.ParamType[Head]):
    name = "SEQ:HASH"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        try:
            return audit_proof.head_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group("audit")
def command() -> None:
    """Prove that the audit log is as it was written, and give it to others.

    A head is the number and hash of the log's last entry. Whoever keeps one elsewhere can prove
    later that nothing before it was changed: docs/guides/audit-proof.md.
    """


@command.command(
    "verify",
    short_help="Prove that the log is as it was written.",
    epilog=examples.of(
        "dcarbon audit verify", "dcarbon audit verify --heads kept/audit-heads.jsonl"
    ),
)
@click.option(
    "--heads",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File of kept heads; by default DCARBON_AUDIT_HEADS_FILE.",
)
@click.option(
    "--head",
    "others",
    type=_HeadType(),
    multiple=True,
    help="A head from a mail; may be given again.",
)
def verify(heads: Path | None, others: Sequence[Head]) -> None:
    """Read the whole log and name every entry that was edited, removed, moved or cut off.

    Exit status 1 when there is one. What was rewritten up to the end, or cut off there, shows only
    against heads that were kept elsewhere.
    """
    chosen = settings.load()
    if heads is not None:
        chosen = chosen.model_copy(update={"audit_heads_file": heads})
    kept = [*audit_heads.kept(chosen), *others]
    with opening.runtime(Console(stderr=True), chosen) as runtime:
        verdict = _proven(runtime, kept)
        with runtime.sessions() as session:
            rights = privileges.of_log(session)
    for line in audit_proof.lines_of(verdict):
        click.echo(line)
    if not kept:
        click.echo("No kept head was at hand: a log cut off or rewritten at its end looks whole.")
    if rights.is_owner:
        click.echo(
            "DCarbon works as the owner of the log here, who could rewrite it: give it the role "
            f"{privileges.APP_ROLE} (docs/guides/audit-proof.md)."
        )
    if verdict.findings:
        raise SystemExit(1)


@command.command(
    "head",
    short_help="Keep the head of the log now.",
    epilog=examples.of("dcarbon audit head"),
)
def head() -> None:
    """Prove the log since the last kept head and keep its head now, as is done every night."""
    with opening.runtime(Console(stderr=True)) as runtime:
        done = audit_heads.keep(runtime)
        place = audit_heads.file_of(runtime.settings)
    click.echo(f"{done.head.seq}:{done.head.hash}")
    click.echo(f"Written to {place}; {done.mails} mails queued.", err=True)


@command.command(
    "accept",
    short_help="Go on from a log that is broken.",
    epilog=examples.of("dcarbon audit accept --by me@example.com"),
)
@answering.by
@click.option("--yes", is_flag=True, help="Do not ask.")
def accept(email: str, *, yes: bool) -> None:
    """Let a log that is not as it was written go on from its head of now.

    Nothing is mended. An entry says what was found and who went on; heads kept before are put
    aside as evidence. The nightly proof begins with this head from then on; `dcarbon audit verify`
    names what is broken for ever. Keep a backup and an export first: docs/runbooks/chain-broken.md.
    """
    with opening.runtime(Console(stderr=True)) as runtime:
        actor = administrators.by_email(runtime, email)
        if not yes:
            click.confirm("Go on from the log as it is, broken?", abort=True, err=True)
        done = audit_heads.accept(runtime, actor=actor)
    for told in done.findings:
        click.echo(f"NOT AS WRITTEN  {told}")
    click.echo(f"{done.head.seq}:{done.head.hash}")
    if done.kept_aside is not None:
        click.echo(f"The heads kept before are in {done.kept_aside}.", err=True)


@command.command(
    "export",
    short_help="Write the log to a file.",
    epilog=examples.of("dcarbon audit export audit.jsonl"),
)
@click.argument("file", type=click.File("wb"), default="-")
def export(file: IO[bytes]) -> None:
    """Write the whole log to FILE (standard output without one), a JSON object a line."""
    with opening.runtime(Console(stderr=True)) as runtime, runtime.sessions() as session:
        file.writelines(audit_export.lines(session))


@command.command(
    "verifier",
    short_help="Print a program that proves an export.",
    epilog=examples.of(
        "dcarbon audit verifier > verify_audit.py", "python3 verify_audit.py audit.jsonl"
    ),
)
def verifier() -> None:
    """Print the program that proves an export without DCarbon: one file, Python alone."""
    sys.stdout.write(Path(audit_proof.__file__).read_text("utf-8"))


def _proven(runtime: Runtime, kept: Sequence[Head]) -> Verdict:
    console = Console(stderr=True)
    columns = Progress.get_default_columns()
    with (
        runtime.sessions() as session,
        waiting.bars(console, *columns, transient=True) as progress,
    ):
        total = audit_chain.head(session)[0]
        task = progress.add_task("Reading the log", total=total)

        def told(seq: int) -> None:
            if seq % _SHOWN_EVERY == 0:
                progress.update(task, completed=seq)

        return audit_chain.prove(session, heads=kept, told=told)
