"""The database from outside: is it there, does it fit, may we use it, which revision is it at?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from sqlalchemy import Connection, Engine, make_url

from dcarbon.db import engine as database
from dcarbon.db import migrate, server_facts
from dcarbon.db.server_facts import ServerFacts
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.providers.profile import LOOPBACK_HOSTS
from dcarbon.services.doctor.findings import good, watch, wrong
from dcarbon.services.system_checks import Finding

_CONNECT_S = 8
_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Words in what the driver says, what they mean, and what mends it."""

    seen: tuple[str, ...]
    why: str
    mend: str


_REFUSALS = (
    _Refusal(
        ("password authentication failed", "no password supplied"),
        "it refuses this user or password",
        "Correct user and password in {setting}.",
    ),
    _Refusal(
        ("no pg_hba.conf entry",),
        "it lets nobody in from here with this user and this kind of connection",
        "Add a line for this machine to pg_hba.conf of the server, or add ?sslmode=require.",
    ),
    _Refusal(
        ('role "',),
        "it has no such user",
        "Correct the user in {setting}. The role dcarbon_app is made by dcarbon migrate.",
    ),
    _Refusal(
        ("does not exist",),
        "it has no such database",
        "Make it (createdb), or correct the name in {setting}. Then run: dcarbon migrate",
    ),
    _Refusal(
        ("too many clients", "remaining connection slots", "too many connections"),
        "all its connections are in use",
        "Raise max_connections of the server, or run fewer workers.",
    ),
    _Refusal(
        ("certificate verify failed", "server does not support SSL", "SSL"),
        "no TLS connection comes about as the address asks for it",
        "Correct sslmode and sslrootcert in {setting}, or the certificate of the server.",
    ),
    _Refusal(
        ("resolve", "Name or service not known", "nodename nor servname"),
        "this name is not known here",
        "Correct the host in {setting}, or see whether DNS works.",
    ),
    _Refusal(
        ("Connection refused", "No such file or directory"),
        "nothing listens there",
        "Start PostgreSQL there, or correct host and port in {setting}.",
    ),
    _Refusal(
        ("timeout expired", "timed out"),
        "no answer comes back",
        "See whether a firewall stands between, or correct host and port in {setting}.",
    ),
)
_OTHERWISE = _Refusal((), "it does not let us in", "See in the log of the server why.")


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = database.create(url, pool_size=2)
    try:
        yield engine
    finally:
        engine.dispose()


def of_way(url: str, *, setting: str, finding: str = "database_refused") -> Iterator[Finding]:
    """Say why the server cannot be reached; nothing when it can."""
    try:
        parts = make_url(url)
        plain = parts.set(drivername="postgresql").render_as_string(hide_password=False)
        database.create(url).dispose()
        psycopg.connect(plain, connect_timeout=_CONNECT_S).close()
    except SettingsInvalid as error:
        yield wrong("database", "settings_wrong", said=error.display_message)
    except psycopg.Error as error:
        refusal = _meaning(str(error))
        place = f"{parts.host or 'the local socket'}:{parts.port or 5432}"
        mend = refusal.mend.format(setting=setting)
        yield wrong("database", finding, place=place, why=refusal.why, mend=mend)


def of_server(engine: Engine, *, embedded: bool) -> Iterator[Finding]:
    """Say how the server and the database fit, and at which revision it is."""
    with engine.connect() as connection:
        major, version = server_facts.version(connection)
        if major < server_facts.OLDEST:
            yield wrong("database", "database_old", version=version)
            return
        facts = server_facts.read(connection)
        yield from _of_kind(facts)
        yield from _of_network(engine, facts, embedded=embedded)
        if missing := server_facts.missing_extensions(connection):
            yield wrong("database", "database_extensions", names=", ".join(missing))
        revision = migrate.current(engine)
        behind = list(_of_revision(engine, revision, embedded=embedded))
        yield from behind
        if behind:
            return
        yield from _of_rights(connection, facts)
    said = {"role": facts.role, "encoding": facts.encoding, "collation": facts.collation}
    yield good("database", "database_facts", **said, revision=revision)


def _of_kind(facts: ServerFacts) -> Iterator[Finding]:
    if facts.encoding != "UTF8":
        yield wrong("database", "database_encoding", encoding=facts.encoding)
    if facts.collation_made and facts.collation_made != facts.collation_now:
        versions = {"made": facts.collation_made, "now": facts.collation_now or "none"}
        yield watch("database", "database_collation", **versions)
    if facts.is_standby or facts.is_read_only:
        why = "a standby, which only reads" if facts.is_standby else "set to read-only"
        yield wrong("database", "database_read_only", why=why)


def _of_network(engine: Engine, facts: ServerFacts, *, embedded: bool) -> Iterator[Finding]:
    host = engine.url.host or str(engine.url.query.get("host", ""))
    is_here = not host or host.startswith("/") or host in LOOPBACK_HOSTS
    if not (embedded or is_here or facts.is_encrypted):
        yield watch("database", "database_plain", place=f"{host}:{engine.url.port or 5432}")


def _of_revision(engine: Engine, found: str | None, *, embedded: bool) -> Iterator[Finding]:
    needed = migrate.head()
    if migrate.is_usable(engine):
        return
    if found is None:
        code = "schema_embedded" if embedded else "schema_none"
        make = watch if embedded else wrong
        yield make("database", code, found="nothing", needed=needed)
    elif found not in migrate.revisions():
        yield wrong("database", "schema_ahead", found=found)
    elif embedded:
        yield watch("database", "schema_embedded", found=found, needed=needed)
    else:
        yield wrong("database", "schema_other", found=found, needed=needed)


def _of_rights(connection: Connection, facts: ServerFacts) -> Iterator[Finding]:
    withheld = server_facts.withheld(connection)
    if withheld:
        rest = len(withheld) - _NAMED
        names = ", ".join(withheld[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
        yield wrong("database", "database_rights", role=facts.role, names=names)


def _meaning(said: str) -> _Refusal:
    found = (each for each in _REFUSALS if any(words in said for words in each.seen))
    return next(found, _OTHERWISE)
