"""A utility as data: what differs between utilities, and how settings overrule it.

Which utilities there are stands in ``profiles``; what one of them gave us in secret is separate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, unique
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dcarbon.domain.errors import SettingsInvalid
from dcarbon.domain.secrets import Secret
from dcarbon.providers.limits import RateLimits

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Method(StrEnum):
    """The protocol, in the words of the stories (``auth_method``)."""

    GREEN_BUTTON = "green_button"
    UTILITYAPI = "utilityapi"


class ClientAuth(StrEnum):
    """How a client names itself at the token endpoint (RFC 6749 2.3.1)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"


class TokenStyle(StrEnum):
    """Where the parameters of a token request go; it is a POST either way."""

    BODY = "body"
    QUERY = "query"


@unique
class Quirk(Enum):
    """How a utility differs from the standard, each with when and how it was seen."""

    BATCH_ANSWERED_LATER = "batch_answered_later"
    """202, then a notification. PG&E, documented and seen in live clients 2019-2022."""
    USAGE_POINT_BATCH_AT_ONCE = "usage_point_batch_at_once"
    """The batch of one usage point answers 200 with data although listed as asynchronous.
    PG&E, in its 2015 development guide and a live client of about 2022."""
    EMPTY_IS_204 = "empty_is_204"
    """A range without data is 204. PG&E since 2023-03-20."""
    EXPIRED_TOKEN_IS_403 = "expired_token_is_403"  # noqa: S105 — a name, not a secret
    """An expired token shows as 403. PG&E, live client 2019-2022; others, GBA minutes 2024-08."""
    NO_CERTIFICATE_IS_400 = "no_certificate_is_400"
    """A missing client certificate is 400 ``Invalid Certificate``. PG&E documentation 2026-07."""
    CLIENT_TOKEN_HAS_OWN_NAME = "client_token_has_own_name"  # noqa: S105 — a name, not a secret
    """``client_access_token`` instead of ``access_token``, JSON or XML. PG&E 2015-2026."""
    CUSTOMER_URI_IS_DERIVED = "customer_uri_is_derived"
    """The token answer has no customerResourceURI; the subscription's id serves. PG&E, live client
    of about 2022."""
    CODE_HAS_TWO_NAMES = "code_has_two_names"
    """The callback may call the code ``authorization_code``. PG&E, one secondary text of 2026."""
    NEW_SUBSCRIPTION_ON_REAUTHORIZATION = "new_subscription_on_reauthorization"
    """Authorizing again gives a new subscription and ends the old token. PG&E flow chart."""
    MILLISECOND_PERIODS = "millisecond_periods"
    """authorizedPeriod is in milliseconds, expires_at in seconds. PG&E sample file."""
    LEGACY_SCOPE_SCREENS = "legacy_scope_screens"
    """The flow passes the utility's scope selection screen. SCE registration mail, August 2026."""
    BULK_FILES = "bulk_files"
    """Data come as files of a bulk id that a notification names. SCE traffic of 2016."""
    LOCAL_CLOCK_AS_UTC = "local_clock_as_utc"
    """Starts are the local clock written as if UTC, tzOffset 0. SDG&E download of 2019-10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UtilityProfile:
    """Everything about one utility that is not a secret.

    Fields named in ``unconfirmed`` are placeholders or guesses; settings replace them.
    """

    key: str
    name: str
    known_as: str
    """The short name on a bill and in ``auth_provider``: ``PG&E``."""
    method: Method
    authorize_url: str
    """For the customer's browser; never fetched by us."""
    token_url: str | None
    resource_url: str
    """Base of the resource API, without a slash at its end."""
    revoke_url: str | None = None
    """RFC 7009 endpoint, where the utility has one."""
    scope: str = ""
    sends_scope: bool = True
    client_auth: ClientAuth = ClientAuth.BASIC
    token_style: TokenStyle = TokenStyle.BODY
    needs_client_certificate: bool = False
    accepts_pkce: bool = False
    limits: RateLimits = field(default_factory=RateLimits)
    history_limit_days: int | None = None
    """How far back the utility has data; ``None``: unknown."""
    request_window_days: int | None = None
    """Most days to ask for at once; ``None``: the whole range."""
    page_size: int | None = None
    """Entries a page, where start-index and max-results are understood; ``None``: not sent."""
    access_token_life_s: int = 3600
    """Used where a token answer does not say it."""
    refresh_token_life_days: int | None = None
    time_zone: str = "America/Los_Angeles"
    quirks: frozenset[Quirk] = frozenset()
    unconfirmed: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()

    def has(self, quirk: Quirk) -> bool:
        return quirk in self.quirks

    def fetched_urls(self) -> tuple[str, ...]:
        """Return every address we fetch ourselves: what a transport has to allow."""
        return tuple(u for u in (self.resource_url, self.token_url, self.revoke_url) if u)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCredentials:
    """What a utility gave us at registration."""

    client_id: str | None = None
    client_secret: Secret | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    registration_token: Secret | None = None
    api_token: Secret | None = None
    webhook_secret: Secret | None = None


