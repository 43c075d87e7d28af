"""What every use case needs, opened once per process and closed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2
from sqlalchemy import Engine

from dcarbon.db import embedded, migrate, platform_secrets, privileges, sealing_keys
from dcarbon.db import engine as database
from dcarbon.db.engine import Sessions
from dcarbon.db.held_locks import HeldLocks
from dcarbon.db.landing_zone import LandingZone
from dcarbon.db.provider_turns import SharedTurns
from dcarbon.db.sealing_keys import SealingKey
from dcarbon.domain.errors import SettingsInvalid
from dcarbon.providers.limits import Urgency
from dcarbon.providers.profile import UtilityProfile
from dcarbon.providers.registry import ProviderRegistry
from dcarbon.services import live_keys
from dcarbon.services.live_keys import GivenKeys, LiveKeys
from dcarbon.services.provider_breaker import ProviderBreaker
from dcarbon.services.together import Together
from dcarbon.settings import Settings

_SHARED_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class Runtime:
    """Settings and the open things behind them."""

    settings: Settings
    engine: Engine
    sessions: Sessions
    locks: HeldLocks
    landing: LandingZone
    keys: LiveKeys
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
    needs_keys: bool = True,
) -> Iterator[Runtime]:
    """Open database, landing zone, keys and providers; close them at the end.

    Starts and migrates the embedded server when no database is set. ``urgency`` says whether
    people wait for what this process asks of providers. Raises :class:`SettingsInvalid` when a
    database is set and its schema or the keys for it are not; ``needs_keys=False`` lets the latter
    pass, for commands that mend it.
    """
    given = live_keys.given(settings)
    with embedded.database_url(settings) as owner_url:
        url, engine = _prepared(owner_url, own_server=settings.database_url is not None)
        with ExitStack() as opened:
            opened.callback(engine.dispose)
            shared = _shared_engine(url, opened)
            if needs_keys:
                with database.answering(engine):
                    live_keys.require_usable(database.sessions(engine), given, now=clock())
            keys = _keys(given, shared)
            providers = _providers(
                settings, shared, opened, keys, clock=clock, networks=networks, urgency=urgency
            )
            yield Runtime(
                settings=settings,
                engine=engine,
                sessions=database.sessions(engine),
                locks=_locks(url, opened),
                landing=LandingZone(settings.landing_address),
                keys=keys,
                providers=providers,
                clock=clock,
            )


def _providers(
    settings: Settings,
    engine: Engine,
    opened: ExitStack,
    keys: LiveKeys,
    *,
    clock: Callable[[], datetime],
    networks: Mapping[str, httpx2.BaseTransport] | None,
    urgency: Urgency,
) -> ProviderRegistry:
    """Open the way to providers, with limits and breakers that all processes share."""
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


def _prepared(owner_url: str, *, own_server: bool) -> tuple[str, Engine]:
    """Return where to work: the embedded database brought up to date, as a role that owns nothing.

    Somebody's own server is theirs to migrate, and its address says as whom we work.
    """
    engine = database.create(owner_url)
    with ExitStack() as undone:
        undone.callback(engine.dispose)
        database.require_reachable(engine)
        if own_server:
            with database.answering(engine):
                _require_schema(engine)
            undone.pop_all()
            return owner_url, engine
        migrate.upgrade(engine)
        url = privileges.as_app(owner_url, engine)
    return url, database.create(url)


def _require_schema(engine: Engine) -> None:
    if not migrate.is_usable(engine):
        message = "The database schema is not that of this version. Run: dcarbon migrate"
        raise SettingsInvalid(message, code="schema_behind", display_message=message)


def _shared_engine(url: str, opened: ExitStack) -> Engine:
    """Open connections for what all processes share."""
    # Of their own: while a provider is asked or a token is sealed, all of the others may be in use
    # by threads that wait for just that.
    engine = database.create(url, pool_size=_SHARED_CONNECTIONS)
    opened.callback(engine.dispose)
    return engine


def _keys(given: GivenKeys, engine: Engine) -> LiveKeys:
    sessions = database.sessions(engine)

    def in_force() -> SealingKey | None:
        with sessions() as session:
            return sealing_keys.in_force(session)

    return LiveKeys(given, in_force)
