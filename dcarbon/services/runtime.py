"""What every use case needs, opened once per process and closed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
from sqlalchemy import Engine

from dcarbon.db import embedded, migrate, platform_secrets
from dcarbon.db import engine as database
from dcarbon.db.engine import Sessions
from dcarbon.db.held_locks import HeldLocks
from dcarbon.db.landing_zone import LandingZone
from dcarbon.db.provider_turns import SharedTurns
from dcarbon.db.sealing import KeyRing, load_or_create
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.providers.limits import Urgency
from dcarbon.providers.profile import UtilityProfile
from dcarbon.providers.registry import ProviderRegistry
from dcarbon.services.provider_breaker import ProviderBreaker
from dcarbon.services.together import Together
from dcarbon.settings import Settings, missing

_SHARED_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Runtime:
    """Settings and the open things behind them."""

    settings: Settings
    engine: Engine
    sessions: Sessions
    locks: HeldLocks
    landing: LandingZone
    keys: KeyRing
    providers: ProviderRegistry
    clock: Callable[[], datetime]
    together: Together = field(default_factory=Together)

    def now(self) -> datetime:
        return self.clock()


@contextmanager
def open_runtime(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    networks: Mapping[str, httpx2.BaseTransport] | None = None,
    urgency: Urgency = Urgency.PERSON_WAITS,
) -> Iterator[Runtime]:
    """Open database, landing zone, keys and providers; close them at the end.

    Starts and migrates the embedded server when no database is set. ``urgency`` says whether
    people wait for what this process asks of providers. Raises :class:`SettingsInvalid` when a
    database is set and its schema or the keys for it are not.
    """
    keys = _keys(settings)
    with embedded.database_url(settings) as url:
        engine = database.create(url)
        with ExitStack() as opened:
            opened.callback(engine.dispose)
            _require_schema(engine, own_server=settings.database_url is not None)
            providers = _providers(
                settings, url, opened, keys, clock=clock, networks=networks, urgency=urgency
            )
            yield Runtime(
                settings=settings,
                engine=engine,
                sessions=database.sessions(engine),
                locks=_locks(url, opened),
                landing=LandingZone(settings.landing_uri or settings.directory / "landing"),
                keys=keys,
                providers=providers,
                clock=clock,
            )


def _providers(
    settings: Settings,
    url: str,
    opened: ExitStack,
    keys: KeyRing,
    *,
    clock: Callable[[], datetime],
    networks: Mapping[str, httpx2.BaseTransport] | None,
    urgency: Urgency,
) -> ProviderRegistry:
    """Open the way to providers, with limits and breakers that all processes share."""
    # Connections of their own: while a provider is asked, all of the others may be in use by
    # threads that wait for their turn to ask.
    engine = database.create(url, pool_size=_SHARED_CONNECTIONS)
    opened.callback(engine.dispose)
    sessions = database.sessions(engine)

    def breaker(profile: UtilityProfile) -> ProviderBreaker:
        rate = profile.limits.per_second
        return ProviderBreaker(sessions, profile.key, clock, urgency, per_second=rate)

    providers = ProviderRegistry(
        settings,
        networks=networks,
        turns=lambda key: SharedTurns(engine, key),
        breakers=breaker,
        urgency=urgency,
        secrets=lambda key, name: platform_secrets.read(sessions, keys, provider=key, name=name),
    )
    opened.callback(providers.close)
    return providers


def _locks(url: str, opened: ExitStack) -> HeldLocks:
    engine = database.create(url, pool_size=1)
    opened.callback(engine.dispose)
    locks = HeldLocks(engine)
    opened.callback(locks.close)
    return locks


def _require_schema(engine: Engine, *, own_server: bool) -> None:
    """Bring the embedded database up to date; somebody's own server is theirs to migrate."""
    database.require_reachable(engine)
    if not own_server:
        migrate.upgrade(engine)
    elif migrate.current(engine) != migrate.head():
        message = "The database schema is not that of this version. Run: dcarbon migrate"
        raise SettingsInvalid(message, code="schema_behind", display_message=message)


def _keys(settings: Settings) -> KeyRing:
    if settings.seal_keys is not None:
        return KeyRing.parse(settings.seal_keys.get_secret_value())
    if settings.seal_keys_file is not None:
        return load_or_create(settings.seal_keys_file)
    if settings.database_url is not None:
        raise missing(
            "seal_keys",
            "Tokens in your own database are sealed with keys that only you have: make one with "
            "`dcarbon keys new` and keep it safe.",
        )
    settings.directory.mkdir(parents=True, exist_ok=True)
    return load_or_create(settings.directory / "seal.keys")
