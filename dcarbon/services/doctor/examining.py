"""Everything the doctor looks at, one part after the other, whatever is broken before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from dcarbon.db import embedded, privileges
from dcarbon.domain.errors import DCarbonError, SettingsInvalid
from dcarbon.services import system_checks, system_machine
from dcarbon.services.doctor import database, given, inside, machine, network
from dcarbon.services.doctor.findings import good, watch, wrong
from dcarbon.services.running_stack import RunningStack
from dcarbon.services.system_checks import Finding
from dcarbon.settings import Settings

Look = Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined: settings (or why there are none), environment, and what runs here."""

    settings: Settings | SettingsInvalid
    environ: Mapping[str, str]
    stack: RunningStack | None
    """``None``: no ``dcarbon up`` runs on the directory of the settings."""
    now: datetime


def looks(subject: Subject) -> Iterator[tuple[str, Look]]:
    """Yield what is to be looked at, in words, and the look itself.

    None raises, also where this user may not look.
    """
    for words, look in _looks(subject):
        yield words, partial(_as_this_user, words, look)


def _as_this_user(words: str, look: Look) -> Iterator[Finding]:
    try:
        yield from look()
    except PermissionError as error:
        yield wrong("files", "place_closed", path=error.filename or "a place", words=words)


def _looks(subject: Subject) -> Iterator[tuple[str, Look]]:
    settings = subject.settings
    yield "Python and its packages", lambda: [*machine.of_python(), *machine.of_packages()]
    if isinstance(settings, SettingsInvalid):
        error = settings
        yield "the settings", lambda: given.of_error(error)
        return
    stack, now = subject.stack, subject.now
    yield "the settings", lambda: given.of_settings(settings)
    yield "files", lambda: given.of_files(settings, subject.environ, now=now)
    yield "disks", lambda: _of_disks(settings)
    yield "ports", lambda: machine.of_ports(settings, stack)
    yield "keys", lambda: inside.of_keys(settings)
    yield "the database and what is in it", lambda: _of_database(settings, stack)
    yield "mail", lambda: _of_mail(settings, stack)
    yield "utilities", lambda: network.of_utilities(settings)
    if stack is not None or settings.database_url is not None:
        yield "the public address", lambda: network.of_address(settings, now=now)
        yield "Dagster", lambda: network.of_dagster(settings, subject.environ)


def _of_disks(settings: Settings) -> Iterator[Finding]:
    yield from system_checks.of_disks(system_machine.disks(settings))


def _of_database(settings: Settings, stack: RunningStack | None) -> Iterator[Finding]:
    if settings.database_url is not None:
        owner = settings.owner_database_url
        if owner is not None:
            setting = "DCARBON_OWNER_DATABASE_URL"
            yield from database.of_way(
                owner.get_secret_value(), setting=setting, finding="owner_refused"
            )
        url = settings.database_url.get_secret_value()
        yield from _of_server(settings, url, is_running=True, own_server=True)
    elif not inside.is_made(settings):
        place = settings.directory / "postgresql"
        yield good("database", "database_not_made", place=place)
    else:
        if stack is None:
            yield watch("pipelines", "not_running")
        try:
            with embedded.server(settings.directory) as urls:
                url, is_running = urls[embedded.PRODUCT_DATABASE], stack is not None
                yield from _of_server(settings, url, is_running=is_running, own_server=False)
        except DCarbonError as error:
            yield wrong("database", "inside_unread", said=error.display_message)


def _of_server(
    settings: Settings, url: str, *, is_running: bool, own_server: bool
) -> Iterator[Finding]:
    setting = "DCARBON_DATABASE_URL"
    if refused := list(database.of_way(url, setting=setting)):
        yield from refused
        return
    with database.opened(url) as owner, database.opened(_working(url, owner, own_server)) as engine:
        found = list(database.of_server(engine, embedded=not own_server))
    yield from found
    fits = any(finding.code == "database_facts" for finding in found)
    has_keys = not any(finding.code.startswith("keys_") for finding in inside.of_keys(settings))
    if fits and has_keys:
        yield from inside.of_house(settings, is_running=is_running)


def _working(url: str, owner: Engine, own_server: bool) -> str:  # noqa: FBT001 — passed on
    """Return the address as the product works: in the embedded server as its own role."""
    return url if own_server else privileges.as_app(url, owner)


def _of_mail(settings: Settings, stack: RunningStack | None) -> Iterator[Finding]:
    if settings.mail_host is None:
        # Said by the System page's check where processes are expected to run.
        if settings.database_url is None and stack is None:
            yield watch("mail", "mail_stand_in")
        return
    yield from network.of_mail(settings)
