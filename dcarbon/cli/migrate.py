"""``dcarbon migrate``: the schema, up or to a revision."""

from __future__ import annotations

import click
from rich.console import Console
from sqlalchemy import Engine

from dcarbon import settings
from dcarbon.db import embedded, migrate
from dcarbon.db import engine as database


@click.command("migrate")
@click.option("--to", "revision", default="head", show_default=True, help="Revision to go to.")
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when the schema is behind.")
def command(revision: str, *, check: bool) -> None:
    """Bring the database schema up to date.

    Works on DCARBON_OWNER_DATABASE_URL or else DCARBON_DATABASE_URL, or on the embedded server
    under .dcarbon/. Safe to run twice and from several places at once. To go back, name an earlier
    revision or base.
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
            _go(engine, before, revision)
            after = migrate.current(engine)
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