def with_overrides(profile: UtilityProfile, overrides: Mapping[str, str]) -> UtilityProfile:
    """Return the profile with settings applied; what was set is no longer unconfirmed.

    Names are those of the fields, ``per_second``, ``per_hour`` and ``per_day`` for the limits, and
    ``base_url``, which replaces scheme and host of every endpoint and goes before its path; single
    endpoints overrule it. Lists have commas, an empty text means none.

    Raises :class:`SettingsInvalid` naming the field.
    """
    changed = profile
    if base := overrides.get("base_url"):
        changed = _rebased(profile, _https("base_url", base).rstrip("/"))
    for name, text in overrides.items():
        if name != "base_url":
            changed = _overridden(changed, name, text.strip())
    return replace(changed, unconfirmed=changed.unconfirmed - overrides.keys())


def _overridden(profile: UtilityProfile, name: str, text: str) -> UtilityProfile:
    read = _READERS.get(name)
    if read is None:
        raise _invalid(name, "is not a field of a utility's profile")
    value: Any = read(name, text)
    if name in _LIMITS:
        return replace(profile, limits=replace(profile.limits, **{name: value}))
    return replace(profile, **{name: value})


def _rebased(profile: UtilityProfile, base: str) -> UtilityProfile:
    endpoints = {name: getattr(profile, name) for name in _ENDPOINTS}
    moved = {name: base + urlsplit(url).path for name, url in endpoints.items() if url}
    return replace(profile, unconfirmed=profile.unconfirmed - moved.keys(), **moved)


def _https(name: str, text: str) -> str:
    return _url(name, text, browser=False)


def _browser_url(name: str, text: str) -> str:
    return _url(name, text, browser=True)


def _optional_https(name: str, text: str) -> str | None:
    return _https(name, text) if text else None


def _url(name: str, text: str, *, browser: bool) -> str:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _invalid(name, "is not an address") from None
    # Only a browser may be sent over plain HTTP, and only to this machine, as in the sandbox.
    allowed = {"https", "http"} if browser and host in LOOPBACK_HOSTS else {"https"}
    if parts.scheme not in allowed or not host or parts.username or parts.query or parts.fragment:
        raise _invalid(name, "must be https://host[:port]/path")
    return text.rstrip("/")


def _text(name: str, text: str) -> str:
    if not text:
        raise _invalid(name, "is empty")
    return text


def _scope(name: str, text: str) -> str:
    # ESPI String256; blanks and commas break OAuth libraries (green-button reference 3.4).
    if not re.fullmatch(r"[!-~]{0,256}", text) or "," in text:
        raise _invalid(name, "must be at most 256 characters without blanks or commas")
    return text


def _flag(name: str, text: str) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in known:
        raise _invalid(name, "must be true or false")
    return known[text.lower()]


def _count(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise _invalid(name, "must be a whole number above 0")
    return int(text)


def _optional_count(name: str, text: str) -> int | None:
    return _count(name, text) if text else None


def _zone(name: str, text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _invalid(name, "must be a time zone such as America/Los_Angeles") from None
    return text


def _one_of(kind: type[StrEnum]) -> Callable[[str, str], StrEnum]:
    def read(name: str, text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError:
            raise _invalid(name, f"must be one of {', '.join(kind)}") from None

    return read


def _quirks(name: str, text: str) -> frozenset[Quirk]:
    try:
        return frozenset(Quirk(word.strip()) for word in text.split(",") if word.strip())
    except ValueError:
        known = ", ".join(quirk.value for quirk in Quirk)
        raise _invalid(name, f"may hold {known}") from None


def _invalid(name: str, problem: str) -> SettingsInvalid:
    message = f"The profile setting {name} {problem}."
    return SettingsInvalid(message, display_message=message)


_ENDPOINTS = ("authorize_url", "token_url", "resource_url", "revoke_url")
_LIMITS = frozenset({"per_second", "per_hour", "per_day"})
_READERS: dict[str, Callable[[str, str], object]] = {
    "name": _text,
    "known_as": _text,
    "authorize_url": _browser_url,
    "token_url": _https,
    "resource_url": _https,
    "revoke_url": _optional_https,
    "scope": _scope,
    "sends_scope": _flag,
    "client_auth": _one_of(ClientAuth),
    "token_style": _one_of(TokenStyle),
    "needs_client_certificate": _flag,
    "accepts_pkce": _flag,
    "per_second": _optional_count,
    "per_hour": _optional_count,
    "per_day": _optional_count,
    "history_limit_days": _optional_count,
    "request_window_days": _optional_count,
    "page_size": _optional_count,
    "access_token_life_s": _count,
    "refresh_token_life_days": _optional_count,
    "time_zone": _zone,
    "quirks": _quirks,
}
