"""The utilities as this installation knows them: profiles with settings, one transport each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import httpx2

from dcarbon.domain.errors import ClientCredentialsRejected, SettingsInvalid
from dcarbon.domain.secrets import Secret
from dcarbon.providers.breaker import Breaker
from dcarbon.providers.limits import RateLimiter, Turns, Urgency
from dcarbon.providers.platform_secrets import KeptSecrets, ReadSecret
from dcarbon.providers.profile import (
    Method,
    ProviderCredentials,
    UtilityProfile,
    with_overrides,
)
from dcarbon.providers.profiles import PROFILES, profile
from dcarbon.providers.transport import Transport
from dcarbon.settings import PREFIX, ProviderSettings, Settings


class ProviderRegistry:
    """Hands out profiles, credentials and transports by the profile's key; closed by its owner.

    ``networks`` replaces the network of single utilities, for tests. ``turns`` and ``breakers``
    make what all processes share for a utility; without them this process counts alone and leaves
    no utility alone. ``secrets`` finds a secret that was set by command; it wins over settings.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        networks: Mapping[str, httpx2.BaseTransport] | None = None,
        turns: Callable[[str], Turns] | None = None,
        breakers: Callable[[UtilityProfile], Breaker] | None = None,
        urgency: Urgency = Urgency.PERSON_WAITS,
        secrets: ReadSecret | None = None,
    ) -> None:
        """Raise :class:`SettingsInvalid` for a wrong provider setting."""
        for key in settings.providers:
            _require_known(key)
        self._settings = settings
        self._networks = dict(networks or {})
        self._turns = turns
        self._breakers = breakers
        self._urgency = urgency
        self._secrets = KeptSecrets(secrets) if secrets else None
        self._profiles = {key: _applied(key, settings.provider(key)) for key in PROFILES}
        self._transports: dict[str, Transport] = {}
        self._lock = threading.Lock()

    def profile(self, key: str) -> UtilityProfile:
        """Return one utility's profile. Raises :class:`InvalidInput` for an unknown key."""
        profile(key)
        return self._profiles[key]

    def green_button(self) -> list[UtilityProfile]:
        """Return the utilities that speak Green Button, in the order they are offered."""
        return [p for p in self._profiles.values() if p.method is Method.GREEN_BUTTON]

    def credentials(self, key: str) -> ProviderCredentials:
        """Return what the utility gave us at registration.

        Raises :class:`ClientCredentialsRejected` when there is nothing: an administrator acts.
        """
        given = self._settings.provider(key)
        credentials = ProviderCredentials(
            client_id=given.client_id,
            client_secret=_secret(given.client_secret),
            client_certificate=given.client_certificate,
            client_key=given.client_key,
            api_token=self._api_token(key),
            webhook_secret=_secret(given.webhook_secret),
        )
        speaks_utilityapi = self.profile(key).method is Method.UTILITYAPI
        if not (credentials.api_token if speaks_utilityapi else credentials.client_id):
            raise ClientCredentialsRejected(
                f"no credentials for {key} are set", code="provider_not_set_up"
            )
        return credentials

    def newer_api_token(self, key: str, refused: Secret) -> Secret | None:
        """Look at once whether another token was set than the one a provider just refused."""
        self.forget_secrets(key)
        token = self._api_token(key)
        return token if token != refused else None

    def forget_secrets(self, key: str) -> None:
        """Look at what was set by command when it is needed next, not at what was read before."""
        if self._secrets is not None:
            self._secrets.forget(key)

    def transport(self, key: str) -> Transport:
        """Return the utility's transport, made at its first use and shared by all threads."""
        with self._lock:
            if key not in self._transports:
                self._transports[key] = self._open(key)
            return self._transports[key]

    def close(self) -> None:
        with self._lock:
            for transport in self._transports.values():
                transport.close()
            self._transports.clear()

    def _api_token(self, key: str) -> Secret | None:
        speaks_utilityapi = self.profile(key).method is Method.UTILITYAPI
        kept = self._secrets.get(key, "api_token") if self._secrets and speaks_utilityapi else None
        return kept or _secret(self._settings.provider(key).api_token)

    def _open(self, key: str) -> Transport:
        known, given = self._profiles[key], self._settings.provider(key)
        needs_certificate = known.needs_client_certificate
        return Transport(
            known.resource_url,
            allowed_origins=known.fetched_urls(),
            ca_file=given.ca_file,
            client_certificate=given.client_certificate if needs_certificate else None,
            client_key=given.client_key if needs_certificate else None,
            limiter=RateLimiter(
                known.limits,
                turns=self._turns(key) if self._turns else None,
                urgency=self._urgency,
            ),
            breaker=self._breakers(known) if self._breakers else None,
            max_connections=self._settings.provider_concurrency,
            transport=self._networks.get(key),
        )


def _require_known(key: str) -> None:
    if key not in PROFILES:
        message = (
            f"{PREFIX}PROVIDERS__{key.upper()} names no utility; known are {', '.join(PROFILES)}."
        )
        raise SettingsInvalid(message, display_message=message)


def _applied(key: str, given: ProviderSettings) -> UtilityProfile:
    overrides = dict(given.overrides)
    if given.base_url:
        overrides["base_url"] = given.base_url
    if given.authorize_url:
        overrides["authorize_url"] = given.authorize_url
    return with_overrides(replace(PROFILES[key]), overrides)


def _secret(value: object) -> Secret | None:
    text = value.get_secret_value() if hasattr(value, "get_secret_value") else None
    return Secret(text) if text else None
