"""``dcarbon migrate``: the schema, up or to a revision."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.console import Console
from sqlalchemy import Engine

from dcarbon import settings
from dcarbon.cli import examples, waiting
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database
from dcarbon.services import reading_months


@click.command(
    "migrate",
    epilog=examples.of("dcarbon migrate", "dcarbon migrate --check", "dcarbon migrate --to 0010"),
)
@click.option(
    "--to",
    "revision",
    metavar="REVISION",
    default="head",
    show_default=True,
    help="The revision to go to; head is the newest, base the empty database.",
)
@click.option("--check", is_flag=True, help="Change nothing; exit status 1 when it is behind.")
def command(revision: str, *, check: bool) -> None:
    """Bring the tables of the database up to this version of DCarbon.

    To be run once for a database of your own, and after each upgrade; the embedded database is
    kept up to date by itself. Works on DCARBON_OWNER_DATABASE_URL, else on DCARBON_DATABASE_URL,
    else on the embedded database under .dcarbon/. It may be run twice, and from several places at
    once.
    """
    console = Console()
    chosen = settings.load()
    with embedded.database_url(chosen) as working_url:
        owner = chosen.owner_database_url
        url = owner.get_secret_value() if owner else working_url
        engine = database.create(url)
        try:
            database.require_reachable(engine)
            before = migrate.current(engine)
            if check:
                console.print(
                    f"Schema is at {before or 'nothing'}, this version wants {migrate.head()}."
                )
                raise SystemExit(0 if before == migrate.head() else 1)
            with waiting.under_way(Console(stderr=True), "changing the schema"):
                _go(engine, before, revision)
            after = migrate.current(engine)
            if after == migrate.head():
                today = datetime.now(UTC).date()
                reading_months.make_ahead(database.sessions(engine), today=today)
        finally:
            engine.dispose()
    console.print(f"Schema: {before or 'nothing'} -> {after or 'nothing'}.")


def _go(engine: Engine, before: str | None, revision: str) -> None:
    known = migrate.revisions()
    if revision not in {"head", "base", *known}:
        raise click.BadParameter(
            f"known revisions: {', '.join(known)}, head, base", param_hint="--to"
        )
    target = 0 if revision == "base" else len(known)
    if revision in known:
        target = known.index(revision) + 1
    now = known.index(before) + 1 if before in known else 0
    (migrate.downgrade if target < now else migrate.upgrade)(engine, revision)
